"""Facts about an activation, computed from its formula: nothing here is typed in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import sympy

from nonlin.language.atoms import x
from nonlin.language.cost import Cost, cost
from nonlin.language.curve import Curve, curve
from nonlin.language.evaluate import exact, on_grid
from nonlin.language.formula import Formula
from nonlin.language.gaussian import moments, stillness

Direction = Literal["rising", "falling", "constant"]
_DIRECTIONS: dict[int, Direction] = {1: "rising", -1: "falling", 0: "constant"}
_SAME = 1e-12  # one-sided values closer than this, relatively, meet


class Piece(NamedTuple):
    """An interval on which f is monotone."""

    low: float
    high: float
    direction: Direction


@dataclass(frozen=True)
class Facts:
    """What can be said of f at its parameters.

    range: infimum and supremum. limits: of f at -inf and +inf, nan where there is none. monotonic: nondecreasing
    or nonincreasing everywhere. pieces: the monotone pieces. kinks: where f or f' is not continuous. zeros: where
    f(x) = 0; of a whole interval of zeros its finite ends, if f is 0 there, and `zero_intervals` has the interval.
    lipschitz: sup |f'|, inf where f jumps. saturates: the ends at which f' goes to 0, "left", "right", "both" or
    "" (Gulcehre et al. 2016, arXiv 1603.00391). mean: E f(z), z ~ N(0, 1); zero_centred: whether that is 0.
    self_gated: whether f is x times a bounded gate that opens or closes from one end to the other. gain:
    1/sqrt(E f(z)^2), which keeps the second moment of a signal through a layer. second_moment: E f(z)^2;
    derivative_second_moment: E f'(z)^2, what a gradient is multiplied by. flat: the probability that f'(z) is exactly
    0. cost: operations an element. surrogate: whether another formula stands for f'; saturates, flat and
    derivative_second_moment are then said of it, all else of f itself.
    method: for each of these "exact" (a closed form) or "numerical" (a search on a grid, narrowed down; quadrature).
    Of a function that oscillates for ever, pieces, kinks and zeros are those within the window that method names.
    """

    range: tuple[float, float]
    limits: tuple[float, float]
    monotonic: bool
    pieces: tuple[Piece, ...]
    kinks: tuple[float, ...]
    zeros: tuple[float, ...]
    zero_intervals: tuple[tuple[float, float], ...]
    lipschitz: float
    saturates: Literal["left", "right", "both", ""]
    zero_centred: bool
    self_gated: bool
    mean: float
    gain: float
    second_moment: float
    derivative_second_moment: float
    flat: float
    surrogate: bool
    cost: Cost
    method: Mapping[str, str]


@lru_cache(maxsize=512)
def facts(rule: Formula, values: tuple[float, ...]) -> Facts:
    """The facts of a formula at given parameter values, in the formula's order.

    Raises ParameterError where the formula has no value at these parameters.
    """
    f = curve(rule, values)
    # f' and its order there: of f, or the surrogate itself
    slope, order = (f, 1) if rule.slope is None else (curve(rule.slope, values), 0)
    turns = [f.crossings(i, 1) for i in f.intervals]
    bends_exact = all(f.crossings(i, 2).exact for i in f.intervals)
    pieces = tuple(_merged(f, _pieces(f)))
    zeros, intervals = _zeros(f)
    low, high = range_of(f)
    steepest = _extremes(f, 1)
    mean, second, squared_slope = moments(f)
    if slope is not f:
        squared_slope = moments(slope)[1]
    limits = _limits(f, 0)
    searched = f"numerical, within [{-f.window:.4g}, {f.window:.4g}]" if f.oscillates else "numerical"

    def how(by_formula: bool) -> str:
        return "exact" if by_formula and f.breaks_exact and not f.oscillates else searched

    def by_integral(g: Curve) -> str:
        return "exact" if g.is_polynomial and g.breaks_exact else "numerical"

    turns_exact = all(t.exact for t in turns)
    return Facts(
        range=(low, high),
        limits=limits,
        monotonic=_monotonic(f, pieces),
        pieces=pieces,
        kinks=_kinks(f),
        zeros=zeros,
        zero_intervals=intervals,
        lipschitz=math.inf if any(_jump(f, b) != 0 for b in f.breaks) else max(map(abs, steepest)),
        saturates=_saturation(_limits(slope, order)),
        zero_centred=abs(mean) < 1e-9 * math.sqrt(second) if second else True,
        self_gated=_self_gated(f.expr),
        mean=mean,
        gain=1 / math.sqrt(second) if second else math.inf,
        second_moment=second,
        derivative_second_moment=squared_slope,
        flat=stillness(slope, order),
        surrogate=rule.slope is not None,
        cost=cost(f),
        method={
            "range": how(turns_exact),
            "limits": _how_limits(f, 0),
            "monotonic": how(turns_exact),
            "pieces": how(turns_exact),
            "kinks": how(True),
            "zeros": how(all(f.crossings(i, 0).exact for i in f.intervals)),
            "zero_intervals": how(True),
            "lipschitz": how(bends_exact),
            "saturates": _how_limits(slope, order),
            "zero_centred": by_integral(f),
            "self_gated": "exact",
            "mean": by_integral(f),
            "gain": by_integral(f),
            "second_moment": by_integral(f),
            "derivative_second_moment": by_integral(slope),
            "flat": how(True),
            "surrogate": "exact",
            "cost": "exact",
        },
    )


# Range, slope, limits -----------------------------------------------------------------------------------------


def range_of(f: Curve) -> tuple[float, float]:
    """The infimum and supremum of a curve."""
    return _extremes(f, 0)


def _extremes(f: Curve, order: int) -> tuple[float, float]:
    """The infimum and supremum of f (order 0) or f' (order 1) over all pieces and their ends."""
    found: list[float] = []
    for interval in f.intervals:
        expr = interval.exprs[order]
        ends = [f.end(expr, interval.low, "+"), f.end(expr, interval.high, "-")]
        turns = [f.end(expr, p, "+") for p in f.crossings(interval, order + 1).places]
        found.extend(float(v) for v in (*ends, *turns) if v == v)
        if any(e != e for e in ends):
            found.extend(_swing(f, (f.expr, f.slope)[order], interval.low, interval.high))
    if order == 0:
        found.extend(float(v) for b in f.breaks if (v := f.at(b)) == v)
    if not f.breaks_exact:
        found = [0.0 if abs(v) < _SAME else v for v in found]
    return min(found, default=math.nan), max(found, default=math.nan)


