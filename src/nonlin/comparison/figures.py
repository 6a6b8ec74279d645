"""The figures of a report: one function a figure. Colours are told apart by the colour-blind as well."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from nonlin.comparison.metrics import METRICS
from nonlin.comparison.text import signed

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

# Okabe and Ito's blue, orange and green differ in lightness too, so that they survive a grey print.
COLOURS = {"better": "#0072B2", "worse": "#D55E00", "practically equal": "#009E73", "undecided": "#666666"}
OTHERS, BASELINE, BAND = "#d0d0d0", "#000000", "#e6e6e6"
# Text is drawn as outlines: no font of the reader's machine can make labels overlap. Names are never mathematics.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "nonlin",
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
FAR_OFF = 4  # times the other rows' reach: a row beyond it is written at the edge and does not squeeze the rest


def figures(comparison: Comparison) -> dict[str, Figure]:
    """Every figure that there is something to draw in; none of learning rates where one was given."""
    drawn = {"differences": differences, "rates": rate_curves, "curves": learning_curves, "health": health}
    if len(comparison.plan.learning_rates) == 1:
        del drawn["rates"]
    return {name: draw(comparison) for name, draw in drawn.items()}


def differences(comparison: Comparison) -> Figure:
    """Each activation's difference to the baseline: a dot a seed, the interval, and the noise floor as a band."""
    judged = comparison.judgement.of
    names = [name for name in comparison.table["activation"] if name in judged]
    reach = {name: max(abs(d) for d in judged[name].differences) for name in names}
    usual = float(np.median(list(reach.values())))
    near = [r for r in reach.values() if r <= FAR_OFF * usual]
    noise, margin = comparison.noise_floor, comparison.judgement.margin
    limit = 1.12 * max([*near, margin, noise if math.isfinite(noise) else 0.0, 1e-9])
    with rc_context(STYLE):
        figure = Figure(figsize=(8.5, 1.7 + 0.42 * len(names)), layout="constrained")
        axes = figure.subplots()
        if math.isfinite(noise):
            axes.axvspan(-noise, noise, color=BAND, lw=0, label="noise floor (control)")
        axes.axvline(0, color=BASELINE, lw=1)
        for side in (-margin, margin):
            axes.axvline(side, color="#888888", lw=1, ls=":", label="margin" if side > 0 else None)
        for row, name in enumerate(reversed(names)):
            one, colour = judged[name], COLOURS[judged[name].verdict]
            if abs(one.difference) > limit:
                side = math.copysign(1, one.difference)
                axes.annotate(
                    f"{signed(one.difference)}, off this scale",
                    (side * limit, row),
                    (side * 0.93 * limit, row),
                    color=colour,
                    va="center",
                    ha="right" if side > 0 else "left",
                    arrowprops={"arrowstyle": "->", "color": colour},
                )
                continue
            offsets = row + 0.24 * (np.arange(len(one.differences)) % 3 - 1) / 2  # equal values stay visible
            axes.plot(one.differences, offsets, ".", color=colour, alpha=0.6, ms=7, mew=0)
            if math.isfinite(one.low):
                axes.plot([one.low, one.high], [row, row], color=colour, lw=3, solid_capstyle="butt")
            axes.plot(one.difference, row, "o", color=colour, ms=7, mec="white")
        axes.set_yticks(range(len(names)), [f"{_short(n)}  ({judged[n].verdict})" for n in reversed(names)])
        axes.set(xlim=(-limit, limit), ylim=(-0.6, len(names) - 0.4))
        axes.set_xlabel(f"difference in test {_metric(comparison)} to {_short(comparison.plan.baseline)}, same seed")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
        return _titled(figure, "Difference of each activation to the baseline, with each seed and the interval")


def rate_curves(comparison: Comparison) -> Figure:
    """Validation score against learning rate, one panel an activation, the chosen rate marked."""
    choices = comparison.results.choices
    curves = {name: [v for v in choice.curve.values() if math.isfinite(v)] for name, choice in choices.items()}
    scales = _scales({name: (float(np.median(curve)), max(curve)) for name, curve in curves.items() if curve}, curves)

    def panel(axes: Axes, name: str) -> None:
        for other, choice in choices.items():
            axes.plot(list(choice.curve), list(choice.curve.values()), color=OTHERS, lw=1, zorder=1)
            if other == name:
                colour = BASELINE if name == comparison.plan.baseline else COLOURS["better"]
                axes.plot(list(choice.curve), list(choice.curve.values()), "o-", color=colour, ms=4, zorder=3)
                axes.axvline(choice.rate, color=colour, lw=1, ls=":")
        _log(axes)
        edge = " at the edge" if choices[name].at_edge else ""
        axes.set_title(f"{_short(name)}: {choices[name].rate:.3g}{edge}{scales[name][1]}", fontsize=9)
        axes.set_ylim(scales[name][0])

    return _panels(comparison, panel, "learning rate", f"validation {_metric(comparison)}", "Learning-rate curves")


