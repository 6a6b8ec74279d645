"""Every activation by name: the catalogue, and what the user has defined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import nonlin.definitions as definitions
from nonlin.activation import Activation
from nonlin.definition import Definition
from nonlin.errors import FormulaError, ParameterError, UnknownActivation, nearest
from nonlin.language.parameters import Parameter
from nonlin.vector import VectorActivation

_SPEC = re.compile(r"\s*([^\s()]+)\s*(?:\(([^()]*)\)\s*)?")


class Catalog(Mapping[str, Activation]):
    """The catalogue: canonical names to activations, in order of families; aliases are for `get`."""

    @cached_property
    def _entries(self) -> dict[str, Activation]:
        return {d.name: _activation(d) for d in definitions.entries()}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Every other spelling, in lower case, to the canonical name."""
        return {alias.lower(): a.name for a in self._entries.values() for alias in (a.name, *a.aliases)}

    def __getitem__(self, name: str) -> Activation:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


catalog = Catalog()
_defined: dict[str, Activation] = {}


def _activation(definition: Definition) -> Activation:
    vector = definition.along_axis or definition.gate
    return (VectorActivation if vector else Activation)(definition)


def find(name: str) -> Activation | None:
    """The activation of that name, alias or user's definition; None where there is none."""
    canonical = catalog.aliases.get(name.lower())
    return catalog[canonical] if canonical is not None else _defined.get(name)


def get(activation: str | Activation) -> Activation:
    """An activation by name, alias or spec such as "leaky_relu(negative_slope=0.2)".

    An Activation is returned as it is. Names are those of Keras, PyTorch, JAX, ONNX or the papers, in any case.
    Raises UnknownActivation, with the nearest names, and ParameterError.

    >>> get("LeakyReLU(negative_slope=0.2)")
    <Activation leaky_relu(negative_slope=0.2): x if x > 0 else negative_slope*x>
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UnknownActivation(f"not the name of an activation: {activation!r}: give a name, a spec or an Activation")
    match = _SPEC.fullmatch(activation)
    if match is None:
        raise UnknownActivation(f"not a name or a spec: {activation!r}: write name or name(parameter=value, ...)")
    name, arguments = match.groups()
    found = find(name)
    if found is None:
        known = nearest(name, [*catalog.aliases, *_defined]) or "`nonlin list` shows all names"
        raise UnknownActivation(f"unknown activation: {name!r}: {known}")
    return found.bind(**_arguments(activation, arguments)) if arguments and arguments.strip() else found


def _arguments(spec: str, text: str) -> dict[str, float | str]:
    given: dict[str, float | str] = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        try:
            given[key.strip()] = value.strip() if key.strip() == "surrogate" else float(value)
        except ValueError:
            raise ParameterError(f"not a parameter=number in {spec!r}: {part.strip()!r}: write name=0.5") from None
    return given


def define(
    name: str,
    formula: str,
    *,
    reference: str = "",
    surrogate: str = "",
    constraints: Mapping[str, str] | None = None,
    **parameters: float,
) -> Activation:
    """An activation of your own from a formula in x and parameters, whose defaults are the keywords.

    `surrogate` is a formula of the same parameters that stands for the derivative by x wherever one is asked for: what
    a step needs to be trained, since its own derivative is 0.

    `constraints` says which values a parameter may take: {"a": "> 0"}. `get` knows the name from then on in this
    process; defining a name again replaces it. Everything works for it that works for the catalogue.
    Raises FormulaError, which names the column, and for a name that the catalogue has for another function; for the
    same function the catalogue's own is returned.

    >>> define("tent", "max(0, 1 - abs(x - 1))")(0.5)
    0.5
    >>> define("binary", "1 if x >= 0 else -1", surrogate="1 if abs(x) <= 1 else 0").derivative([-2.0, 0.5])
    array([0., 1.])
    """
    if not name.isidentifier():
        raise FormulaError(f"not a name for an activation: {name!r}: use letters, digits and underscores")
    if name.lower() in catalog.aliases:
        return _same_in_catalog(name, formula, surrogate, parameters)
    unknown = set(constraints or {}) - set(parameters)
    if unknown:
        raise ParameterError(f"constraint on a parameter that is not there: {min(unknown)!r}: give its default too")
    own = tuple(Parameter(k, v, (constraints or {}).get(k)) for k, v in parameters.items())
    definition = Definition(
        name=name, text=formula, layer=_camel(name), parameters=own, reference=reference, surrogate=surrogate
    )
    for parameter in own:
        if parameter.bound is not None and parameter.bound[1].isidentifier() and parameter.bound[1] not in parameters:
            raise ParameterError(
                f"constraint with an unknown parameter: {parameter.constraint!r}: give its default too"
            )
        parameter.check(definition.defaults)
    for each in filter(None, (definition.formula, definition.formula.slope)):
        each.pieces(each.orders())  # read it now, so that a mistake shows here
    _defined[name] = Activation(definition)
    return _defined[name]


def _same_in_catalog(name: str, text: str, surrogate: str, defaults: Mapping[str, float]) -> Activation:
    """The catalogue's entry of that name, if it is the function that is being defined."""
    from nonlin.language.formula import Formula

    entry = catalog[catalog.aliases[name.lower()]]
    own = entry.definition
    alike = dict(defaults) == own.defaults and not isinstance(entry, VectorActivation)
    given = Formula(text, own.parameters, surrogate=surrogate)
    if alike and [f and f.expr for f in (given, given.slope)] == [f and f.expr for f in (entry.rule, entry.rule.slope)]:
        return entry
    raise FormulaError(f"name that the catalogue has: {name!r}: choose another, or use nonlin.get({name!r})")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def attribute(name: str) -> Any:
    """`nonlin.<name>`: an activation by its name or an alias that is an identifier."""
    found = find(name)
    if found is None:
        near = nearest(name, catalog.aliases)
        raise AttributeError(f"module 'nonlin' has no attribute {name!r}" + (f": {near}" if near else ""))
    return found