def _swing(f: Curve, expr: Any, low: Any, high: Any) -> Iterable[float]:
    """The least and largest value of an expression without a limit; infinite where they grow with |x|."""
    near = on_grid(expr, {x: f.samples(low, high)})
    near = near[np.isfinite(near)]
    far = np.geomspace(1e2, 1e6, 20001)
    far = np.concatenate([-far[::-1], far])
    far = on_grid(expr, {x: far[(far > float(low)) & (far < float(high))]})
    far = far[np.isfinite(far)]
    for side in (np.min, np.max):
        if near.size and far.size:
            a, b = float(side(near)), float(side(far))
            grows = b * side((-1, 1)) > 1.5 * abs(a) + 1e-9
            yield math.copysign(math.inf, b) if grows else float(side((a, b)))


def _limits(f: Curve, order: int) -> tuple[float, float]:
    first, last = f.intervals[0], f.intervals[-1]
    return float(f.end(first.exprs[order], first.low, "+")), float(f.end(last.exprs[order], last.high, "-"))


def _how_limits(f: Curve, order: int) -> str:
    """Exact where arithmetic with an infinite x gives the limit, numerical where very large numbers have to."""
    ends = ((f.intervals[0], -math.inf), (f.intervals[-1], math.inf))
    values = [exact(interval.exprs[order], {x: end}) for interval, end in ends]
    return "exact" if all(v == v for v in values) else "numerical"


