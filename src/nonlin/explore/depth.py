"""The figure of a signal in a deep network: does it, and does the gradient, vanish, stay or explode?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nonlin.errors import ParameterError
from nonlin.explore import look
from nonlin.explore.chosen import Chosen, is_family
from nonlin.signal import Propagated, propagated
from nonlin.signal import gain as matched_gain
from nonlin.told import shown

_OFF = 0.1  # by which the variance of the band's signals differs from 1 at the input
_LEAST, _MOST = 1e-16, 1e16  # what is shown of a ratio, at most
_STAYS = 1e3  # a ratio within this factor stays


class Run(NamedTuple):
    """What becomes of N(0, 1), and of two signals of a variance a little below and above 1."""

    gain: float
    middle: Propagated
    around: tuple[Propagated, Propagated]


def depth(family: Sequence[Chosen], layers: int, gain: float | None, ax: Axes | None) -> Figure:
    """Variance by layer, and gradient by layer beside it; on given axes both, the gradient dashed."""
    if gain is not None and not (isinstance(gain, int | float) and math.isfinite(gain) and gain > 0):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"gain of weights: {gain!r}: give a number above 0")
    runs = [_run(one, layers, gain) for one in family]
    colours = look.colours(len(family), is_family(family))
    if ax is not None:
        for i, (one, run) in enumerate(zip(family, runs, strict=True)):
            name = look.cut(one.name, 2.0)
            _line(ax, run.middle.variance, {"color": colours[i], "label": f"{name}: variance"})
            _line(
                ax, run.middle.gradient, {"color": colours[i], "linestyle": look.style(1), "label": f"{name}: gradient"}
            )
        _frame(ax, layers, [v for run in runs for each in run.middle for v in each])
        ax.legend(fontsize=look.TEXT)
        return look.figure_of(ax)
    figure = look.new_figure(9.6, 4.0 + 0.25 * len(family))
    left, right = figure.subplots(1, 2)
    for i, run in enumerate(runs):
        stroke = {"color": colours[i], "linestyle": look.style(i)}
        low, high = (each.variance for each in run.around)
        left.fill_between(range(layers + 1), *map(_clipped, (low, high)), color=colours[i], alpha=0.15, linewidth=0)
        _line(left, run.middle.variance, stroke)
        _line(right, run.middle.gradient, stroke)
    _frame(left, layers, [v for run in runs for each in (run.middle, *run.around) for v in each.variance])
    _frame(right, layers, [v for run in runs for v in run.middle.gradient])
    left.set_title("variance of the pre-activations", fontsize="medium")
    right.set_title("gradient, relative to the last layer", fontsize="medium")
    room = figure.get_figwidth() - 1.0
    labels = [look.cut(f"{one.name}, {said(run)}", room) for one, run in zip(family, runs, strict=True)]
    lines = [line for line in left.get_lines() if line.get_gid() == "depth"]
    figure.legend(lines, labels, loc="outside lower center", frameon=False, fontsize=look.TEXT, handlelength=2.6)
    return figure


def said(run: Run) -> str:
    """In words, what becomes of signal and gradient."""
    last, first = run.middle.variance[-1], run.middle.gradient[0]
    ends = [_fate(each.variance[-1]) for each in run.around]
    signal = _fate(last) if ends[0] == ends[1] else f"cannot stay: it {' or '.join(dict.fromkeys(ends))}"
    left = shown(float(f"{first:.2g}"))
    return f"gain {shown(run.gain)}: signal {signal}, gradient {_fate(first)} (\u00d7{left} at the input)"


def _fate(ratio: float) -> str:
    if math.isnan(ratio) or ratio > _STAYS:
        return "explodes"
    return "stays" if ratio > 1 / _STAYS else "vanishes"


def _run(one: Chosen, layers: int, given: float | None) -> Run:
    rule, values = one.activation.rule, tuple(one.activation.parameters.values())
    gain = matched_gain(rule, values) if given is None else given
    low, middle, high = (propagated(rule, values, layers, gain, start) for start in (1 - _OFF, 1.0, 1 + _OFF))
    return Run(gain, middle, (low, high))


def _clipped(values: Sequence[float]) -> Any:
    """What a logarithmic axis can hold: a little beyond what is shown of it."""
    with np.errstate(invalid="ignore"):
        return np.clip(np.asarray(values, float), _LEAST / 1e3, _MOST * 1e3)


def _line(ax: Axes, values: Sequence[float], stroke: dict[str, Any]) -> None:
    ax.plot(range(len(values)), _clipped(values), linewidth=look.WIDTH, gid="depth", **stroke)


def _frame(ax: Axes, layers: int, values: Sequence[float]) -> None:
    known = [min(max(v, _LEAST), _MOST) for v in values if not math.isnan(v)]
    ax.set_yscale("log")
    ax.set(xlim=(0, layers), ylim=(min([0.05, *known]) / 2, max([20, *known]) * 2), xlabel="layer")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.axhline(1, color=look.FAINT, linewidth=0.8, zorder=0.5)
    ax.spines[["top", "right"]].set_visible(False)
