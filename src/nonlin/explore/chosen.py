"""What a figure is asked to show: activations by name, spec or formula, and families of them by a parameter."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nonlin.activation import Activation
from nonlin.definition import Definition
from nonlin.errors import DtypeError, ParameterError, UnknownActivation
from nonlin.language.parameters import Parameter
from nonlin.registry import get
from nonlin.told import shown
from nonlin.vector import VectorActivation

Vary = Mapping[str, Iterable[float]]


@dataclass(frozen=True)
class Chosen:
    """A curve to draw and its name; `varied` are the parameters that set it apart from the rest of its family."""

    activation: Activation
    name: str
    varied: tuple[str, ...] = ()

    @property
    def is_formula(self) -> bool:
        """Whether it has no other name than its formula."""
        return self.activation.name == self.activation.definition.text

    @property
    def member(self) -> str:
        """The values of what is varied, as text."""
        return ", ".join(f"{name} = {shown(self.activation.fixed[name])}" for name in self.varied)


def chosen(given: Iterable[str | Activation], vary: Vary | None = None) -> list[Chosen]:
    """The curves of all that is given: one, or one for each of the values in `vary` and their combinations.

    Raises UnknownActivation, FormulaError, ParameterError, and DtypeError for a function of a whole axis.
    """
    families = {name: _values(name, values) for name, values in (vary or {}).items()}
    found = [one for each in given for one in _family(read(each, families), families)]
    if not found:
        raise ParameterError("nothing to plot: give at least one activation")
    return found


def read(given: str | Activation, free: Mapping[str, Sequence[float]] | None = None) -> Activation:
    """An activation by name, spec or formula; names in `free` are a formula's parameters, their first value default.

    >>> read("x*tanh(exp(x))").formula
    'x*tanh(exp(x))'
    """
    try:
        return get(given)
    except (UnknownActivation, ParameterError):
        # "tanh(x)" has the look of a spec: what names x is a formula.
        if not isinstance(given, str) or not re.search(r"\bx\b", given):
            raise
    parameters = tuple(Parameter(name, values[0]) for name, values in (free or {}).items())
    text = given.strip()
    definition = Definition(name=text, text=text, layer="", parameters=parameters, reference="your own formula")
    known = {symbol.name for symbol in definition.formula.expr.free_symbols}
    for name in definition.defaults:
        if name not in known:
            raise ParameterError(f"no parameter of that name in {text}: {name!r}: vary one that it has")
    definition.formula.pieces(definition.formula.orders())  # read it now, so that a mistake shows here
    return Activation(definition)


def is_family(curves: Sequence[Chosen]) -> bool:
    """Whether the curves are one activation's, at several values of its parameters."""
    return len(curves) > 1 and all(one.varied and one.activation.name == curves[0].activation.name for one in curves)


def whole(family: Sequence[Chosen]) -> Chosen:
    """The activation that a family is of, without what varies."""
    first = family[0]
    fixed = {name: value for name, value in first.activation.fixed.items() if name not in first.varied}
    own = Activation(first.activation.definition, fixed)
    return Chosen(own, str(own))


def _values(name: str, values: Iterable[float]) -> list[float]:
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError):
        raise ParameterError(f"values of {name}: {values!r}: give a list of numbers") from None
    if not found:
        raise ParameterError(f"values of {name}: {values!r}: give at least one")
    return found


def _family(activation: Activation, families: Mapping[str, Sequence[float]]) -> Iterable[Chosen]:
    if isinstance(activation, VectorActivation):
        gate = activation.definition.gate
        instead = f"plot its gate, {gate!r}" if gate else "plot an elementwise one"
        raise DtypeError(f"a function of a whole axis has no curve: {activation.name!r}: {instead}")
    for values in itertools.product(*families.values()):
        bound = activation.bind(**dict(zip(families, values, strict=True))) if values else activation
        one = Chosen(bound, str(bound), tuple(name for name in bound.fixed if name not in activation.fixed))
        yield Chosen(bound, f"{activation.name}, {one.member}", one.varied) if one.is_formula and one.varied else one