def learning_curves(comparison: Comparison) -> Figure:
    """Test score against epoch: the mean over seeds and their range, the baseline dashed."""
    curves = {name: _curve(comparison, name) for name in comparison.plan.activations}
    base = comparison.plan.baseline
    settled = comparison.plan.epochs // 4  # by then most have left the start, which would squeeze the rest
    ranges = {name: (low[settled], high.max()) for name, (low, _, high) in curves.items()}
    scales = _scales({name: ends for name, ends in ranges.items() if np.isfinite(ends).all()}, curves)

    def panel(axes: Axes, name: str) -> None:
        low, mean, high = curves[name]
        epochs = np.arange(1, len(mean) + 1)
        colour = BASELINE if name == base else COLOURS["better"]
        axes.plot(epochs, curves[base][1], color=BASELINE, lw=1, ls="--")
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(epochs, mean, color=colour, lw=1.5)
        axes.set_title(f"{_short(name)}{scales[name][1]}", fontsize=9)
        axes.set_ylim(scales[name][0])

    return _panels(comparison, panel, "epoch", f"test {_metric(comparison)}", "Learning curves")


def health(comparison: Comparison) -> Figure:
    """Dead units, gradient ratio and time an epoch of each activation, in the order of the ranking."""
    table = comparison.table.iloc[::-1]
    with rc_context(STYLE):
        figure = Figure(figsize=(8.5, 1.0 + 0.34 * len(table)), layout="constrained")
        dead, ratio, time = figure.subplots(1, 3, sharey=True)
        rows = np.arange(len(table))
        dead.barh(rows, 100 * table["dead_share"], color=COLOURS["worse"], height=0.6)
        dead.set_yticks(rows, [_short(name) for name in table["activation"]])
        dead.set_xlim(0, max(5.0, 110 * float(table["dead_share"].max(skipna=True) or 0.0)))
        dead.set_xlabel("dead units, %")
        ratio.axvspan(1e-3, 1e3, color=BAND, lw=0)
        ratio.plot(table["gradient_ratio"], rows, "o", color=COLOURS["better"])
        _log(ratio)
        known = [v for v in table["gradient_ratio"] if v > 0]
        ratio.set_xlim(min([3e-4, *(v / 3 for v in known)]), max([3e3, *(3 * v for v in known)]))
        ratio.set_xlabel("gradient, first / last layer")
        time.barh(rows, 1000 * table["epoch_seconds"], color="#56B4E9", height=0.6)
        time.set_xlabel("time an epoch, ms")
        return _titled(figure, "Dead units, gradient ratio and time an epoch of each activation")


def _panels(comparison: Comparison, draw: Any, x: str, y: str, title: str) -> Figure:
    names = list(comparison.table["activation"])
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(8.5, 0.6 + 1.9 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            draw(axes, name)
            axes.tick_params(labelbottom=True)  # below every panel: under some there is no other
        for axes in grid[len(names) :]:
            axes.remove()
        figure.supxlabel(x, fontsize=10)
        figure.supylabel(y, fontsize=10)
        return _titled(figure, title)


def _scales(ranges: dict[str, tuple[float, float]], names: Iterable[str]) -> dict[str, tuple[Any, str]]:
    """Limits of the score axis and what to add to the title: one scale for all, and one of its own for each that
    stays far below or has a run that diverged, so that neither squeezes the other."""
    best = max((high for _, high in ranges.values()), default=0.0)
    reach = FAR_OFF * float(np.median([high - low for low, high in ranges.values()] or [0.0]))
    common = {name: ends for name, ends in ranges.items() if ends[1] >= best - max(reach, 1e-9)}
    lowest = min((low for low, _ in common.values()), default=0.0)
    pad = 0.08 * (best - lowest) or 0.01
    shared, own = ((lowest - pad, best + pad), ""), ((None, None), " (own scale)")
    return {name: shared if name in common else own for name in names}


def _log(axes: Axes) -> None:
    """A logarithmic axis with plain numbers: the default labels are mathematics, which is off."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _curve(comparison: Comparison, name: str) -> tuple[Any, Any, Any]:
    """Lowest, mean and highest test score an epoch over the seeds; nan from where a run diverged."""
    plan, rate = comparison.plan, comparison.results.choices[name].rate
    values = np.full((plan.seeds, plan.epochs), np.nan)
    for trial, outcome in comparison.results.outcomes.items():
        if (trial.role, trial.activation, trial.learning_rate) == ("final", name, rate):
            scores = outcome["curves"]["test"]
            values[trial.seed, : len(scores)] = scores
    return values.min(axis=0), values.mean(axis=0), values.max(axis=0)


def _metric(comparison: Comparison) -> str:
    return METRICS[comparison.plan.metric].label


def _short(name: str) -> str:
    """A formula can be longer than its place in a figure."""
    return name if len(name) <= 28 else name[:27] + "…"


def _titled(figure: Figure, title: str) -> Figure:
    figure.set_label(title)  # for those who do not see it
    return figure


def svg(figure: Figure) -> str:
    """A figure as an <svg> element, the same text for the same figure."""
    text = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": str(figure.get_label())})
    return text.getvalue()[text.getvalue().index("<svg") :]
