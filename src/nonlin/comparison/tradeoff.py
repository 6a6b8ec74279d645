"""The figure of cost against score: what the time and the memory of each activation buy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nonlin.comparison import drawing
from nonlin.comparison.text import significant

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

GAP = 0.24  # inches between the middles of two names
COSTS = {"epoch_seconds": ("time an epoch, ms", 1e3), "memory": ("memory of a training step, MB", 1e-6)}


def tradeoff(comparison: Comparison, narrow: bool = False) -> Figure:
    """Mean test score with its standard deviation against time and memory, one panel each; none for a cost that was
    not measured. A score far below the others is written at the lower edge."""
    columns = [column for column in COSTS if comparison.costs[column].notna().any()]
    table = comparison.table.merge(comparison.costs[["activation", "memory"]], on="activation")
    spreads = table["score_std"].fillna(0.0)
    ends = zip(table["score_mean"] - spreads, table["score_mean"] + spreads, strict=True)
    scales = drawing.scales(dict(zip(table["activation"], ends, strict=True)), table["activation"])
    limits = next(one for one in scales.values() if one is not None)  # the best is never far below the others
    inside = max(2.2, GAP * (len(table) + 1))
    with drawing.styled():
        down = len(columns) if narrow else 1
        size = (drawing.INCHES[narrow], 0.2 + (inside + 0.6) * down)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(down, len(columns) // down, squeeze=False).ravel()
        for axes, column in zip(grid, columns, strict=True):
            _panel(axes, comparison, table, column, limits, inside)
        figure.supylabel(f"test {drawing.score(comparison)}", fontsize=10)
        return drawing.titled(figure, "Test score against time an epoch and memory of a training step")


def _panel(
    axes: Axes, comparison: Comparison, table: Any, column: str, limits: tuple[float, float], inside: float
) -> None:
    label, unit = COSTS[column]
    low, high = limits
    names: list[tuple[float, float, str, str]] = []
    for row in table.to_dict("records"):
        name, x, y = row["activation"], unit * row[column], row["score_mean"]
        if not math.isfinite(x):
            continue
        colour, text = drawing.colour_of(comparison, name), drawing.short(name, 16)
        if y < low:
            axes.plot(x, low, "v", color=colour, clip_on=False)
            names.append((low, x, f"{text}: {significant(y)}", colour))
            continue
        if math.isfinite(row["score_std"]):
            axes.plot([x, x], [y - row["score_std"], y + row["score_std"]], color=colour, lw=1, alpha=0.4)
        axes.plot(x, y, "o", color=colour, mec=drawing.PAPER)
        names.append((y, x, text, colour))
    names.sort()
    heights = _apart([(y - low) / (high - low) for y, *_ in names], GAP / inside)
    for height, (y, x, text, colour) in zip(heights, names, strict=True):
        axes.annotate(
            text,
            (x, y),
            (1.04, height),
            textcoords="axes fraction",
            va="center",
            color=colour,
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 4},
        )
    axes.set_ylim(limits)
    axes.margins(x=0.15)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(label)


def _apart(heights: list[float], gap: float) -> list[float]:
    """Ascending heights moved as little as it takes to lie `gap` apart: up first, then down from the top."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + gap) if moved else height)
    ceiling = 1.0
    for place in range(len(moved) - 1, -1, -1):
        moved[place] = min(moved[place], ceiling)
        ceiling = moved[place] - gap
    return moved
