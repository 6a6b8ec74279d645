"""PyTorch: which modules are one activation as a whole."""

from __future__ import annotations

import copy
import weakref
from typing import Any

import torch
from torch import nn

from nonlin.activation import Activation
from nonlin.torch.by_values import by_values
from nonlin.torch.known import activation_of
from nonlin.torch.modules import Layer
from nonlin.vector import VectorActivation


def whole(module: nn.Module) -> Activation | None:
    """The activation that a module is as a whole, where what it calls would not tell."""
    if isinstance(module, Layer):
        found = activation_of(module)
        return None if found is None or isinstance(found, VectorActivation) else found
    if type(module).__module__.partition(".")[0] == "torch" or list(module.parameters()) or list(module.children()):
        return None
    if module not in _told:
        _told[module] = _by_values(module)
    return _told[module]


_told: Any = weakref.WeakKeyDictionary()


def _by_values(module: nn.Module) -> Activation | None:
    """Asked of a copy's forward, without its hooks, and of no generator that training draws from."""
    try:
        with torch.random.fork_rng(devices=[]):
            known = by_values(copy.deepcopy(module).forward, ())
    except Exception:  # what cannot be copied is no activation
        return None
    return known[0] if known is not None else None
