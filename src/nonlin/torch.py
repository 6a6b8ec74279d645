"""Layers for PyTorch: one `nn.Module` class for each entry of the catalogue, made from its definition.

>>> from nonlin.torch import LeakyReLU
>>> LeakyReLU(0.2)
LeakyReLU(negative_slope=0.2)

Names and arguments are torch's own where torch has the layer (`Hardswish` is the class `HardSiLU` under torch's
name), so that such a layer can replace torch's, state_dict included.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.backends.torch import evaluate
from nonlin.definition import Definition
from nonlin.errors import ParameterError
from nonlin.language.formula import Formula
from nonlin.registry import catalog, get
from nonlin.vector import VectorActivation


class Layer(nn.Module):
    """An activation as a layer: what the classes of the catalogue and a user's own activations have in common."""

    activation: Activation

    def _get_name(self) -> str:
        return self.activation.definition.layer


class Elementwise(Layer):
    """An elementwise activation as a layer; its parameters are attributes, and nn.Parameters where they are learned.

    The gradient is exact to every order, by x and by learned parameters; at a kink it is the slope of the side that
    the definition states. Input and output have one shape, dtype and memory format.
    """

    def __init__(
        self,
        activation: Activation,
        *,
        trainable: bool = False,
        num_parameters: int = 1,
        inplace: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.activation = activation
        self.inplace = inplace
        definition = activation.definition
        learned = definition.learned or tuple(definition.defaults)
        if trainable and not learned:
            raise ParameterError(f"{activation.name} has no parameter to learn: trainable={trainable}: leave it out")
        if num_parameters < 1:
            raise ParameterError(f"num_parameters of {activation.name}: {num_parameters!r}: give 1 or the channels")
        self._sources: dict[str, str] = {}  # a parameter's attribute, where that has another name
        for name, value in activation.parameters.items():
            if not trainable or name not in learned:
                self._own(name, value)
                continue
            # torch's name for the tensor of a layer that always learns
            attribute = "weight" if definition.always_learned else name
            shape = (num_parameters,) if definition.always_learned else ()
            self._own(attribute, nn.Parameter(torch.full(shape, value, device=device, dtype=dtype)))
            self._sources[name] = attribute
        self._names = tuple(self._sources.get(name, name) for name in activation.parameters)

    def _own(self, attribute: str, value: Any) -> None:
        if hasattr(nn.Module, attribute) or attribute in ("training", "activation", "inplace"):
            raise ParameterError(f"parameter with a name of torch's modules: {attribute!r}: define it under another")
        setattr(self, attribute, value)

    def forward(self, x: Tensor) -> Tensor:
        values = [self._value(name, x) for name in self._names]
        return self._delivered(self.activation.rule, x, values)

    def _delivered(self, rule: Formula, x: Tensor, values: list[Any]) -> Tensor:
        if not self.inplace:
            return evaluate(rule, (0,) * (1 + len(values)), x, values)
        # the derivative needs the input, which is about to be overwritten
        kept = x.clone() if torch.is_grad_enabled() else x
        return x.copy_(evaluate(rule, (0,) * (1 + len(values)), kept, values))

    def _value(self, name: str, x: Tensor) -> Any:
        value, learned = getattr(self, name), self._parameters.get(name)
        if learned is None or learned.dim() == 0:
            return value
        if learned.numel() == 1:
            return value.reshape(())
        if x.dim() < 2 or x.shape[1] != learned.numel():
            raise ParameterError(
                f"{self._get_name()} of {learned.numel()} channels on shape {tuple(x.shape)}: "
                "dimension 1 must be the channels"
            )
        return value.reshape(-1, *[1] * (x.dim() - 2))

    def extra_repr(self) -> str:
        learned = [f"num_parameters={p.numel()}" for p in self.parameters() if p.dim()]
        shown = [f"{k}={getattr(self, k)}" for k in self.activation.parameters if k not in self._sources]
        shown += [f"{k}={getattr(self, k).item():.4g}, trainable=True" for k in self._sources if k in self._parameters]
        return ", ".join([*learned, *shown, *(["inplace=True"] if self.inplace else [])])


class Noisy(Elementwise):
    """An elementwise activation that draws a parameter in training, and takes the mean in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        noise = self.activation.definition.noise
        if not self.training or noise is None:
            return super().forward(x)
        self.activation.prepare()
        drawn = torch.empty_like(x).uniform_(getattr(self, noise.low), getattr(self, noise.high))
        return self._delivered(self.activation.definition.noisy_formula, x, [drawn])


class AlongAxis(Layer):
    """An activation of a whole axis as a layer."""

    def __init__(self, activation: Activation, dim: int | None = -1):
        super().__init__()
        self.activation = activation
        self.dim = -1 if dim is None else dim

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x, axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


# The classes of the catalogue --------------------------------------------------------------------------------------


def _options(activation: Activation) -> list[Parameter]:
    """The arguments of an activation's class: torch's own, in its order, where torch has the layer."""
    definition = activation.definition

    def option(name: str, default: Any, kind: Any = Parameter.POSITIONAL_OR_KEYWORD) -> Parameter:
        return Parameter(name, kind, default=default)

    if isinstance(activation, VectorActivation):
        return [option("dim", -1)]
    if definition.always_learned:
        (initial,) = (definition.defaults[name] for name in definition.learned)
        return [option("num_parameters", 1), option("init", initial), option("device", None), option("dtype", None)]
    options = [option(name, default) for name, default in definition.defaults.items()]
    if definition.approximate:
        options.append(option("approximate", "none"))
    peer = definition.peers.get("torch")
    if peer is not None and "inplace" in inspect.signature(getattr(nn, peer.names[0])).parameters:
        options.append(option("inplace", False))
    if definition.learned:
        options += [
            option(n, d, Parameter.KEYWORD_ONLY) for n, d in (("trainable", False), ("device", None), ("dtype", None))
        ]
    return options


def _keywords(activation: Activation, signature: Signature, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    """What was given, by our names, with the activation's parameters bound: (activation, other options)."""
    definition = activation.definition
    named = {definition.spellings.get(k, k) if k not in signature.parameters else k: v for k, v in given.items()}
    if definition.always_learned:
        named = {"init" if k in definition.learned else k: v for k, v in named.items()}
    if isinstance(activation, VectorActivation) and "axis" in named:
        named["dim"] = named.pop("axis")
    try:
        options = signature.bind(*args, **named).arguments
    except TypeError as error:
        raise ParameterError(f"arguments of {definition.layer}: {error}: it takes {signature}") from None
    kind = options.pop("approximate", "none")
    if kind != "none":
        if kind not in definition.approximate:
            known = " or ".join(map(repr, ["none", *definition.approximate]))
            raise ParameterError(f"approximate of {definition.layer}: {kind!r}: give {known}")
        activation = catalog[definition.approximate[kind]]
    if definition.always_learned:
        options["trainable"] = True
        options |= {name: options.pop("init") for name in definition.learned if "init" in options}
    values = {name: options.pop(name) for name in definition.defaults if name in options}
    return activation.bind(**values), options


@cache
def _class(name: str) -> type[Layer]:
    """The class of one entry."""
    activation = catalog[name]
    definition = activation.definition
    base: Any = AlongAxis if isinstance(activation, VectorActivation) else Noisy if definition.noise else Elementwise
    signature = Signature(_options(activation))

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        bound, keywords = _keywords(activation, signature, args, options)
        base.__init__(self, bound, **keywords)

    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])  # pyright: ignore[reportFunctionMemberAccess]
    return type(definition.layer, (base,), {"__init__": __init__, "__module__": __name__, "__doc__": _doc(definition)})


