"""Even and odd functions: their pieces for x >= 0 say all."""

from __future__ import annotations

from typing import Any

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import has_x, x
from nonlin.language.evaluate import exact
from nonlin.language.pieces import Pieces


def right_half(pieces: Pieces) -> tuple[Pieces, int] | None:
    """The pieces on the right of 0, and 1 for an even function, -1 for an odd one.

    None for other functions, and where the half saves nothing: a polynomial costs less than the way to |x| and back.
    """
    count = len(pieces.breaks)
    if not count or not any(map(_costs, pieces.exprs)):
        return None
    if any(a != -b for a, b in zip(pieces.breaks, reversed(pieces.breaks), strict=True)):
        return None
    opposite = {"left": "right", "right": "left", "either": "either"}
    first = (count + 1) // 2  # where a break at 0, if there is one, is left out
    right = list(zip(pieces.closed[first:], reversed(pieces.closed[: count - first]), strict=True))
    if any(opposite.get(a) != b for a, b in right):
        return None
    half = Pieces(pieces.breaks[first:], pieces.closed[first:], pieces.exprs[first:])
    for sign in (1, -1):
        if sign < 0 and count % 2 and not _vanishes(half.exprs[0].subs(x, 0)):
            continue  # it jumps at 0, and the value there is not both
        if all(_same(a.subs(x, -x), sign * b) for a, b in zip(pieces.exprs, reversed(pieces.exprs), strict=True)):
            return half, sign
    return None


def _costs(expr: Any) -> bool:
    """Whether it takes a division, a root or a function."""
    powers = (p for p in expr.atoms(sympy.Pow) if has_x(p))
    functions = (a for a in expr.atoms(atoms.Atom) if not isinstance(a, atoms.PIECEWISE))
    return any(functions) or not all(p.exp.is_Integer and p.exp > 0 for p in powers)


def _vanishes(value: Any) -> bool:
    """Whether a value is 0, for all parameters in it."""
    return bool(value == 0 or (not value.free_symbols and exact(value, {}) == 0))


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or sympy.factor(a) == sympy.factor(b))
