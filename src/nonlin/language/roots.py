"""Where an expression in x is 0 or has a pole: the places where a condition can change its sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact, on_grid

_POSITIVE = (*atoms.VANISHING, atoms.Cosh, atoms.Hypot, atoms.HypotSum, atoms.HypotSlope)
_PERIODIC = (atoms.Sin, atoms.Cos, atoms.Tan)
MOST_ROOTS = 16
_GRID = np.concatenate([-np.geomspace(1e6, 1e-6, 4001), np.linspace(-20, 20, 8001), np.geomspace(1e-6, 1e6, 4001)])


class Unresolved(Exception):
    """The kinks cannot be listed in advance."""


def roots(expr: Any) -> list[Any]:
    """Zeros and poles in x, exact where a formula gives them, else found numerically; in no order, none twice."""
    return list(dict.fromkeys(_roots(expr, _numerically)))


def exact_roots(expr: Any) -> list[Any]:
    """The same where a formula gives all of them; Unresolved where only a search would."""
    return list(dict.fromkeys(_roots(expr, _unresolved)))


def _roots(expr: Any, search: Callable[[Any], list[Any]]) -> list[Any]:
    if not expr.has(x):
        return []
    if isinstance(expr, sympy.Mul):
        return [r for factor in expr.args for r in _roots(factor, search)]
    if isinstance(expr, sympy.Pow):
        return _roots(expr.base, search)
    if isinstance(expr, _POSITIVE):
        return []
    if isinstance(expr, atoms.ZERO_AT_ZERO):
        return _roots(expr.args[0], search)
    if expr.has(*atoms.PIECEWISE) or any(f.has(x) for f in expr.atoms(*_PERIODIC)):
        raise Unresolved
    if expr.is_polynomial(x) and not expr.has(atoms.Atom):
        polynomial = sympy.Poly(expr, x)
        if polynomial.degree() == 1:
            return [_linear(*polynomial.all_coeffs())]
        if polynomial.degree() == 2 and expr.free_symbols == {x}:
            return [r for r in sympy.roots(polynomial, multiple=True) if r.is_real]
    return search(expr)


def _unresolved(expr: Any) -> list[Any]:
    raise Unresolved


def _linear(slope: Any, offset: Any) -> Any:
    if not (slope.is_nonzero or slope.is_positive or slope.is_negative):
        raise Unresolved
    return sympy.cancel(-offset / slope) if (offset / slope).free_symbols else -offset / slope


def _numerically(expr: Any) -> list[Any]:
    """Sign changes on a grid, each narrowed down to the nearest float."""
    if expr.free_symbols != {x}:
        raise Unresolved
    signs = np.sign(on_grid(expr, {x: _GRID}))
    changes = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    touched = [float(p) for p in _GRID[signs == 0]]
    if len(changes) + len(touched) > MOST_ROOTS:
        raise Unresolved
    found = touched + [_bisect(expr, float(_GRID[i]), float(_GRID[i + 1])) for i in changes]
    return [sympy.Rational(int(p)) if p == int(p) else sympy.Float(p, 17) for p in sorted(set(found))]


def _bisect(expr: Any, low: float, high: float) -> float:
    left = exact(expr, {x: low})
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        value = exact(expr, {x: middle})
        if value == 0:
            return middle
        low, high = (middle, high) if (value > 0) == (left > 0) else (low, middle)
