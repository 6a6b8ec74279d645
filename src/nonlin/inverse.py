"""Which formulas give their own slope back: f' from the output y, for a backward pass that keeps no input.

f is monotone, and y alone says it; or f turns once, and y with the side of the turning point says it. The slope comes
in closed form where the formula unwinds (`language/inverse.py`), else from polynomials that are fitted to the
formula's own values (`language/fit.py`): in y, or for a turn at y0 in t = sqrt(|y - y0|), in which f' is smooth.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import sympy

from nonlin.errors import ParameterError
from nonlin.facts import facts
from nonlin.language.atoms import x
from nonlin.language.curve import Curve, Interval, curve
from nonlin.language.evaluate import exact, on_grid
from nonlin.language.fit import Cells, Samples, Unbounded, edged, fit
from nonlin.language.formula import Formula
from nonlin.language.inverse import slope_of_value, text_of

_SAME = 1e-12


class Turn(NamedTuple):
    """Where f turns, its value there, and 1.0 for a minimum or -1.0 for a maximum."""

    place: float
    value: float
    sign: float

    def coordinate(self, y: Any, right: Any) -> Any:
        """-sqrt(|y - y0|) left and sqrt(|y - y0|) right of the turn."""
        t = np.sqrt(np.maximum((y - self.value) * self.sign, 0.0))
        return np.where(right, t, -t)


class Inverse:
    """How the slope of a formula, at given parameter values, follows from its output.

    `turn` is None where f is monotone. `flats` are the values that f keeps on whole intervals, where its slope is 0,
    and whether that is right of the turn. `slope` is the closed form as a formula of y, where there is one.
    `stepwise`: f' is constant piece by piece, so that f'' is 0. `exact`: y gives f' to the last bit, since f passes x
    on or holds still.
    """

    def __init__(self, formula: Formula, values: tuple[float, ...]):
        self.formula = formula
        self._values, self._curve = values, (f := curve(formula, values))
        self.turn = _turn(formula, f, values)
        still = [i for i in f.intervals if not _moves(i)]
        self.flats = tuple({(float(f.at(_middle(i))), self._is_right(i.low)) for i in still})
        self.slope = None if self.turn is not None else _closed(formula, f, values)
        self.stepwise = self.turn is None and all(i.exprs[1].is_number for i in f.intervals)
        self.exact = self.slope is not None and _passes(f)
        self._fits: dict[int, Cells] = {}
        if self.slope is None:
            self.fit(1)

    def fit(self, order: int) -> Cells:
        """The derivative of that order as polynomials in y, or with a turn in its coordinate.

        Raises ParameterError where that derivative has no bound.
        """
        if order not in self._fits:
            try:
                found = fit([walk for i in self._curve.intervals for walk in self._walks(i, order)])
                self._fits[order] = edged(found, self._kinks())
            except Unbounded as error:
                what = "its slope" if order == 1 else f"its derivative of order {order}"
                raise _refusal(self.formula, f"{what} has no bound near x = {error.args[0]:.4g}") from None
        return self._fits[order]

    def _walks(self, interval: Interval, order: int) -> list[tuple[float, float, Samples]]:
        """The stretches of an interval between the places where the derivative may not be smooth in y."""
        if not _moves(interval):
            return []
        inner = [float(p) for p in self._curve.crossings(interval, 1).places]
        if self.turn is not None and interval.low < self.turn.place < interval.high:
            inner.append(self.turn.place)
        edges = sorted({float(interval.low), *inner, float(interval.high)})
        derived = interval.exprs[1]
        for _ in range(order - 1):
            derived = derived.diff(x)
        return [
            (start, end, self._samples(interval, derived, low, high))
            for low, high in pairwise(edges)
            for start, end in _outward(low, high)
        ]

    def _is_right(self, low: Any) -> bool:
        """Whether an interval that begins there is right of the turn."""
        return self.turn is not None and bool(low >= self.turn.place)

    def _kinks(self) -> list[tuple[float, bool]]:
        """Where f' jumps: the coordinate of the kink, and whether the piece of lower coordinates has the kink."""
        f, found = self._curve, list[tuple[float, bool]]()
        for place in f.breaks:
            y, is_left = _threshold(self.formula, f, place, self._values)
            if self.turn is not None and place != self.turn.place:
                y = float(self.turn.coordinate(y, place > self.turn.place))
            falls = self.turn is None and _falls(f)
            if (self.turn is None or place != self.turn.place) and not _meets(_sides(f, place, 1)):
                found.append((y, is_left != falls))
        return found

    def _samples(self, interval: Interval, derived: Any, low: float, high: float) -> Samples:
        right = self._is_right(low)

        def samples(places: Any) -> tuple[Any, Any]:
            at = {x: np.clip(places, low, high)}
            y = on_grid(interval.exprs[0], at)
            return y if self.turn is None else self.turn.coordinate(y, right), on_grid(derived, at)

        return samples


@lru_cache(maxsize=512)
def inverse(formula: Formula, values: tuple[float, ...]) -> Inverse:
    """How the slope follows from the output; ParameterError, which says why, where it does not."""
    return Inverse(formula, values)


@lru_cache(maxsize=512)
def _passes(f: Curve) -> bool:
    return all(i.exprs[0] == x or not i.exprs[0].has(x) for i in f.intervals)


