"""A curve and its derivative as a small SVG picture that stands in a page of HTML, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from nonlin.facts import facts
from nonlin.language.formula import Formula
from nonlin.samples import Array, curve_of, extent, points, view
from nonlin.told import shown

# Okabe and Ito 2008; both are seen on a dark page too.
_STROKES = (("#0072b2", ""), ("#d55e00", ' stroke-dasharray="6 4"'))
_MARGIN, _FOOT = 26, 16  # room for the numbers at the axes


def sketch(title: str, formula: Formula, values: tuple[float, ...], width: int = 280, height: int = 150) -> str:
    """A <figure> with f as a line and f', or its surrogate, as a dashed one, where all of it happens.

    `width` and `height`, in pixels, are those of the area of the curves; the axes have numbers around it. Raises
    ParameterError where the formula has no value at these parameters.
    """
    known = facts(formula, values)
    f, slope = (curve_of(formula, values, order) for order in (0, 1))
    low, high = view([(known, f[0])])
    both = [points(line, low, high, order, 200) for line, order in (f, slope)]
    slope_said = "the surrogate of its derivative" if known.surrogate else "its derivative"
    bottom, top = extent([ys for _, ys in both], low, high)

    def across(x: float) -> float:
        return (x - low) / (high - low) * width

    def down(y: float) -> float:
        return min(max((top - y) / (top - bottom), -1), 2) * height

    def path(xs: Array, ys: Array) -> str:
        found, pen = "", "M"
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            if math.isnan(x) or math.isnan(y):
                pen = "M"
                continue
            found += f"{pen}{across(x):.1f} {down(y):.1f}"
            pen = "L"
        return found

    axes = f"M0 {down(0):.1f}H{width}M{across(0):.1f} 0V{height}"
    lines = "".join(
        f'<path d="{path(*xy)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        for xy, (colour, dashes) in zip(both, _STROKES, strict=True)
    )
    numbers = "".join(
        [f'<text x="{across(x):.1f}" y="{height + 12}" text-anchor="middle">{shown(x)}</text>'
         for x in _ticks(low, high, width / 50)]
        + [f'<text x="-4" y="{down(y) + 3:.1f}" text-anchor="end">{shown(y)}</text>'
           for y in _ticks(bottom, top, height / 35)]
    )  # fmt: skip
    label = f"{title} and, dashed, {slope_said} for x from {shown(low)} to {shown(high)}"
    room = f"{-_MARGIN} 0 {width + _MARGIN + 8} {height + _FOOT}"
    return (
        f'<figure style="margin:.3em 0"><svg viewBox="{room}" width="{width + _MARGIN + 8}" '
        f'style="max-width:100%;height:auto" role="img" aria-label="{escape(label)}">'
        f'<path d="{axes}" stroke="currentColor" stroke-opacity=".3"/>'
        f'<g font-size="10" fill="currentColor" fill-opacity=".7">{numbers}</g>'
        f'<svg width="{width}" height="{height}">{lines}</svg></svg>'
        f'<figcaption style="opacity:.7">f, and {slope_said} dashed; x from {shown(low)} to {shown(high)}'
        "</figcaption></figure>"
    )


def _ticks(low: float, high: float, most: float) -> Iterable[float]:
    """Round numbers in an interval, at most about so many."""
    rough = (high - low) / most
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(s * decade for s in (1, 2, 5, 10) if s * decade >= rough)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
