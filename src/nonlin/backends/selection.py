"""Formulas that only ever select x or an integer constant, as a ramp does: they keep integers integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nonlin.language.atoms import x as X
from nonlin.language.evaluate import exact
from nonlin.language.formula import Formula


@dataclass(frozen=True)
class Selection:
    """`values[i]` holds left of `edges[i]`: an integer, or None for x itself; `sides` says whose an edge is."""

    edges: tuple[float, ...]
    sides: tuple[str, ...]
    values: tuple[int | None, ...]

    def is_left(self, x: Any, i: int) -> Any:
        """Where x belongs to a piece left of edge i; for any kind of array."""
        return x < self.edges[i] if self.sides[i] == "right" else x <= self.edges[i]


def selection(formula: Formula, parameters: Sequence[Any]) -> Selection | None:
    """How the formula selects at these parameters; None where it computes, or where a parameter is an array."""
    if not all(isinstance(p, int | float) for p in parameters):
        return None
    pieces = formula.pieces(formula.orders())
    at = dict(zip(formula.symbols.values(), parameters, strict=True))
    values: list[int | None] = []
    for expr in pieces.exprs:
        if expr == X:
            values.append(None)
            continue
        if X in expr.free_symbols:
            return None
        constant = float(exact(expr, at))
        if not constant.is_integer():
            return None
        values.append(int(constant))
    return Selection(tuple(float(exact(b, at)) for b in pieces.breaks), pieces.closed, tuple(values))
