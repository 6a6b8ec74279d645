"""What a figure marks on a curve: its kinks and jumps, and the zones in which it passes no gradient on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from nonlin.activation import Activation
from nonlin.explore.samples import curve_of
from nonlin.language.atoms import x
from nonlin.language.evaluate import on_grid
from nonlin.language.formula import value_at
from nonlin.slopes import DELTA, GRID

_SAME = 1e-9  # values closer than this, relatively, meet
_STEPS = 2000  # on a piece of the curve, to look for what is flat
_NARROWEST = 0.01  # of the interval that is shown

Kind = Literal["dead", "saturated"]


class Dot(NamedTuple):
    """A place on a curve: `taken` where the function has this value there, else what one side only tends to."""

    x: float
    y: float
    taken: bool


class Zone(NamedTuple):
    """An interval in which the slope is 0 (dead), or less than a thousandth of the steepest (saturated)."""

    low: float
    high: float
    kind: Kind


def dots(activation: Activation, low: float, high: float, order: int = 0) -> list[Dot]:
    """The kinks of f in [low, high], and the jumps of f or of its derivative with the value that holds there.

    At a jump the value is the one that the kink rule gives, and the ends of the curve that do not meet it are open.
    A pole has no dot.
    """
    (line, own_order), rule = curve_of(activation, order), activation.rule
    pieces = rule.pieces(rule.orders(order))
    at = dict(zip(rule.symbols.values(), activation.parameters.values(), strict=True))
    found: list[Dot] = []
    for edge, left, right in zip(line.breaks, line.intervals, line.intervals[1:], strict=False):
        place = float(edge)
        if not low <= place <= high:
            continue
        value = float(value_at(pieces, place, at))
        ends = [float(line.end(part.exprs[own_order], edge, sign)) for part, sign in ((left, "-"), (right, "+"))]
        near = [end for end in dict.fromkeys(ends) if math.isfinite(end)]
        open_ends = [end for end in near if not _meet(end, value)]
        is_kink = order == 0 and place in activation.facts.kinks
        if not near or not math.isfinite(value) or not (open_ends or is_kink):
            continue
        found += [Dot(place, value, True), *(Dot(place, end, False) for end in open_ends)]
    return found


def zones(activation: Activation, low: float, high: float) -> list[Zone]:
    """The dead and the saturated zones of f in [low, high], from left to right; none that is as narrow as a line."""
    line, order = curve_of(activation, 1)
    limit = DELTA * steepest(activation)
    found: list[Zone] = []
    for part in line.intervals:
        a, b = max(float(part.low), low), min(float(part.high), high)
        if a < b and part.exprs[order] == 0:
            found.append(Zone(a, b, "dead"))
        elif a < b:
            found += (Zone(*ends, "saturated") for ends in _below(part.exprs[order], limit, a, b))
    return [zone for zone in _joined(found) if zone.high - zone.low > _NARROWEST * (high - low)]


def steepest(activation: Activation) -> float:
    """max|f'| where pre-activations live, as `nonlin.slopes` has it, without a kernel that would be compiled for it."""
    line, order = curve_of(activation, 1)
    slopes = np.abs(on_grid((line.expr, line.slope)[order], {x: GRID}))
    return float(slopes[np.isfinite(slopes)].max(initial=0.0))


def _below(slope: Any, limit: float, low: float, high: float) -> Iterator[tuple[float, float]]:
    """The intervals in [low, high] in which |slope| < limit."""

    def inside(places: Any) -> Any:
        return np.abs(on_grid(slope, {x: places})) < limit

    grid = np.linspace(low, high, _STEPS + 2)[1:-1]  # at the ends stand the breaks, which belong to no side here
    held = np.concatenate([[False], inside(grid), [False]])
    grid = np.concatenate([[low], grid, [high]])
    starts, ends = np.flatnonzero(~held[:-1] & held[1:]), np.flatnonzero(held[:-1] & ~held[1:])
    for start, end in zip(starts, ends, strict=True):
        left = low if start == 0 else _edge(inside, grid[start], grid[start + 1])
        right = high if end == len(grid) - 2 else _edge(inside, grid[end + 1], grid[end])
        yield left, right


def _edge(inside: Callable[[Any], Any], outer: float, inner: float) -> float:
    """Where `inside` begins between two places."""
    for _ in range(50):
        middle = (outer + inner) / 2
        outer, inner = (outer, middle) if inside(middle) else (middle, inner)
    return float(inner)


def _joined(found: list[Zone]) -> Iterator[Zone]:
    last: Zone | None = None
    for zone in found:
        if last is not None and (last.kind, last.high) == (zone.kind, zone.low):
            last = Zone(last.low, zone.high, zone.kind)
            continue
        if last is not None:
            yield last
        last = zone
    if last is not None:
        yield last


def _meet(a: float, b: float) -> bool:
    return abs(a - b) <= _SAME * (1 + abs(a))
