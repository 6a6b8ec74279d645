"""A formula at given parameter values, as the curve it draws: smooth pieces, their ends, and where they turn.

What a formula gives exactly (roots of factors, values at infinity) is taken from it. The rest is searched for on a
grid that is dense near the ends of a piece and geometric far out, and each find is confirmed in arithmetic of many
digits, so that rounding noise is not taken for a turning point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

from nonlin.errors import ParameterError
from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact, number, on_grid
from nonlin.language.formula import Formula
from nonlin.language.limits import approach
from nonlin.language.pieces import Splitter, tidy
from nonlin.language.roots import Unresolved, exact_roots

_OSCILLATING = (atoms.Sin, atoms.Cos, atoms.Tan)
_FAR = 1e6
_UNDEFINED = (sympy.nan,) * 3
_POLE = 1e12  # larger than this at a break that was searched for: a pole, missed by a rounding error


@dataclass(frozen=True)
class Interval:
    """An open interval between breakpoints (mpmath numbers) and f, f', f'' on it."""

    low: Any
    high: Any
    exprs: tuple[Any, Any, Any]


@dataclass(frozen=True)
class Points:
    """Places in increasing order (mpmath numbers), and whether a formula gave all of them."""

    places: tuple[Any, ...]
    exact: bool


class Curve:
    """An expression in x alone. `window` is finite for one that oscillates for ever: what is searched for is then
    searched in [-window, window], which holds at least two of its longest periods."""

    def __init__(self, expr: Any):
        self.expr = expr
        self.window = _window(expr)
        self.slope = expr.diff(x)
        self.breaks_exact = True
        self._turns: dict[tuple[Any, int], Points] = {}
        value = Splitter([{}]).split(expr)
        edges = [-math.inf, *(exact(b, {}) for b in value.breaks), math.inf]
        parts = [self._smooth(e, low, high) for e, (low, high) in zip(value.exprs, pairwise(edges), strict=True)]
        self.intervals = tuple(interval for part in parts for interval in part)
        self.breaks = tuple(i.low for i in self.intervals[1:])

    @property
    def oscillates(self) -> bool:
        """Whether it has turning points without end."""
        return math.isfinite(self.window)

    @cached_property
    def is_polynomial(self) -> bool:
        """Whether every piece is a polynomial."""
        return all(e.is_polynomial(x) and not e.has(atoms.Atom) for i in self.intervals for e in i.exprs[:1])

    def _smooth(self, expr: Any, low: Any, high: Any) -> list[Interval]:
        """The intervals of a piece between poles, ends of the domain, and kinks that stayed in the expression."""
        found: list[Any] = []
        for condition in {c for c in _suspects(expr) if not c.has(*atoms.PIECEWISE)}:
            try:
                found.extend(exact(p, {}) for p in exact_roots(condition))
            except Unresolved:
                self.breaks_exact = False
                found.extend(self._crossings(condition, low, high))
        intervals: list[Interval] = []
        for a, b in pairwise([low, *(p for p in _distinct(found) if low < p < high), high]):
            part = _resolved(expr, _between(a, b))
            if part.has(*atoms.PIECEWISE):  # conditions on conditions: the inner ones are resolved now
                intervals.extend(self._smooth(part, a, b))
            else:
                intervals.append(Interval(a, b, _derivatives(part) if self._defined(part, a, b) else _UNDEFINED))
        return intervals

    def _defined(self, expr: Any, low: Any, high: Any) -> bool:
        value = exact(expr, {x: _between(low, high)})
        return bool(value == value)

    # Values ----------------------------------------------------------------------------------------------------

    def at(self, place: Any) -> Any:
        """f at one place, an mpmath number."""
        return exact(self.expr, {x: place})

    def end(self, expr: Any, place: Any, sign: str) -> Any:
        """What an expression tends to at a place from above ("+") or below ("-"); at +-inf if the place is infinite.

        nan where it does not settle.
        """
        plain = exact(expr, {x: place})
        if math.isinf(place):
            limit = plain if plain == plain else approach(expr, {}, "-" if place < 0 else "+")
            return math.nan if math.isinf(limit) and self._swings(expr, place) else limit
        if not self.breaks_exact and abs(plain) > _POLE:
            nearby = exact(expr, {x: place + int(sign + "1") * 1e-9})
            return math.copysign(math.inf, nearby)
        if plain == plain and not math.isinf(plain):
            return plain
        offset = sympy.Rational(int(sign + "1")) / x
        nearby = approach(expr.xreplace({x: _rational(place) + offset}), {}, "+")
        return nearby if nearby == nearby else plain

    def _swings(self, expr: Any, end: float) -> bool:
        """Whether an expression that oscillates still changes its sign far out."""
        far = on_grid(expr, {x: math.copysign(1.0, end) * np.linspace(1e3, 1e4, 5001)})
        return self.oscillates and bool(far.min() < 0 < far.max())

    # Turning points --------------------------------------------------------------------------------------------

    def crossings(self, interval: Interval, order: int) -> Points:
        """Where the derivative of that order is 0 or changes its sign, inside the interval."""
        if (interval, order) not in self._turns:
            self._turns[interval, order] = self._found(interval.exprs[order], interval.low, interval.high)
        return self._turns[interval, order]

    def _found(self, expr: Any, low: Any, high: Any) -> Points:
        try:
            found = [exact(p, {}) for p in exact_roots(expr)]
        except Unresolved:
            return Points(tuple(self._crossings(expr, low, high)), False)
        return Points(tuple(p for p in _distinct(found) if low < p < high), True)

    def direction(self, interval: Interval, order: int, low: Any, high: Any) -> int:
        """The sign of a derivative on (low, high), where it has no zero; 0 where f is not defined."""
        expr = interval.exprs[order]
        if expr == 0:
            return 0
        low, high = max(low, -self.window), min(high, self.window)
        sign = exact(expr, {x: _between(low, high)})
        return int(sign > 0) - int(sign < 0)

    def samples(self, low: Any, high: Any) -> Any:
        """Places inside (low, high), within the window: dense near its ends, geometric far out."""
        a, b = max(float(low), -self.window), min(float(high), self.window)
        close = np.concatenate([np.geomspace(1e-9, 1e-2, 150), np.linspace(0.01, 30, 3000)[1:]])
        ray = np.concatenate([close, np.geomspace(30, _FAR, 600)[1:]])
        if math.isfinite(a) and math.isfinite(b):
            near = np.concatenate([np.geomspace(1e-9, 1e-3, 100), np.linspace(0.001, 0.5, 2000)[1:]]) * (b - a)
            found = np.concatenate([a + near, b - near])
        elif math.isfinite(a):
            found = a + ray
        elif math.isfinite(b):
            found = b - ray
        else:
            found = np.concatenate([-ray, [0.0], ray])
        found = np.unique(found)
        return found[(found > a) & (found < b)]

    def _crossings(self, expr: Any, low: Any, high: Any) -> list[Any]:
        grid = self.samples(low, high)
        values = on_grid(expr, {x: grid})
        # A value that is 0 here has mostly underflowed, and tells nothing of the sign.
        known = (values != 0) & np.isfinite(values)
        grid, signs = grid[known], np.sign(values[known])
        found: list[Any] = []
        for i in np.flatnonzero(signs[:-1] != signs[1:]):
            a, b = float(grid[i]), float(grid[i + 1])
            if exact(expr, {x: a}) * exact(expr, {x: b}) < 0:
                found.append(exact(_rational(_narrowed(expr, a, b, signs[i])), {}))
        return found


