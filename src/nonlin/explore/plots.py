"""Figures of activations and their derivatives, and of a signal in depth, for the screen and for a paper."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonlin.activation import Activation
from nonlin.errors import MissingExtra, ParameterError
from nonlin.explore.chosen import Vary, chosen
from nonlin.files import check_path, write_whole
from nonlin.picture import SUFFIXES, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYERS = 50
_MOST_LAYERS = 1000


def plot(
    *activations: str | Activation,
    derivative: bool | int = False,
    vary: Vary | None = None,
    side_by_side: bool = False,
    depth: bool | int = False,
    gain: float | None = None,
    low: float | None = None,
    high: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A figure of activations: names, specs, formulas such as "x*tanh(exp(x))", or Activations.

    Panels side by side show f and, with `derivative`, f', with `derivative=2` also f'', all activations in each;
    with `side_by_side` each activation has a panel, its derivatives in it. `vary` draws a family, a line for each
    value: vary={"negative_slope": [0.01, 0.1, 0.3]}. A kink has a dot; at a jump the dot is full where the value is
    and open where it is not, and the curve is not joined. Shaded is where no gradient comes through: dead, where the
    slope is 0, and saturated, where it is below a thousandth of the steepest; of several curves by a strip each.
    x runs over [low, high]; without them, over what shows all kinks, turning points and zeros.

    `depth` is another figure: by layer of a network of so many layers (True: 50), the variance of the pre-activations
    that begin as N(0, 1), and the norm of the gradient that comes back from the last layer, in the limit of many
    units (Poole et al. 2016, NeurIPS; Schoenholz et al. 2017, ICLR). Weights have variance gain^2 / fan-in, with
    `gain`, or else each activation's own, 1/sqrt(E f(z)^2). The band is where signals that begin 10 % off come to.

    With `ax` everything is drawn on those axes, after what is there, and their figure is returned; nothing of pyplot
    is touched. Raises UnknownActivation, FormulaError, ParameterError, and DtypeError for a function of a whole axis,
    which has no curve.

    >>> import nonlin as nl
    >>> figure = nl.plot("relu", "gelu", derivative=True)
    """
    layers = _count("layers of depth", depth, LAYERS, _MOST_LAYERS)
    order = _count("derivatives", derivative or False, 1, 2)
    ends = _end("low", low), _end("high", high)
    _refuse_together(layers, {"derivative": order, "side_by_side": side_by_side, "low": low, "high": high})
    if side_by_side and ax is not None:
        raise ParameterError("side_by_side with ax: panels do not go into one: leave one of them out")
    if gain is not None and not layers:
        raise ParameterError(f"gain without depth: {gain!r}: give depth=True too")
    family = chosen(activations, vary)
    _need_matplotlib()
    from matplotlib import rc_context

    from nonlin.explore import curves
    from nonlin.explore import depth as deep

    with rc_context({"text.usetex": False}):  # names and formulas are mathtext, which LaTeX reads otherwise
        if layers:
            return deep.depth(family, layers, gain, ax)
        between = low, high = curves.interval(family, ends)
        if not low < high:
            raise ParameterError(f"an interval of x that is empty: [{low!r}, {high!r}]: give low < high")
        if ax is not None:
            return curves.on_axes(ax, family, order, between)
        return curves.side_by_side(family, order, ends) if side_by_side else curves.overlaid(family, order, between)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure whole or not at all; the suffix says the format: PNG, SVG or PDF. Raises OutputError."""
    check_path(path, *SUFFIXES)
    write_whole(path, picture(figure, path.suffix.lower()))
    return path


def _need_matplotlib() -> None:
    try:
        import_module("matplotlib.figure")
    except ImportError:
        raise MissingExtra('plots need matplotlib, which is not installed: pip install "nonlin[plot]"') from None


def _count(what: str, given: Any, by_default: int, most: int) -> int:
    if isinstance(given, bool):
        return by_default if given else 0
    if not isinstance(given, int) or not 1 <= given <= most:
        raise ParameterError(f"{what}: {given!r}: give a whole number from 1 to {most}")
    return given


def _end(name: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ParameterError(f"{name} of x: {given!r}: give a finite number")
    return float(given)


def _refuse_together(layers: int, others: dict[str, Any]) -> None:
    for name, value in others.items():
        if layers and value not in (None, False, 0):
            raise ParameterError(f"depth with {name}={value!r}: it is a figure of its own: leave {name} out")
