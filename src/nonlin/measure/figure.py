"""The figure of a measurement of speed: one glance at how many times faster nonlin is, function by function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nonlin.errors import MissingExtra, ParameterError
from nonlin.measure.cells import PEERS, Cell, Direction, chosen, geometric_mean
from nonlin.measure.goals import LARGE
from nonlin.measure.tables import MEAN, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's blue and orange: told apart with any colour vision, and by their shape in grey as well.
ARRAYS, TENSORS, EVEN, FAINT = "#0072B2", "#D55E00", "#000000", "#d8d8d8"
Ratios = dict[str, float]


def speed_figure(cells: Sequence[Cell], size: int = LARGE) -> Figure:
    """Ratios on one thread at one size: forward to the best peer, forward+backward to torch.

    Right of the line nonlin is faster. Raises ParameterError where nothing was measured at that size.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra('figures need matplotlib, which is not installed: pip install "nonlin[plot]"') from None
    single = chosen(cells, threads=1, size=size)
    if not single:
        raise ParameterError(f"nothing was measured on one thread at this size: {size}: measure it first")
    arrays = _ratios(single, "forward", lambda cell: cell.ratio("nonlin numpy"))
    tensors = _ratios(single, "forward", lambda cell: cell.ratio("nonlin torch"))
    backward = _ratios(single, "forward+backward", lambda cell: cell.ratio("nonlin torch", "torch"))
    of = {cell.function: cell.best_peer() or "" for cell in chosen(single, direction="forward")}
    names = {name: arrays.get(name, tensors.get(name, 0.0)) for name in [*arrays, *tensors, *backward] if name != MEAN}
    rows = [*sorted(names, key=lambda name: names[name]), MEAN]
    panels: list[tuple[str, list[tuple[str, Ratios, str, str]]]] = [
        ("forward, against the fastest of all others",
         [("nonlin on NumPy arrays", arrays, ARRAYS, "o"), ("nonlin on torch tensors", tensors, TENSORS, "D")]),
        ("forward + backward, against torch", [("nonlin on torch tensors", backward, TENSORS, "D")]),
    ]  # fmt: skip
    panels = [(title, kept) for title, series in panels if (kept := [one for one in series if one[1]])]
    with rc_context({"font.size": 10, "text.parse_math": False, "svg.hashsalt": "nonlin"}):
        figure = Figure(figsize=(4.4 * len(panels) + 1.2, 1.7 + 0.27 * len(rows)), layout="constrained")
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, series) in zip(grid, panels, strict=True):
            _panel(axes, title, series, rows)
        grid[0].set_yticks(range(len(rows)), [f"{name}  vs {of[name]}" if of.get(name) else name for name in rows])
        grid[0].get_yticklabels()[-1].set_fontweight("bold")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        figure.suptitle(f"How many times faster nonlin is: one core, {count(size)} float32, logarithmic", fontsize=11)
        others = [peer for peer in PEERS if any(peer in cell.nanoseconds for cell in single)]
        grid[0].set_xlabel(f"others: {', '.join(others)}", fontsize=8, color="#555555")
        return figure


def _ratios(cells: Sequence[Cell], direction: Direction, ratio: Callable[[Cell], float]) -> Ratios:
    found = {cell.function: ratio(cell) for cell in chosen(cells, direction=direction)}
    found = {name: value for name, value in found.items() if not math.isnan(value)}
    return {**found, MEAN: geometric_mean(found.values())} if found else {}


def _panel(axes: Axes, title: str, series: list[tuple[str, Ratios, str, str]], rows: Sequence[str]) -> None:
    values = [1.0, *(value for _, ratios, _, _ in series for value in ratios.values())]
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(values) / 1.35, max(values) * 1.9)  # room for the numbers on the right
    axes.axhspan(len(rows) - 1.5, len(rows) - 0.5, color="#f2f2f2", lw=0)
    axes.axvline(1, color=EVEN, lw=1)
    for row, name in enumerate(rows):
        here = [ratios[name] for _, ratios, _, _ in series if name in ratios]
        if here:
            axes.plot([min(1.0, *here), max(1.0, *here)], [row, row], color=FAINT, lw=2, zorder=1)
            text = " / ".join(f"{value:.1f}" if value < 9.95 else f"{value:.0f}" for value in here)
            axes.annotate(text, (max(1.0, *here), row), (8, 0), textcoords="offset points", va="center", fontsize=8)
    for i, (label, ratios, colour, shape) in enumerate(series):
        shift = 0.13 * (len(series) - 1 - 2 * i)  # equal values stay visible
        known = [(ratios[name], row + shift) for row, name in enumerate(rows) if name in ratios]
        axes.plot(*zip(*known, strict=True), shape, color=colour, ms=6, mec="white", mew=0.8, ls="", label=label)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_title(title, fontsize=10)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}\u00d7" if value >= 1 else f"1/{1 / value:g}")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