def curve(formula: Formula, values: Iterable[float]) -> Curve:
    """The curve of a formula at given parameter values, in the formula's order."""
    at: dict[Any, Any] = {}
    for (name, symbol), value in zip(formula.symbols.items(), values, strict=True):
        if not math.isfinite(value):
            raise ParameterError(f"a curve needs finite parameters: {name}={value!r}: bind a finite one")
        at[symbol] = sympy.Rational(value)
    expr = formula.expr.xreplace(at)
    if expr.has(sympy.zoo, sympy.nan, sympy.oo):
        shown = ", ".join(f"{s.name}={float(v)!r}" for s, v in at.items())
        raise ParameterError(f"{formula.text} has no value: {shown}: bind other parameters")
    return Curve(expr)


def _derivatives(value: Any) -> tuple[Any, Any, Any]:
    slope = tidy(value.diff(x))
    return value, slope, tidy(slope.diff(x))


def _resolved(expr: Any, place: Any) -> Any:
    """The branch that holds at a place, in place of each condition that has no condition inside."""
    if not expr.has(*atoms.PIECEWISE):
        return expr
    condition = expr.args[1] if isinstance(expr, atoms.Where) else expr.args[0]
    if not isinstance(expr, atoms.PIECEWISE) or condition.has(*atoms.PIECEWISE):
        return expr.func(*(_resolved(a, place) for a in expr.args))
    value = exact(condition, {x: place})
    if isinstance(expr, atoms.Sign):
        return sympy.Integer(int(value > 0) - int(value < 0))
    if isinstance(expr, atoms.Choose):
        return _resolved(expr.args[1] if value >= 0 else expr.args[2], place)
    kind, _, a, b = expr.args
    holds = value == 0 if kind == atoms.EQUAL else value > 0 or (value == 0 and kind == atoms.GREATER_EQUAL)
    return _resolved(a if holds else b, place)


