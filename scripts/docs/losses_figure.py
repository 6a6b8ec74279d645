"""The figure of where the frameworks lose the gradient, from what benchmarks/losses.py measured."""

from __future__ import annotations

from markdown_parts import LIBRARIES
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nonlin.explore.entries import losses

COLOURS = {"lost": "#D55E00", "digits": "#E69F00"}


def losses_figure(low: float = -30.0, high: float = 30.0) -> Figure:
    """A strip for each function and library that loses part of its gradient within [low, high]."""
    rows = [
        (f"{name}, {LIBRARIES[library]}", orders[1])
        for name, each in losses()["rows"].items()
        for library, orders in each.items()
        if len(orders) > 1 and any(start < high and end > low for start, end, _ in orders[1])
    ]
    figure = Figure(figsize=(8, 0.6 + 0.3 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for i, (_, runs) in enumerate(rows):
        ax.axhline(i, color="0.85", linewidth=7, zorder=0, solid_capstyle="butt")
        for start, end, kind in runs:
            ax.barh(i, end - start, left=start, height=0.55, color=COLOURS[kind])
    ax.set_yticks(range(len(rows)), [title for title, _ in rows])
    ax.set(xlim=(low, high), ylim=(len(rows) - 0.5, -0.5), xlabel="$x$")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(left=False)
    told = {"lost": "0 or off by half", "digits": "half of the digits gone"}
    figure.legend(handles=[Patch(color=COLOURS[k], label=told[k]) for k in told], loc="outside upper center", ncols=2,
                  frameon=False)  # fmt: skip
    return figure
