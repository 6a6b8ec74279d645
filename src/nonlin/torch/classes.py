"""One `nn.Module` class for each entry of the catalogue, made from its definition.

Names and arguments are torch's own where torch has the layer (`Hardswish` is the class `HardSiLU` under torch's
name), so that such a layer can replace torch's, state_dict included.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from inspect import Parameter, Signature
from typing import Any

from torch import nn

from nonlin.activation import Activation
from nonlin.definition import Definition
from nonlin.errors import ParameterError
from nonlin.registry import catalog, get
from nonlin.torch.modules import AlongAxis, Elementwise, Layer, Noisy
from nonlin.vector import VectorActivation


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
    if definition.surrogates:
        options.append(option("surrogate", next(iter(definition.surrogates))))
    peer = definition.peers.get("torch")
    if peer is not None and "inplace" in inspect.signature(getattr(nn, peer.names[0])).parameters:
        options.append(option("inplace", False))
    if definition.learned:
        options += [
            option(n, d, Parameter.KEYWORD_ONLY) for n, d in (("trainable", False), ("device", None), ("dtype", None))
        ]
    return [*options, option("save", "input", Parameter.KEYWORD_ONLY)]


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
    if "surrogate" in options:
        activation = activation.bind(surrogate=options.pop("surrogate"))
    if definition.always_learned:
        options["trainable"] = True
        options |= {name: options.pop("init") for name in definition.learned if "init" in options}
    values = {name: options.pop(name) for name in definition.defaults if name in options}
    return activation.bind(**values), options


@cache
def class_of(name: str) -> type[Layer]:
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
    return type(
        definition.layer, (base,), {"__init__": __init__, "__module__": "nonlin.torch", "__doc__": _doc(definition)}
    )


def _doc(definition: Definition) -> str:
    lines = [f"{definition.name}: f(x) = {definition.text}", ""]
    if definition.along_axis or definition.gate:
        lines.append("Along the dimension `dim`" + (", whose length is halved." if definition.gate else "."))
    else:
        exact = "" if definition.surrogate else " The gradient is exact to every order, at a kink the stated side's."
        lines.append(f"Shape: any, and the same out.{exact}")
    if definition.always_learned:
        lines.append(f"`weight` is {definition.learned[0]}, shared (num_parameters=1) or one a channel (dimension 1).")
    elif definition.learned:
        lines.append(f"With trainable=True {', '.join(definition.learned)} is learned.")
    if not definition.noise and not definition.always_learned and not definition.surrogate:
        lines.append('With save="output" the backward pass keeps the output instead of the input, where that suffices.')
    if definition.noise:
        lines.append(f"In training the slope is drawn anew from [{definition.noise.low}, {definition.noise.high}].")
    return "\n".join([*lines, "", f"{definition.about_gradient}Source: {definition.reference}."])


def _spelled() -> dict[str, str]:
    """Every class name to the entry's name: our own, and torch's."""
    named = {peer.names[0]: a.name for a in catalog.values() if (peer := a.definition.peers.get("torch"))}
    return named | {a.definition.layer: a.name for a in catalog.values()}


NAMES = _spelled()


def layer(activation: str | Activation, **options: Any) -> Layer:
    """A fresh layer of an activation, given by name, spec or object; `options` are those of its class.

    A user's own activation takes its parameters, and `trainable=True`, which makes all of them learned.

    >>> layer("leaky_relu(negative_slope=0.2)")
    LeakyReLU(negative_slope=0.2)
    """
    found = get(activation)
    if catalog.get(found.name) is not None and catalog[found.name].definition == found.definition:
        return class_of(found.name)(**{**found.fixed, **options})
    values = {k: options.pop(k) for k in list(options) if k in found.definition.defaults}
    return Elementwise(found.bind(**values), **options)
