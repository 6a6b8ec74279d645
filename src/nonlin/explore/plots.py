"""Figures of activations and their derivatives, for the screen and for a paper."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonlin.activation import Activation
from nonlin.errors import DtypeError, MissingExtra, OutputError, ParameterError
from nonlin.explore.samples import extent, points, view
from nonlin.language.latex import mathtext, text
from nonlin.registry import get
from nonlin.vector import VectorActivation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color universal design": told apart with any colour vision; the line styles, in grey as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (6, 1.5, 1, 1.5)), (0, (1.2, 1.2)))
_CHARACTERS = 11  # of a legend's formula to an inch
SUFFIXES = (".png", ".svg", ".pdf")


def plot(
    *activations: str | Activation,
    derivative: bool = False,
    low: float | None = None,
    high: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A figure of f, and with `derivative` of f' beside it, for each activation, spec or name.

    x runs over [low, high]; without them, over what shows all kinks, turning points and zeros. A curve is not
    joined across a jump. With `ax` everything is drawn on those axes, f' as a thin line of f's colour, and their
    figure is returned; nothing of pyplot is touched. Raises UnknownActivation, and DtypeError for a function of a
    whole axis, which has no curve.

    >>> import nonlin as nl
    >>> figure = nl.plot("relu", "gelu", derivative=True)
    """
    chosen = [_curved(get(a)) for a in activations]
    if not chosen:
        raise ParameterError("nothing to plot: give at least one activation")
    default = view(chosen)
    low, high = default[0] if low is None else float(low), default[1] if high is None else float(high)
    if not low < high:
        raise ParameterError(f"an interval of x that is empty: [{low!r}, {high!r}]: give low < high")
    if ax is not None:
        _draw(ax, chosen, low, high, 0)
        if derivative:
            _draw(ax, chosen, low, high, 1, beside=True)
        return _figure_of(ax)
    figure = _figure(2 if derivative else 1, len(chosen))
    for order, axes in enumerate(figure.axes):
        _draw(axes, chosen, low, high, order)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1, frameon=False)
    return figure


def check_path(path: str | Path) -> Path:
    """The path, if a picture can be written there; else OutputError. Ask before the work, not after it."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"not the name of a picture: {str(path)!r}: end it with {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise OutputError(f"no such folder: {str(path.parent)!r}: make it first")
    return path


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all; the suffix says the format: PNG, SVG or PDF. Raises OutputError."""
    path = check_path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        figure.savefig(temporary, dpi=200)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write: {str(path)!r} ({error.strerror}): choose another place") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _curved(activation: Activation) -> Activation:
    if isinstance(activation, VectorActivation):
        raise DtypeError(f"a function of a whole axis has no curve: {activation.name!r}: plot its gate or another one")
    return activation


def _figure(panels: int, curves: int) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra('plots need matplotlib, which is not installed: pip install "nonlin[plot]"') from None
    figure = Figure(figsize=(4.6 * panels + 0.4, 3.6 + 0.28 * curves), layout="constrained")
    figure.subplots(1, panels)
    return figure


def _figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes that were removed from theirs have none
    return figure


def _draw(
    ax: Axes, activations: Sequence[Activation], low: float, high: float, order: int, beside: bool = False
) -> None:
    room = int(_CHARACTERS * _figure_of(ax).get_figwidth())
    ax.axhline(0, color="0.75", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.75", linewidth=0.8, zorder=0)
    drawn = [points(a, low, high, order) for a in activations]
    for i, (activation, (xs, ys)) in enumerate(zip(activations, drawn, strict=True)):
        ax.plot(
            xs,
            ys,
            color=_COLOURS[i % len(_COLOURS)],
            linestyle=_STYLES[i % len(_STYLES)],
            linewidth=1.0 if beside else 1.9,
            label=_label(activation, order, room - len(str(activation))),
        )
    bottom, top = extent([ys for _, ys in drawn], low, high)
    if beside:
        before = ax.get_ylim()
        bottom, top = min(bottom, before[0]), max(top, before[1])
    ax.set(xlim=(low, high), ylim=(bottom, top), xlabel="$x$")
    if not beside:
        surrogate = " or its surrogate" if any(a.surrogate for a in activations) else ""
        ax.set_title("$f(x)$" if order == 0 else f"$f\\,'(x)${surrogate}", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)


def _label(activation: Activation, order: int, room: int) -> str:
    """The name, with the formula where that leaves the legend within so many characters."""
    if order:
        return f"{activation}, {'surrogate of the derivative' if activation.surrogate else 'derivative'}"
    if len(text(activation.rule, activation.fixed)) <= room:
        return f"{activation}: ${mathtext(activation.rule, activation.fixed)}$"
    return f"{activation}: {activation.formula}" if len(activation.formula) <= room else str(activation)
