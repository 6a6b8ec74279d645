"""What a printed expression is spelled with: one table a target; and what every target must guard against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sympy

from nonlin.backends.bounds import Interval
from nonlin.language import atoms
from nonlin.language.atoms import x


class Quotient(Protocol):
    """Prints an atom that is a quotient, from the printer and the atom."""

    def __call__(self, printer: Any, expr: Any) -> tuple[str, str]:
        """Numerator and denominator."""
        ...

    def whole(self, printer: Any, expr: Any) -> str:
        """The atom alone."""
        ...


Halves = tuple[str, str] | Quotient  # two templates, or what makes the texts


@dataclass(frozen=True)
class Target:
    """How a target spells things; templates use {0}, {1}, ... for their arguments."""

    functions: Mapping[type, str]
    where: str = "where({0}, {1}, {2})"
    at_most: str = "minimum({0}, {1})"
    at_least: str = "maximum({0}, {1})"
    magnitude: str = "abs({0})"
    signed: str = ""  # {0} with its sign changed where {1} has one, -0 too, where the target has it
    prepare: Callable[[Any], Any] = lambda expr: expr  # rearranges a smooth expression before it is printed
    literal: str = "{0}"
    fused: str = ""  # {0}*{1} + {2} in one rounding, where the target has it
    quotients: Mapping[type, Halves] = field(default_factory=dict)  # an atom as numerator and denominator
    lifted: Mapping[type, tuple[str, str]] = field(default_factory=dict)  # as a larger number and what undoes that
    # what computes an atom, as in `lifted`, in fewer steps where its argument lies in an interval; the first that holds
    within: Mapping[type, Sequence[tuple[Interval, tuple[str, str]]]] = field(default_factory=dict)
    # the relative and the absolute error that do no harm, as powers of two: x is clamped to where values still change
    harmless: tuple[int, int] | None = None
    drifts: Callable[[Any], bool] = lambda expr: False  # whether rounding may leave it beside its limit even there
    total: frozenset[type] = frozenset()  # functions that are right for every x, infinite ones too
    # an argument as two numbers, what it is and what its rounding lost, and the functions that take them
    pair: Callable[[Any, Any], tuple[str, str]] | None = None
    paired: frozenset[type] = frozenset()


def carries_nan(expr: Any) -> bool:
    """Whether the printed expression is nan wherever x is."""
    if expr == x or isinstance(expr, atoms.Choose | atoms.Where):
        return True  # those two are printed with a guard of their own
    if isinstance(expr, sympy.Pow):
        return carries_nan(expr.base)
    return any(map(carries_nan, expr.args))


def breaks_outside(expr: Any) -> bool:
    """Whether an expression could be nan or infinite outside the interval that it is meant for."""
    return expr.has(x) and not (expr.is_polynomial(x) and not expr.has(atoms.Atom))
