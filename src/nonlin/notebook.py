"""An activation as a card in a notebook: formula, a small picture of f and f', facts. HTML that needs nothing else."""

from __future__ import annotations

import math
from html import escape

from nonlin.errors import ParameterError
from nonlin.facts import Facts, facts
from nonlin.language.formula import Formula
from nonlin.samples import Array, curve_of, extent, points, view
from nonlin.told import interval, places, shown

_WIDTH, _HEIGHT = 280, 150
# Okabe and Ito 2008; both are seen on a dark page too.
_STROKES = (("#0072b2", ""), ("#d55e00", ' stroke-dasharray="6 4"'))


def card(title: str, text: str, reference: str, formula: Formula | None = None, values: tuple[float, ...] = ()) -> str:
    """The card; without `formula`, or where that has no value at these values, only what can be said in words."""
    drawn = ""
    if formula is not None:
        try:
            known = facts(formula, values)
            both = f"{_picture(title, known, formula, values)}{_table(known)}"
            drawn = f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{both}</div>'
        except ParameterError as error:
            drawn = f"<div>{escape(str(error))}</div>"
    source = f'<div style="opacity:.7">{escape(reference)}</div>' if reference else ""
    return f"<div><b>{escape(title)}</b> <code>{escape(text)}</code>{drawn}{source}</div>"


def _picture(title: str, known: Facts, formula: Formula, values: tuple[float, ...]) -> str:
    """f as a line and f' as a dashed one, on the interval that shows all that happens."""
    f, slope = (curve_of(formula, values, order) for order in (0, 1))
    low, high = view([(known, f[0])])
    both = [points(line, low, high, order, 200) for line, order in (f, slope)]
    slope_said = "the surrogate of its derivative" if known.surrogate else "its derivative"
    bottom, top = extent([ys for _, ys in both], low, high)

    def across(x: float) -> float:
        return (x - low) / (high - low) * _WIDTH

    def down(y: float) -> float:
        return min(max((top - y) / (top - bottom), -1), 2) * _HEIGHT

    def path(xs: Array, ys: Array) -> str:
        found, pen = "", "M"
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            if math.isnan(x) or math.isnan(y):
                pen = "M"
                continue
            found += f"{pen}{across(x):.1f} {down(y):.1f}"
            pen = "L"
        return found

    axes = f"M0 {down(0):.1f}H{_WIDTH}M{across(0):.1f} 0V{_HEIGHT}"
    lines = "".join(
        f'<path d="{path(*xy)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        for xy, (colour, dashes) in zip(both, _STROKES, strict=True)
    )
    label = f"{title} and, dashed, {slope_said} for x from {shown(low)} to {shown(high)}"
    return (
        f'<figure style="margin:.3em 0"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{escape(label)}">'
        f'<path d="{axes}" stroke="currentColor" stroke-opacity=".3"/>{lines}</svg>'
        f'<figcaption style="opacity:.7">f, and {slope_said} dashed; x from {shown(low)} to {shown(high)}'
        "</figcaption></figure>"
    )


def _table(known: Facts) -> str:
    rows = {
        "range": interval(*known.range),
        "steepest slope": shown(known.lipschitz),
        "saturates": known.saturates or "no",
        "kinks": places(known.kinks),
        "zeros": places(known.zeros, known.zero_intervals),
        "gain": shown(known.gain),
        "E f(z), z ~ N(0, 1)": shown(round(known.mean, 12)),
    }
    cells = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:400;opacity:.7">{escape(label)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for label, value in rows.items()
    )
    return f"<table>{cells}</table>"