def _doc(definition: Definition) -> str:
    lines = [f"{definition.name}: f(x) = {definition.text}", ""]
    if definition.along_axis or definition.gate:
        lines.append("Along the dimension `dim`" + (", whose length is halved." if definition.gate else "."))
    else:
        lines.append("Shape: any, and the same out. The gradient is exact to every order, at a kink the stated side's.")
    if definition.always_learned:
        lines.append(f"`weight` is {definition.learned[0]}, shared (num_parameters=1) or one a channel (dimension 1).")
    elif definition.learned:
        lines.append(f"With trainable=True {', '.join(definition.learned)} is learned.")
    if definition.noise:
        lines.append(f"In training the slope is drawn anew from [{definition.noise.low}, {definition.noise.high}].")
    return "\n".join([*lines, "", f"Source: {definition.reference}."])


def _spelled() -> dict[str, str]:
    """Every class name to the entry's name: our own, and torch's."""
    named = {peer.names[0]: a.name for a in catalog.values() if (peer := a.definition.peers.get("torch"))}
    return named | {a.definition.layer: a.name for a in catalog.values()}


_NAMES = _spelled()
__all__ = ["layer", *_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _class(_NAMES[name])


def __dir__() -> list[str]:
    return sorted(__all__)


def layer(activation: str | Activation, **options: Any) -> Layer:
    """A fresh layer of an activation, given by name, spec or object; `options` are those of its class.

    A user's own activation takes its parameters, and `trainable=True`, which makes all of them learned.

    >>> layer("leaky_relu(negative_slope=0.2)")
    LeakyReLU(negative_slope=0.2)
    """
    found = get(activation)
    if catalog.get(found.name) is not None and catalog[found.name].definition == found.definition:
        return _class(found.name)(**{**found.fixed, **options})
    values = {k: options.pop(k) for k in list(options) if k in found.definition.defaults}
    return Elementwise(found.bind(**values), **options)
