"""Which activation a module or a function of PyTorch is, read off the names that the catalogue has for it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nonlin.activation import Activation
from nonlin.registry import catalog
from nonlin.torch.modules import Elementwise, Layer


def activation_of(found: Any) -> Activation | None:
    """The activation of a module or function, with its own parameters; None for anything else and for the identity.

    Of learned parameters the mean; of a function, what it is when it is called with x alone.
    """
    if isinstance(found, Elementwise):
        return None if found.activation.definition.text == "x" else _bound(found.activation, found.values())
    if isinstance(found, Layer):
        return found.activation
    if isinstance(found, nn.Module):
        activation = modules().get(type(found))
        activation = None if activation is None or activation.definition.text == "x" else activation
        return None if activation is None else _bound(activation, vars(found) | dict(found.named_parameters()))
    return called(found, (), {})


def called(function: Any, args: Sequence[Any], keywords: Mapping[str, Any]) -> Activation | None:
    """The activation that a call of a function of torch is, by the arguments besides x."""
    activation = functions().get(function) if function.__hash__ else None
    if activation is None:
        return None
    try:
        names = list(inspect.signature(function).parameters)[1:]
    except ValueError:  # one written in C
        names = [n for n in activation.parameters]
    return _bound(activation, {**dict(zip(names, args, strict=False)), **keywords})


@cache
def modules() -> dict[type, Activation]:
    """torch's own classes."""
    peers = ((peer, a) for a in catalog.values() if (peer := a.definition.peers.get("torch")))
    return {getattr(nn, peer.names[0]): a for peer, a in peers}


@cache
def functions() -> dict[Any, Activation]:
    """torch's own functions and methods."""
    found: dict[Any, Activation] = {}
    for a in modules().values():
        for name in (a.name, *a.aliases):
            function = getattr(functional, name, None)
            if callable(function):
                others = [
                    getattr(owner, n, function) for owner in (torch, Tensor, functional) for n in (name, f"{name}_")
                ]
                found |= dict.fromkeys([function, *others], a)
    return found


def _bound(activation: Activation, given: Mapping[str, Any]) -> Activation:
    definition = activation.definition
    kind = given.get("approximate", "none")
    if kind in definition.approximate:
        return catalog[definition.approximate[kind]]
    named = {definition.spellings.get(k, k): v for k, v in given.items()}
    values = _numbers({k: v for k, v in named.items() if k in definition.defaults})
    return type(activation)(definition).bind(**{**activation.parameters, **values}) if values else activation


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Parameters as numbers, without those that have none."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Tensor):
            found[name] = float(value.detach().double().mean())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found
