"""Curves and derivatives as figures: laid over each other, one panel an activation, or on given axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nonlin.explore import look
from nonlin.explore.chosen import Chosen, is_family
from nonlin.explore.marks import dots, zones
from nonlin.explore.samples import extent, points, view

_HEADINGS = ("$f(x)$", "$f\\,'(x)$", "$f\\,''(x)$")
_ORDINALS = ("", ", derivative", ", second derivative")
_CURVE = "curve"  # begins the gid of every curve; its order ends it
_FAR = 10.0  # saturation that begins farther out is shown on request only
_INCHES, _SMALL = 4.6, 3.3  # the width of a panel: of few, and in a grid
Ends = tuple[float | None, float | None]
Interval = tuple[float, float]
Stroke = Callable[[int, int], dict[str, Any]]  # what the line of the i-th activation's n-th derivative looks like


def overlaid(family: Sequence[Chosen], order: int, between: Interval) -> Figure:
    """A panel for f and for each derivative up to that order, all activations in each of them."""
    colours = look.colours(len(family), is_family(family))
    figure = look.new_figure(_INCHES * (order + 1) + 0.4, 4.0 + look.legend_height(family))
    panels = list(figure.subplots(1, order + 1, squeeze=False)[0])
    for n, ax in enumerate(panels):
        _draw(ax, family, [n], between, lambda i, _: {"color": colours[i], "linestyle": look.style(i)})
        ax.set_title(_headings(family, order)[n], fontsize="medium")
    look.legend(figure, _drawn(panels[0]), family)
    look.key(figure, panels)
    return figure


def side_by_side(family: Sequence[Chosen], order: int, ends: Ends) -> Figure:
    """A panel for each activation, with f and its derivatives up to that order in it."""
    across = len(family) if len(family) <= 4 else 3 if len(family) in (5, 6, 9) else 4
    down = math.ceil(len(family) / across)
    figure = look.new_figure(_SMALL * across + 0.3, 3.1 * down + 0.7)
    panels: list[Axes] = list(figure.subplots(down, across, squeeze=False).ravel())
    for ax in panels[len(family) :]:
        ax.remove()
    panels = panels[: len(family)]
    for ax, one in zip(panels, family, strict=True):
        between = interval([one], ends)
        _draw(ax, [one], range(order + 1), between, lambda _, n: {"color": look.COLOURS[n], "linestyle": look.style(n)})
        look.head(ax, one, _SMALL - 0.5)
    if order:
        figure.legend(
            _drawn(panels[0]), _headings(family, order), loc="outside lower center", ncols=order + 1, frameon=False
        )
    look.key(figure, panels)
    return figure


def on_axes(ax: Axes, family: Sequence[Chosen], order: int, between: Interval) -> Figure:
    """All of it on axes that are there, after what has been drawn on them; derivatives are told by their dashes."""
    figure = look.figure_of(ax)
    before = sum(line.get_gid() == f"{_CURVE}0" for line in ax.get_lines())
    colours = look.colours(before + len(family))[before:]
    room = 0.7 * ax.get_window_extent().width / figure.dpi

    def stroke(i: int, n: int) -> dict[str, Any]:
        surrogate = " by its surrogate" if family[i].activation.surrogate else ""
        label = look.cut(family[i].name, room) + _ORDINALS[n] + surrogate if n else look.label_of(family[i], room)
        return {"color": colours[i], "linestyle": look.style(n if order else before + i), "label": label}

    _draw(ax, family, range(order + 1), between, stroke, before)
    ax.legend(fontsize=look.TEXT, framealpha=0.9)
    return figure


def interval(family: Sequence[Chosen], ends: Ends) -> Interval:
    """What of x is shown: what is asked for, else what shows all kinks, turning points and zeros.

    Where every curve saturates at both ends, also where that begins.
    """
    activations = [one.activation for one in family]
    low, high = view(activations)
    if all(a.facts.saturates == "both" for a in activations):
        found = [z for a in activations for z in zones(a, -_FAR, _FAR) if z.kind == "saturated"]
        low = min([low, *(math.floor(z.high - 1.5) for z in found if z.low == -_FAR)])
        high = max([high, *(math.ceil(z.low + 1.5) for z in found if z.high == _FAR)])
    return (low if ends[0] is None else ends[0]), (high if ends[1] is None else ends[1])


def _headings(family: Sequence[Chosen], order: int) -> list[str]:
    surrogate = " or its surrogate" if any(one.activation.surrogate for one in family) else ""
    return [heading + (surrogate if n else "") for n, heading in enumerate(_HEADINGS[: order + 1])]


def _drawn(ax: Axes) -> list[Line2D]:
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith(_CURVE)]


def _draw(
    ax: Axes,
    family: Sequence[Chosen],
    orders: Sequence[int],
    between: Interval,
    stroke: Stroke,
    before: int = 0,
) -> None:
    """The curves with their dots, the zones, and what is shown of y. `before` curves are there already."""
    low, high = between
    seen: list[Any] = []
    for n in orders:
        for i, one in enumerate(family):
            xs, ys = points(one.activation, low, high, n)
            looks = stroke(i, n)
            ax.plot(xs, ys, linewidth=look.WIDTH, gid=f"{_CURVE}{n}", **looks)
            look.draw_dots(ax, dots(one.activation, low, high, n), looks["color"])
            seen.append(ys)
    alone = before + len(family) == 1
    found = [zones(one.activation, low, high) for one in family]
    bottom, top = extent(seen, low, high)
    lane = before
    for i, each in enumerate(found):
        look.draw_zones(ax, each, stroke(i, 0)["color"], None if alone else lane)
        lane += bool(each)
    if any(found) and not alone:
        bottom -= look.lanes(lane) * (top - bottom)
    if before:
        (left, right), (under, over) = ax.get_xlim(), ax.get_ylim()
        low, high, bottom, top = min(low, left), max(high, right), min(bottom, under), max(top, over)
    else:
        look.dress(ax)
    ax.set(xlim=(low, high), ylim=(bottom, top), xlabel="$x$")
