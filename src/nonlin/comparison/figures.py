"""The figures of a report by name, each for a wide or a narrow screen: learning rates, learning curves, health here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nonlin.comparison import drawing
from nonlin.comparison.differences import differences
from nonlin.comparison.text import ABSENT, counted, share, significant
from nonlin.comparison.tradeoff import tradeoff

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison


def drawn(comparison: Comparison) -> dict[str, Callable[[Comparison, bool], Figure]]:
    """What there is something to draw in: no learning rates where one was given, no health where none was measured."""
    figures = {
        "differences": differences,
        "rates": rate_curves,
        "curves": learning_curves,
        "tradeoff": tradeoff,
        "health": health,
    }
    if len(comparison.plan.learning_rates) == 1:
        del figures["rates"]
    if not _measured(comparison):
        del figures["health"]
    return figures


def rate_curves(comparison: Comparison, narrow: bool = False) -> Figure:
    """Validation score against learning rate, one panel an activation, the chosen rate marked; a cross diverged."""
    choices = comparison.results.choices
    curves = {name: [v for v in choice.curve.values() if math.isfinite(v)] for name, choice in choices.items()}
    scales = drawing.scales({n: (float(np.median(curve)), max(curve)) for n, curve in curves.items() if curve}, curves)

    def panel(axes: Axes, name: str) -> None:
        choice, colour = choices[name], drawing.colour_of(comparison, name)
        for other in choices.values():
            axes.plot(list(other.curve), list(other.curve.values()), color=drawing.OTHERS, lw=1, zorder=1)
        axes.plot(list(choice.curve), list(choice.curve.values()), "o-", color=colour, ms=4, zorder=3)
        axes.axvline(choice.rate, color=colour, lw=1, ls=":")
        diverged = [rate for rate, value in choice.curve.items() if not math.isfinite(value)]
        at_foot = axes.get_xaxis_transform()
        axes.plot(diverged, [0.06] * len(diverged), "x", color=drawing.COLOURS["worse"], transform=at_foot)
        drawing.logarithmic(axes)
        if not curves[name]:
            drawing.said_inside(axes, "diverged")
            axes.set_yticks([])
        notes = [f"rate {choice.rate:.3g}", *(["at the edge"] if choice.at_edge else [])]
        _headed(axes, name, notes, scales[name], narrow)

    figure = drawing.panels(comparison, panel, "learning rate", f"validation {drawing.score(comparison)}", narrow)
    return drawing.titled(figure, "Validation score against learning rate, by activation")


def learning_curves(comparison: Comparison, narrow: bool = False) -> Figure:
    """Test score against epoch: the mean over seeds and their range, to where the first run diverged; the baseline
    dashed."""
    runs = {name: _runs(comparison, name) for name in comparison.plan.activations}
    base = runs[comparison.plan.baseline].mean(axis=0)
    settled = comparison.plan.epochs // 4  # by then most have left the start, which would squeeze the rest
    ranges = {name: (float(v[:, settled].min()), float(v.max())) for name, v in runs.items()}
    scales = drawing.scales({n: ends for n, ends in ranges.items() if np.isfinite(ends).all()}, runs)
    epochs = np.arange(1, comparison.plan.epochs + 1)

    def panel(axes: Axes, name: str) -> None:
        values, colour = runs[name], drawing.colour_of(comparison, name)
        lost = int(np.isnan(values[:, -1]).sum())
        axes.plot(epochs, base, color=drawing.BASELINE, lw=1, ls="--")
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, lw=0)
        axes.plot(epochs, values.mean(axis=0), "." if len(epochs) == 1 else "-", color=colour, lw=1.5)
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        if np.isnan(values.mean(axis=0)).all():
            drawing.said_inside(axes, "diverged at once")
        _headed(axes, name, [f"{lost} of {counted(len(values), 'run')} diverged"] if lost else [], scales[name], narrow)

    figure = drawing.panels(comparison, panel, "epoch", f"test {drawing.score(comparison)}", narrow)
    return drawing.titled(figure, "Test score against epoch, by activation")


def health(comparison: Comparison, narrow: bool = False) -> Figure:
    """Dead units and gradient ratio of each activation, in the order of the ranking; none that was not measured."""
    table = comparison.table.iloc[::-1]
    columns = _measured(comparison)
    with drawing.styled():
        down = len(columns) if narrow else 1
        size = (drawing.INCHES[narrow], 0.3 + (0.6 + 0.3 * len(table)) * down)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(down, len(columns) // down, sharey=True, squeeze=False).ravel()
        for axes, column in zip(grid, columns, strict=True):
            (_dead if column == "dead_share" else _ratio)(axes, table[column])
            axes.set_yticks(range(len(table)), [drawing.short(name, 20 if narrow else 28) for name in table.activation])
            axes.set_ylim(-0.6, len(table) - 0.4)  # also the rows of those that have no number
        return drawing.titled(figure, "Dead units and gradient ratio of each activation")


def _dead(axes: Axes, shares: Any) -> None:
    percent = 100 * shares.to_numpy()
    axes.barh(range(len(percent)), percent, color=drawing.COLOURS["worse"], height=0.6)
    for place, value in enumerate(shares):
        axes.text(np.nan_to_num(100 * value), place, f" {share(value)}", va="center", fontsize=9)
    axes.set_xlim(0, max(5.0, 1.25 * float(np.nanmax(percent))))
    axes.set_xlabel("dead units, %")


def _ratio(axes: Axes, ratios: Any) -> None:
    known = [value for value in ratios if value > 0]
    axes.axvspan(1e-3, 1e3, color=drawing.BAND, lw=0)
    axes.plot(ratios.where(ratios > 0), range(len(ratios)), "o", color=drawing.COLOURS["better"])
    drawing.logarithmic(axes)
    left = min([3e-4, *(value / 3 for value in known)])
    axes.set_xlim(left, max([3e3, *(9 * value for value in known)]))
    for place, value in enumerate(ratios):
        text = significant(value, 2) if math.isfinite(value) else ABSENT
        axes.annotate(text, (value if value > 0 else left, place), (6, 0), textcoords="offset points", va="center")
    axes.set_xlabel("gradient, first / last layer")


def _measured(comparison: Comparison) -> list[str]:
    return [column for column in ("dead_share", "gradient_ratio") if comparison.table[column].notna().any()]


def _headed(axes: Axes, name: str, notes: list[str], scale: tuple[float, float] | None, narrow: bool) -> None:
    """What the panel is of, and on what scale."""
    if scale is not None:
        axes.set_ylim(scale)
    notes = notes + (["own scale"] if scale is None else [])
    name = drawing.short(name, 22 if narrow else 32)
    axes.set_title("\n".join([name, *([", ".join(notes)] if notes else [])]), fontsize=9)


def _runs(comparison: Comparison, name: str) -> Any:
    """Test scores, one row a seed, one column an epoch; nan from where a run diverged."""
    plan, rate = comparison.plan, comparison.results.choices[name].rate
    values = np.full((plan.seeds, plan.epochs), np.nan)
    for trial, outcome in comparison.results.outcomes.items():
        if (trial.role, trial.activation, trial.learning_rate) == ("final", name, rate):
            scores = outcome["curves"]["test"]
            values[trial.seed, : len(scores)] = scores
    return values
