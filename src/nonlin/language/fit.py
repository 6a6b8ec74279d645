"""A function that is known by samples only, as polynomials on cells: t -> s along a curve x -> (t(x), s(x)).

The cells are found by walking: as wide as the tolerance allows, narrower where the curve bends, so that a root or a
kink at an end and a tail without end cost a few cells more, and nothing has to be known of either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

DEGREE = 5
TOLERANCE = 1e-7  # of the value, relative where that is above 1
_NODES = (1 - np.cos(np.pi * (np.arange(4 * DEGREE) + 0.5) / (4 * DEGREE))) / 2
# Where a cell is checked: evenly, and ever closer to both ends, since a wide cell may hide there what it began with.
_NEAR = 2.0 ** -np.arange(1, 130)
_CHECKS = np.unique(np.concatenate([[0.0, 1.0], np.linspace(0, 1, 34), _NEAR, 1 - _NEAR[:40]]))
_FAR = 3e38
_ROUNDING = 4  # spacings of float32 that t may be off

Samples = Callable[[Any], tuple[Any, Any]]
_Cell = tuple[float, float, bool, Any]  # its ends in t, whether its walk went up, the polynomial


class Unbounded(Exception):
    """No polynomial comes near: `args[0]` is the place."""


@dataclass(frozen=True)
class Cells:
    """In cell i, from `lefts[i]` on, the value is sum_k rows[k, i] v^k with v = (t - anchors[i]) * scales[i].

    A cell's anchor is the end where its walk began, so that a wide one has its digits there. `lefts` and `anchors` are
    float32 numbers, `lefts` in increasing order; `last` is the end of the last cell.
    """

    lefts: Any
    anchors: Any
    scales: Any
    rows: Any
    last: float

    def __call__(self, t: Any) -> Any:
        """The value at t, in float64."""
        t = np.clip(t, self.lefts[0], self.last)
        i = np.clip(np.searchsorted(self.lefts, t, side="right") - 1, 0, None)
        v = (t - self.anchors[i]) * self.scales[i]
        value = self.rows[-1, i]
        for row in self.rows[-2::-1]:
            value = value * v + row[i]
        return value


def fit(walks: list[tuple[float, float, Samples]]) -> Cells:
    """The cells along some curves: each from a finite place to another place, which may be infinite."""
    found = [cell for start, end, samples in walks for cell in _walked(start, end, samples)]
    found.sort(key=lambda cell: cell[:2])  # of two that begin at one float32 number the wider one counts
    lefts, rights, rising, rows = (np.array(part) for part in zip(*found, strict=True))
    wide = np.append(lefts[1:] > lefts[:-1], True)
    scales = np.where(rising, 1.0, -1.0) / (rights - lefts)
    anchors = np.where(rising, lefts, rights)
    return Cells(lefts[wide], anchors[wide], scales[wide], rows[wide].T.copy(), float(rights.max()))


def edged(found: Cells, edges: Sequence[tuple[float, bool]]) -> Cells:
    """The cells with their limits at `edges` moved a little: up where True, so that an edge is of the cell below."""
    lefts = found.lefts.copy()
    for edge, up in edges:
        near = _ROUNDING * float(np.spacing(np.float32(abs(edge))))
        lefts[np.abs(lefts - edge) <= near] += near if up else -near
    return replace(found, lefts=lefts)


def _walked(start: float, end: float, samples: Samples) -> list[_Cell]:
    sign = 1.0 if end > start else -1.0
    reach = _reach(start, end, sign, samples)
    found: list[_Cell] = []
    at, width = 0.0, min(reach, 0.25)
    while at < reach:
        fitted, width = None, min(width, reach - at)
        while fitted is None:  # narrower until it fits
            fitted = _fitted(start + sign * at, start + sign * (at + width), samples)
            width = width if fitted is not None else width / 2
        while at + width < reach:  # then wider as long as it does
            wider = min(2 * width, reach - at)
            more = _fitted(start + sign * at, start + sign * (at + wider), samples)
            if more is None:
                break
            fitted, width = more, wider
        found.append(fitted)
        at = reach if at + width == at else at + width
    return found


def _reach(start: float, end: float, sign: float, samples: Samples) -> float:
    """How far a curve can be followed before it leaves the numbers of float32."""
    whole = min(abs(end - start), _FAR)
    good = whole
    while good > 1e-30:
        t, s = samples(np.array([start + sign * good]))
        if abs(t[0]) < _FAR and abs(s[0]) < _FAR:
            break
        good /= 2
    bad = min(2 * good, whole)
    while bad - good > 1e-3 * good:
        middle = (good + bad) / 2
        t, s = samples(np.array([start + sign * middle]))
        good, bad = (middle, bad) if abs(t[0]) < _FAR and abs(s[0]) < _FAR else (good, middle)
    return whole if whole == bad else good


def _fitted(a: float, b: float, samples: Samples) -> _Cell | None:
    """The polynomial of one cell, or None where it misses the tolerance."""
    t, s = samples(a + (b - a) * np.concatenate([_NODES, _CHECKS]))
    begin, end = (float(np.float32(place)) for place in t[[_NODES.size, -1]])
    left, right, rising = min(begin, end), max(begin, end), end > begin
    known = np.isfinite(t) & np.isfinite(s)
    narrow = right - left <= _ROUNDING * float(np.spacing(np.float32(max(abs(left), abs(right)))))
    if narrow:
        if not known.any():
            raise Unbounded(a)
        middle = float(np.median(s[known]))
        if np.max(np.abs(s[known] - middle)) > 1e-2 * max(1.0, abs(middle)):
            if abs(b - a) > 1e-12 * max(abs(a), 1e-12):
                return None
            raise Unbounded(a)
        right = max(right, float(np.nextafter(np.float32(left), np.float32(np.inf))))
        return left, right, rising, np.array([middle, *[0.0] * DEGREE])
    v = (t - begin) / (end - begin)
    nodes, checks = known.copy(), known.copy()
    nodes[_NODES.size :], checks[: _NODES.size] = False, False
    if nodes.sum() <= DEGREE:
        return None
    powers = np.vander(v, DEGREE + 1, increasing=True)
    row = np.linalg.lstsq(powers[nodes], s[nodes], rcond=None)[0]
    errors = np.abs(powers[checks] @ row - s[checks]) / np.maximum(1, np.abs(s[checks]))
    return (left, right, rising, row) if errors.max(initial=0.0) <= TOLERANCE else None
