"""What the figures of a report share: colours that the colour-blind tell apart, scales, names that fit, and the SVG."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from nonlin.comparison.metrics import METRICS

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

# Okabe and Ito's blue, orange and green differ in lightness too, so that they survive a grey print.
COLOURS = {"better": "#0072b2", "worse": "#d55e00", "practically equal": "#009e73", "undecided": "#666666"}
INK, OTHERS, BAND, MARGIN, PAPER = "#1a1a1a", "#c8c8c8", "#e6e6e6", "#888888", "#ffffff"
BASELINE = INK
# What each of them is on a dark page, which is lightness turned over.
DARK = {
    COLOURS["better"]: "#56b4e9",
    COLOURS["worse"]: "#f0792a",
    COLOURS["practically equal"]: "#2cc596",
    COLOURS["undecided"]: "#a8a6a0",
    INK: "#e8e6e1",
    OTHERS: "#55534f",
    BAND: "#33322f",
    MARGIN: "#8a8882",
    PAPER: "#161615",
}
INCHES = {False: 8.5, True: 4.3}  # how wide a figure is, and how wide on a narrow screen
FAR_OFF = 4  # times the reach of the others: what lies beyond is written at the edge and does not squeeze the rest
# Text is drawn as outlines: no font of the reader's machine can make labels overlap. Names are never mathematics.
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "nonlin",
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def styled() -> AbstractContextManager[None]:
    """In which every figure is drawn."""
    return rc_context(_STYLE)


def svg(figure: Figure) -> str:
    """A figure as an <svg> element, the same text for the same figure; its colours are those of the page's style."""
    text = io.StringIO()
    with styled():
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Title": str(figure.get_label())})
    element = text.getvalue()[text.getvalue().index("<svg") :]
    return re.sub(r": #([0-9a-f]{6})\b", _variable, element)


def _variable(match: re.Match[str]) -> str:
    colour = f"#{match[1]}"
    return f": var(--{match[1]}, {colour})" if colour in DARK else match[0]


def titled(figure: Figure, title: str) -> Figure:
    """The figure, with a title for those who do not see it."""
    figure.set_label(title)
    return figure


def short(name: str, most: int = 28) -> str:
    """A formula can be longer than its place in a figure; two specs often differ at their end only."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[most // 2 - most :]}"


def score(comparison: Comparison) -> str:
    """What a score is called."""
    return METRICS[comparison.plan.metric].label


def colour_of(comparison: Comparison, name: str) -> str:
    """The colour of an activation's verdict; the baseline's is the ink's."""
    return BASELINE if name == comparison.plan.baseline else COLOURS[comparison.judgement.of[name].verdict]


def panels(comparison: Comparison, draw: Callable[[Axes, str], None], x: str, y: str, narrow: bool) -> Figure:
    """One panel an activation, in the order of the ranking."""
    names = list(comparison.table["activation"])
    columns = min(2 if narrow else 3, len(names))
    rows = math.ceil(len(names) / columns)
    with styled():
        figure = Figure(figsize=(INCHES[narrow], 0.6 + 1.9 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            draw(axes, name)
            axes.tick_params(labelbottom=True)  # below every panel: under some there is no other
        for axes in grid[len(names) :]:
            axes.remove()
        figure.supxlabel(x, fontsize=10)
        figure.supylabel(y, fontsize=10)
        return figure


def scales(ranges: dict[str, tuple[float, float]], names: Iterable[str]) -> dict[str, tuple[float, float] | None]:
    """Limits of the score axis: one scale for all, and None for each that needs its own, as it stays far below or has
    a run that diverged, so that neither squeezes the other."""
    best = max((high for _, high in ranges.values()), default=0.0)
    reach = FAR_OFF * float(np.median([high - low for low, high in ranges.values()] or [0.0]))
    common = {name: ends for name, ends in ranges.items() if ends[1] >= best - max(reach, 1e-9)}
    lowest = min((low for low, _ in common.values()), default=0.0)
    pad = 0.08 * (best - lowest) or 0.01
    return {name: (lowest - pad, best + pad) if name in common else None for name in names}


def logarithmic(axes: Axes) -> None:
    """A logarithmic axis with plain numbers: the default labels are mathematics, which is off."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def said_inside(axes: Axes, text: str) -> None:
    """Why a panel is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=COLOURS["worse"])
