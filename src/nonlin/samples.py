"""The part of a curve that is worth looking at, and its points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from nonlin.facts import Facts
from nonlin.language.atoms import x
from nonlin.language.curve import Curve, curve
from nonlin.language.evaluate import on_grid
from nonlin.language.formula import Formula

_HALF_WIDTH = 4.0  # where nearly all pre-activations of a normalised layer are
_WIDEST = 50.0  # turning points farther out are not worth flattening the middle for

Array = np.ndarray[Any, Any]


def curve_of(formula: Formula, values: tuple[float, ...], order: int) -> tuple[Curve, int]:
    """The curve to draw for a derivative, and the order of it there: a surrogate is a curve of its own."""
    if order and formula.slope is not None:
        return curve(formula.slope, values), order - 1
    return curve(formula, values), order


def view(known: Sequence[tuple[Facts, Curve]]) -> tuple[float, float]:
    """The interval of x that shows every kink, turning point and zero of these curves.

    At least [-4, 4]; of one that oscillates for ever, a period or two.
    """
    low, high = -_HALF_WIDTH, _HALF_WIDTH
    for facts, line in known:
        window = line.window
        ends = chain.from_iterable((p.low, p.high) for p in facts.pieces)
        places = [*facts.kinks, *facts.zeros, *ends]
        if math.isfinite(window):
            places = [-window / 2, window / 2]
        for place in places:
            if abs(place) <= _WIDEST:
                low, high = min(low, place - 2), max(high, place + 2)
    return low, high


def points(f: Curve, low: float, high: float, order: int = 0, count: int = 400) -> tuple[Array, Array]:
    """x and f(x), or a derivative, on [low, high]; a nan in both separates what a jump separates."""
    xs: list[Array] = []
    ys: list[Array] = []
    for interval in f.intervals:
        a, b = max(float(interval.low), low), min(float(interval.high), high)
        if not a < b:
            continue
        grid = np.linspace(a, b, max(2, round(count * (b - a) / (high - low))))
        expr = interval.exprs[order]
        values = on_grid(expr, {x: grid})
        if a == float(interval.low):
            values[0] = float(f.end(expr, interval.low, "+"))
        if b == float(interval.high):
            values[-1] = float(f.end(expr, interval.high, "-"))
        values[~np.isfinite(values)] = math.nan
        if ys and not np.isclose(ys[-1][-1], values[0], rtol=1e-9, atol=1e-9):
            xs.append(np.array([math.nan]))
            ys.append(np.array([math.nan]))
        xs.append(grid)
        ys.append(values)
    return np.concatenate(xs), np.concatenate(ys)


def extent(values: Sequence[Array], low: float, high: float) -> tuple[float, float]:
    """The interval of y to show: all of the values, but none far beyond the width of the interval of x."""
    limit = 1.2 * max(abs(low), abs(high))
    shown = np.concatenate(list(values))
    shown = np.clip(shown[np.isfinite(shown)], -limit, limit)
    bottom, top = (float(shown.min()), float(shown.max())) if shown.size else (-1.0, 1.0)
    bottom, top = min(bottom, 0.0), max(top, 0.0)
    margin = 0.06 * (top - bottom) or 1.0
    return bottom - margin, top + margin