def _outward(low: float, high: float) -> list[tuple[float, float]]:
    """A stretch as walks that begin at a finite place."""
    if math.isinf(low) and math.isinf(high):
        return [(0.0, low), (0.0, high)]
    return [(high, low)] if math.isinf(low) else [(low, high)]


def _moves(interval: Interval) -> bool:
    return bool(interval.exprs[0].has(x))


def _middle(interval: Interval) -> Any:
    low, high = interval.low, interval.high
    if math.isinf(low):
        return high - 1 if math.isfinite(high) else 0
    return low + 1 if math.isinf(high) else (low + high) / 2


# Which kind it is -----------------------------------------------------------------------------------------------------


def _refusal(formula: Formula, why: str) -> ParameterError:
    return ParameterError(f"the slope does not follow from the output of {formula.text}: {why}: keep the input instead")


def _turn(formula: Formula, f: Curve, values: tuple[float, ...]) -> Turn | None:
    """Where f turns, None where it is monotone; ParameterError where it is neither."""
    if formula.surrogate:
        raise _refusal(formula, "it has a surrogate, of the input")
    if f.oscillates:
        raise _refusal(formula, "it oscillates without end")
    for i in f.intervals:
        if i.exprs[0] == sympy.nan:
            raise _refusal(formula, f"it has no value between {float(i.low):.4g} and {float(i.high):.4g}")
    found = facts(formula, values)
    moving = [p for p in found.pieces if p.direction != "constant"]
    turns = [(a, b) for a, b in pairwise(moving) if a.direction != b.direction]
    if len(turns) > 1:
        raise _refusal(formula, f"it turns more than once: at {', '.join(f'{b.low:.4g}' for _, b in turns)}")
    jumps = [float(b) for b in f.breaks if _jumps(f, b)]
    if jumps and not found.monotonic:
        raise _refusal(formula, f"it jumps back at {', '.join(f'{j:.4g}' for j in jumps)}")
    if not turns:
        return None
    after = turns[0][1]
    return Turn(after.low, float(f.at(after.low)), 1.0 if after.direction == "rising" else -1.0)


def _sides(f: Curve, place: Any, order: int) -> tuple[Any, Any]:
    """f or f' just below and just above a break."""
    i = f.breaks.index(place)
    below, above = f.intervals[i : i + 2]
    return f.end(below.exprs[order], place, "-"), f.end(above.exprs[order], place, "+")


def _jumps(f: Curve, place: Any) -> bool:
    return not _meets(_sides(f, place, 0))


def _meets(sides: tuple[Any, Any]) -> bool:
    a, b = sides
    return not math.isinf(a) and not math.isinf(b) and bool(abs(a - b) <= _SAME * (1 + abs(a)))


# The closed form ------------------------------------------------------------------------------------------------------


def _closed(formula: Formula, f: Curve, values: tuple[float, ...]) -> Formula | None:
    """f' as a formula of y, of a monotone f that unwinds on every interval; at a kink the side that f' takes there.

    A flat piece keeps its value to itself; where half precision has not that very value, there is no closed form.
    """
    if not all(_is_coarse(f.at(_middle(i))) for i in f.intervals if not _moves(i)):
        return None
    slopes = [slope_of_value(i.exprs[0], _middle(i)) for i in f.intervals]
    if any(slope is None for slope in slopes):
        return None
    texts = [text_of(slope) for slope in slopes]
    thresholds = [_threshold(formula, f, place, values) for place in f.breaks]
    if f.intervals and _falls(f):
        texts.reverse()
        thresholds = [(y, not lower) for y, lower in reversed(thresholds)]
    if any(a[0] == b[0] for a, b in pairwise(thresholds)):
        return None  # a flat piece between two that pass by it: one value of y, no interval
    text = texts[-1]
    for below, above, (y, lower) in reversed(list(zip(texts, texts[1:], thresholds, strict=False))):
        if below != above:
            text = f"{text} if x {'>' if lower else '>='} {y!r} else {below}"
    return Formula(text)


def _falls(f: Curve) -> bool:
    return any(f.direction(i, 1, i.low, i.high) < 0 for i in f.intervals)


def _threshold(formula: Formula, f: Curve, place: Any, values: tuple[float, ...]) -> tuple[float, bool]:
    """The value of y at a break, and whether the slope left of the break holds there."""
    i = f.breaks.index(place)
    left, right = _sides(f, place, 0)
    if _jumps(f, place):
        return float((left + right) / 2), True  # y is never there
    for interval, is_left in ((f.intervals[i], True), (f.intervals[i + 1], False)):
        if not _moves(interval):
            return float(left), is_left
    at = dict(zip(formula.symbols.values(), values, strict=True))
    pieces = formula.pieces(formula.orders(1))
    sides = [side for b, side in zip(pieces.breaks, pieces.closed, strict=True) if abs(exact(b, at) - place) < _SAME]
    return float(left), "right" not in sides


def _is_coarse(value: Any) -> bool:
    """Whether half precision has the number, of whichever kind: eight binary digits, and a moderate size."""
    mantissa, exponent = math.frexp(float(value))
    return value == 0 or ((mantissa * 256).is_integer() and -13 <= exponent <= 16 and float(value) == value)
