"""PyTorch: which modules are one activation as a whole, and what is looked at of the tensors that activations take."""

from __future__ import annotations

import copy
import weakref
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.backends.torch_printed import expression, name_of
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


def slope(activation: Activation, z: Tensor) -> Tensor:
    """By the printed expression: nothing has to be compiled for it."""
    rule = activation.rule
    return expression(name_of(rule, rule.orders(1)), z, tuple(activation.parameters.values()))


def rows_of(x: Tensor, axis: int, most: int) -> Tensor:
    """At most so many observations of each unit, in rows, in float32 at least."""
    x = x.movedim(axis, -1)
    sizes, steps = list(x.shape[:-1]), [1] * (x.dim() - 1)
    while _count(sizes, steps) > most:
        widest = max(range(len(sizes)), key=lambda i: sizes[i] / steps[i])
        steps[widest] *= 2
    part = x[tuple(slice(None, None, step) for step in steps)]
    rows = part.reshape(-1, x.shape[-1])
    return rows if rows.dtype is torch.float64 else rows.float()


def _count(sizes: list[int], steps: list[int]) -> int:
    total = 1
    for size, step in zip(sizes, steps, strict=True):
        total *= -(-size // step)
    return total