def _between(low: Any, high: Any) -> Any:
    if math.isinf(low):
        return exact(sympy.Integer(0), {}) if math.isinf(high) else high - 1
    return low + 1 if math.isinf(high) else (low + high) / 2


def _rational(place: Any) -> Any:
    """A number as an exact fraction, so that SymPy does not round it to 15 digits."""
    if isinstance(place, float):
        return sympy.Rational(place)
    mantissa, exponent = place.man_exp
    return sympy.Integer(mantissa) * sympy.Integer(2) ** exponent


def _distinct(places: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for place in sorted(places):
        if not found or place - found[-1] > 1e-13 * (1 + abs(place)):
            found.append(place)
    return found


def _suspects(expr: Any) -> Iterable[Any]:
    """Expressions at whose zeros an expression may have a pole, a jump, a kink or the end of its domain."""
    for node in sympy.preorder_traversal(expr):
        inner: Any = None
        if isinstance(node, sympy.Pow) and (not node.exp.is_integer or node.exp.is_negative):
            inner = node.base
        elif isinstance(node, atoms.Log | atoms.Sqrt | atoms.Sign | atoms.Choose):
            inner = node.args[0]
        elif isinstance(node, atoms.Log1p):
            inner = 1 + node.args[0]
        elif isinstance(node, atoms.Tan):
            inner = atoms.Cos(node.args[0])
        elif isinstance(node, atoms.Where):
            inner = node.args[1]
        if inner is not None and inner.has(x):
            yield inner


def _window(expr: Any) -> float:
    waves = [f for f in expr.atoms(*_OSCILLATING) if f.has(x)]
    if not waves:
        return math.inf
    slopes = [s for f in waves if (s := f.args[0].diff(x)).is_number]
    periods = [2 * math.pi / abs(number(s)) for s in slopes] or [5.0]
    return max(2 * max(periods), min(10.0, 8 * min(periods)))


def _narrowed(expr: Any, low: float, high: float, sign: float) -> float:
    """The place between low and high where the sign changes, to the last bit that float64 arithmetic shows."""
    while True:
        inner = np.linspace(low, high, 34)
        signs = np.sign(on_grid(expr, {x: inner}))
        changed = np.flatnonzero(signs != sign)
        first = int(changed[0]) if changed.size else 33
        if first == 0 or (high - low) <= 4 * np.spacing(max(abs(low), abs(high))):
            break
        low, high = float(inner[first - 1]), float(inner[first])
    short = float(f"{(low + high) / 2:.13g}")
    return short if exact(expr, {x: short}) == 0 else (low + high) / 2
