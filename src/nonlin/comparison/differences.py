"""The figure that the verdicts are read from: a dot a seed, the interval of the mean, and the noise floor as a band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nonlin.comparison import drawing
from nonlin.comparison.judge import Judged
from nonlin.comparison.text import signed

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison


def differences(comparison: Comparison, narrow: bool = False) -> Figure:
    """Each activation's difference to the baseline, the best first; last the control, which the band is made from."""
    judgement, base = comparison.judgement, drawing.short(comparison.plan.baseline)
    rows = [(name, judgement.of[name]) for name in comparison.table["activation"] if name in judgement.of]
    labels = [f"{drawing.short(name)}{': ' if narrow else '  '}({one.verdict})" for name, one in rows]
    labels = [f"{drawing.short(name)}  ({one.verdict})" for name, one in rows] + [f"{base} again  (control)"]
    drawn = [one for _, one in rows] + [judgement.control]
    colours = [drawing.COLOURS[one.verdict] for _, one in rows] + [drawing.BASELINE]
    limit = _limit(drawn, judgement.margin, comparison.noise_floor)
    places = range(len(drawn) - 1, -1, -1)  # the first on top
    with drawing.styled():
        height = (0.52 if narrow else 0.42) * len(drawn)
        figure = Figure(figsize=(drawing.INCHES[narrow], 1.3 + height), layout="constrained")
        axes = figure.subplots()
        axes.set(xlim=(-limit, limit), ylim=(-0.6, len(drawn) - (0.2 if narrow else 0.4)))
        _floors(axes, comparison.noise_floor, judgement.margin)
        for place, one, colour in zip(places, drawn, colours, strict=True):
            _row(axes, one, place, colour, limit)
        if narrow:  # a name beside its row would leave no room for the row
            axes.set_yticks([])
            for place, label in zip(places, labels, strict=True):
                axes.text(0.0, place + 0.4, label, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
        else:
            axes.set_yticks(places, labels)
        axes.locator_params(axis="x", nbins=5 if narrow else 9)
        axes.set_xlabel(f"difference in test {drawing.score(comparison)} to {base}" + (", same seed" * (not narrow)))
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
        return drawing.titled(figure, f"Differences to {comparison.plan.baseline}, seed by seed, in the noise floor")


def _limit(rows: list[Judged], margin: float, noise: float) -> float:
    """How far the axis goes: to all but what is far beyond the others."""
    reach = [max(abs(d) for d in one.differences) for one in rows]
    near = [r for r in reach if r <= drawing.FAR_OFF * float(np.median(reach))]
    return 1.12 * max([*near, margin, noise if math.isfinite(noise) else 0.0, 1e-9])


def _floors(axes: Axes, noise: float, margin: float) -> None:
    if math.isfinite(noise):
        axes.axvspan(-noise, noise, color=drawing.BAND, lw=0, label="noise floor (control)")
    axes.axvline(0, color=drawing.BASELINE, lw=1)
    for side in (-margin, margin):
        axes.axvline(side, color=drawing.MARGIN, lw=1, ls=":", label="margin" if side > 0 else None)


def _row(axes: Axes, one: Judged, place: int, colour: str, limit: float) -> None:
    if abs(one.difference) > limit:
        side = math.copysign(1, one.difference)
        axes.annotate(
            f"{signed(one.difference)}, off this scale",
            (side * limit, place),
            (side * 0.9 * limit, place),
            color=colour,
            va="center",
            ha="right" if side > 0 else "left",
            arrowprops={"arrowstyle": "->", "color": colour},
        )
        return
    offsets = place + 0.24 * (np.arange(len(one.differences)) % 3 - 1) / 2  # equal values stay visible
    axes.plot(one.differences, offsets, ".", color=colour, alpha=0.6, ms=7, mew=0)
    if math.isfinite(one.low):
        axes.plot([one.low, one.high], [place, place], color=colour, lw=3, solid_capstyle="butt")
    axes.plot(one.difference, place, "o", color=colour, ms=7, mec=drawing.PAPER)