def _saturation(slopes: tuple[float, float]) -> Literal["left", "right", "both", ""]:
    left, right = (s == 0 for s in slopes)
    if left:
        return "both" if right else "left"
    return "right" if right else ""


# Kinks and monotone pieces ------------------------------------------------------------------------------------


def _ends(f: Curve, place: Any, order: int) -> tuple[Any, Any]:
    """f or f' just below and just above a breakpoint."""
    index = next(i for i, b in enumerate(f.breaks) if b == place)
    below, above = f.intervals[index], f.intervals[index + 1]
    return f.end(below.exprs[order], place, "-"), f.end(above.exprs[order], place, "+")


def _meet(ends: tuple[Any, Any]) -> bool:
    a, b = ends
    return bool(not math.isinf(a) and abs(a - b) <= _SAME * (1 + abs(a)))


def _kinks(f: Curve) -> tuple[float, ...]:
    return tuple(float(b) for b in f.breaks if not (_meet(_ends(f, b, 0)) and _meet(_ends(f, b, 1))))


def _jump(f: Curve, place: Any) -> int:
    """1 where f jumps up, -1 where it jumps down, 0 where it does not."""
    a, b = _ends(f, place, 0)
    return 0 if _meet((a, b)) else int(b > a) - int(b < a)


def _pieces(f: Curve) -> Iterable[Piece]:
    for interval in f.intervals:
        if interval.exprs[0] == sympy.nan:
            continue
        inner = f.crossings(interval, 1).places
        for low, high in pairwise([interval.low, *inner, interval.high]):
            a, b = max(float(low), -f.window), min(float(high), f.window)
            if a < b:
                yield Piece(a, b, _DIRECTIONS[f.direction(interval, 1, low, high)])


def _merged(f: Curve, pieces: Iterable[Piece]) -> Iterable[Piece]:
    """Neighbours that go the same way as one piece, unless f jumps the other way between them."""
    jumps = {float(b): _jump(f, b) for b in f.breaks}
    last: Piece | None = None
    for piece in pieces:
        jump = _DIRECTIONS[jumps.get(piece.low, 0)]
        if last is not None and last.direction == piece.direction and jump in ("constant", piece.direction):
            last = Piece(last.low, piece.high, piece.direction)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _monotonic(f: Curve, pieces: Iterable[Piece]) -> bool:
    ways = {p.direction for p in pieces} | {_DIRECTIONS[_jump(f, b)] for b in f.breaks}
    return not {"rising", "falling"} <= ways


# Zeros --------------------------------------------------------------------------------------------------------


def _zeros(f: Curve) -> tuple[tuple[float, ...], tuple[tuple[float, float], ...]]:
    nearly = 0 if f.breaks_exact else _SAME
    places = [b for b in f.breaks if abs(f.at(b)) <= nearly]
    flat: list[tuple[float, float]] = []
    for interval in f.intervals:
        if interval.exprs[0] == 0:
            low, high = float(interval.low), float(interval.high)
            joined = bool(flat) and flat[-1][1] == low
            flat[-1:] = [(flat[-1][0], high)] if joined else [*flat[-1:], (low, high)]
            continue
        places.extend(f.crossings(interval, 0).places)
        # where f touches 0 and turns back, its sign does not change
        places.extend(p for p in f.crossings(interval, 1).places if abs(f.at(p)) < 1e-24)
    inner = {p for low, high in flat for p in places if low < p < high}
    distinct = sorted({float(p) for p in places if p not in inner and abs(f.at(p)) < 1e-12})
    return tuple(p for p in distinct), tuple(flat)


# From the expression as written -------------------------------------------------------------------------------


def _self_gated(expr: Any) -> bool:
    factors = sympy.Mul.make_args(expr)
    gate = sympy.Mul(*(g for g in factors if g != x))
    if x not in factors or not gate.has(x):
        return False
    opening = Curve(gate)
    if opening.oscillates or not all(map(math.isfinite, range_of(opening))):
        return False
    left, right = _limits(opening, 0)
    return left != right
