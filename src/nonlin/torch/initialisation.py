"""Weights scaled for the activation that follows them: He's and Glorot's rules with the gain of its formula."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from nonlin.activation import Activation
from nonlin.errors import ParameterError
from nonlin.registry import get
from nonlin.signal import gain as gain_of
from nonlin.torch.following import WEIGHTED, followers, in_sequence
from nonlin.torch.known import activation_of
from nonlin.vector import VectorActivation

Scheme = Literal["he", "xavier"]


@dataclass(frozen=True)
class Initialised:
    """What `init_` did to one layer: the activation it found to follow, the gain, the standard deviation.

    `std` is None where the layer was left as it was. `note` says why, or what is not known.
    """

    where: str
    follows: str
    gain: float
    std: float | None
    note: str = ""

    def __str__(self) -> str:
        if self.std is None:
            return f"{self.where}: left as it was: {self.note}"
        told = f"{self.where}: {self.follows or 'nothing'} follows: gain {self.gain:.4g}, std {self.std:.4g}"
        return f"{told} ({self.note})" if self.note else told


class Initialisation(tuple[Initialised, ...]):
    """What `init_` did, layer by layer."""

    @property
    def unsure(self) -> tuple[Initialised, ...]:
        """The layers for which it could not say which activation follows, or that it left."""
        return tuple(layer for layer in self if layer.note)

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def gain(activation: str | Activation | nn.Module) -> float:
    """1/sqrt(E f(z)^2), z ~ N(0, 1): what weights are scaled by to keep the second moment of a signal through f.

    Of any elementwise activation, by name, spec or object, a user's own as well. Computed from the formula, so that it
    is the tanh's true 1.5925 and not the customary 5/3. ParameterError where E f(z)^2 is 0, infinite or not defined.

    Source: He, Zhang, Ren, Sun 2015: Delving deep into rectifiers. ICCV.

    >>> round(gain("relu"), 4), round(gain("tanh"), 4)
    (1.4142, 1.5925)
    """
    if isinstance(activation, nn.Module):
        found = activation_of(activation)
        if found is None:
            raise ParameterError(f"not an activation: {type(activation).__name__}: give its name")
    else:
        found = get(activation)
    if isinstance(found, VectorActivation):
        raise ParameterError(f"no gain: {found.name} is a function of a whole axis: take an elementwise one")
    return gain_of(found.rule, tuple(found.parameters.values()))


def init_(model: nn.Module, example_inputs: Any = None, *, scheme: Scheme = "he") -> Initialisation:
    """Draws the weights of Linear and convolution layers anew, each for the activation that follows it; biases are 0.

    scheme "he": std = gain/sqrt(fan_in) (He et al. 2015); "xavier": gain*sqrt(2/(fan_in + fan_out)) (Glorot, Bengio
    2010: Understanding the difficulty of training deep feedforward neural networks. AISTATS). `gain` is that of the
    activation, 1 where none follows.

    With `example_inputs` (a tensor, a tuple of arguments, a mapping of keywords) one run in evaluation shows what
    follows; without, only what stands in a Sequential is known. What is not known gets gain 1 and a note. The random
    numbers are torch's: `torch.manual_seed`.

    >>> print(init_(nn.Sequential(nn.Linear(256, 64), nn.GELU(), nn.Linear(64, 10))))
    0: gelu follows: gain 1.534, std 0.09585
    2: nothing follows: gain 1, std 0.125
    """
    if scheme not in ("he", "xavier"):
        raise ParameterError(f"scheme of init_: {scheme!r}: give 'he' or 'xavier'")
    for where, parameter in model.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise ParameterError(f"a lazy layer has no shape yet: {where}: run the model once")
    found = in_sequence(model) if example_inputs is None else followers(model, example_inputs)
    done = [
        _initialised(name, layer, scheme, found.get(name), example_inputs is None, shared)
        for name, layer, shared in _weighted(model)
    ]
    return Initialisation((*done, *_others(model)))


def _weighted(model: nn.Module) -> Iterator[tuple[str, Any, str]]:
    """Layers of weights, and the name of another module that has the same weight."""
    owners: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    for name, module in model.named_modules():
        if isinstance(module, WEIGHTED):
            others = [o for o in owners.get(id(module.weight), []) if o != name]
            yield name, module, others[0] if others else ""


def _initialised(
    where: str, layer: Any, scheme: Scheme, after: list[Activation] | None, blind: bool, shared: str
) -> Initialised:
    named = " and ".join(map(str, after or ()))
    if shared:
        return Initialised(where, named, 1.0, None, f"its weight is {shared}'s too")
    if not isinstance(layer.weight, nn.Parameter):
        return Initialised(where, named, 1.0, None, "its weight is computed from others")
    scale, note = _gain(after, blind)
    fan_in, fan_out = _fans(layer)
    std = scale * math.sqrt(1 / fan_in if scheme == "he" else 2 / (fan_in + fan_out))
    with torch.no_grad():
        layer.weight.normal_(0, std)
        if layer.bias is not None:
            layer.bias.zero_()
    return Initialised(where, named, scale, std, note)


def _gain(after: list[Activation] | None, blind: bool) -> tuple[float, str]:
    """The gain for what follows, and what is not known about it."""
    if after is None:
        return 1.0, "not known what follows: give example_inputs" if blind else "never run: not known what follows"
    if not after:
        return 1.0, ""
    if len(after) > 1:
        return 1.0, "several follow, which want different gains"
    try:
        return gain(after[0]), ""
    except ParameterError as error:
        return 1.0, str(error)


def _fans(layer: Any) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    taps = math.prod(layer.kernel_size)
    return layer.in_channels // layer.groups * taps, layer.out_channels // layer.groups * taps


def _others(model: nn.Module) -> Iterator[Initialised]:
    """Modules with matrices of their own that are none of the known layers."""
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.dim() > 1]
        if own and not isinstance(module, (*WEIGHTED, nn.Embedding)) and activation_of(module) is None:
            yield Initialised(name, "", 1.0, None, f"{type(module).__name__} is not a layer that it knows")
