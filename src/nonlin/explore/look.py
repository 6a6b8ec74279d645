"""The look of a figure: lines that can be told apart, labels that fit, marks, and a figure that a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import TextPath

from nonlin.activation import Activation
from nonlin.explore.chosen import Chosen, is_family, whole
from nonlin.explore.marks import Dot, Kind, Zone
from nonlin.explore.terminal import short
from nonlin.language.latex import mathtext
from nonlin.picture import picture

# Okabe and Ito 2008, "Color universal design": told apart with any colour vision; the line styles, in grey as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES: tuple[Any, ...] = (
    "-", (0, (6, 2)), (0, (6, 1.5, 1, 1.5)), (0, (1.2, 1.2)), (0, (3, 1.2)), (0, (6, 1.5, 1, 1.5, 1, 1.5))
)  # fmt: skip
WIDTH = 1.9  # points, of a line
TEXT = 9.5  # points
FAINT, _DEAD, _SATURATED = "0.75", "0.87", "0.95"
_HANDLE = 0.8  # inches of a legend beside each label
_COLUMN = 6  # more lines than these go into several columns
_HATCH = "/////"
_LANE = 0.022  # of the height of the axes: the zones of one of several curves
_MEANINGS: dict[Kind, str] = {"dead": "dead: the slope is 0", "saturated": "saturated: < 1/1000 of the steepest slope"}


class Picture(Figure):
    """A figure that nobody need hand to pyplot: a notebook shows it where it is the last value of a cell."""

    def _repr_png_(self) -> bytes:
        return picture(self, ".png")


def new_figure(width: float, height: float) -> Picture:
    """An empty figure of so many inches."""
    return Picture(figsize=(width, height), layout="constrained")


def figure_of(ax: Axes) -> Figure:
    """The figure that axes belong to, not the part of it that they may be in."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes that were removed from theirs have none
    return figure


def style(index: int) -> Any:
    """The dashes of a line."""
    return STYLES[index % len(STYLES)]


def colours(count: int, graded: bool = False) -> list[Any]:
    """A colour for each of so many lines; `graded` from dark to light, for a family that a parameter orders."""
    if not graded:
        return [COLOURS[i % len(COLOURS)] for i in range(count)]
    from matplotlib import colormaps

    # Cividis: made for colour-blind readers, its lightness rises evenly; its end is too pale for a white page.
    return [colormaps["cividis"](0.85 * i / max(count - 1, 1)) for i in range(count)]


def dress(ax: Axes) -> None:
    """Axes through 0, and no frame where there is nothing to read off."""
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    ax.axvline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    ax.spines[["top", "right"]].set_visible(False)


# Labels -------------------------------------------------------------------------------------------------------


def width_of(label: str, size: float = TEXT) -> float:
    """The width of a text, mathtext or not, in inches."""
    return TextPath((0, 0), label, size=size).get_extents().width / 72 if label else 0.0


def label_of(one: Chosen, room: float, symbols: Sequence[str] = ()) -> str:
    """Name and formula as far as they fit into so many inches: in mathtext, else as text, else cut.

    Parameters in `symbols` stand in the formula by name, the others as the numbers that are drawn.
    """
    named = "" if one.is_formula else f"{one.name}: "
    for label in (*(named + formula for formula in _formulas(one, symbols)), one.name):
        if width_of(label) <= room:
            return label
    return cut(one.name, room)


def _formulas(one: Chosen, symbols: Sequence[str] = ()) -> tuple[str, str]:
    activation = one.activation
    fixed = {name: value for name, value in activation.parameters.items() if name not in symbols}
    typeset = mathtext(activation.rule, fixed).replace(r"\frac", r"\dfrac")  # else too small to read in a line
    return f"${typeset}$", short(Activation(activation.definition, fixed).formula)


def cut(label: str, room: float, size: float = TEXT) -> str:
    """A text without mathtext, its end left out where it does not fit into so many inches."""
    kept = len(label)
    while kept > 1 and width_of(label[:kept] + "…", size) > room:
        kept -= 1
    return label if width_of(label, size) <= room else label[:kept] + "…"


def columns_of(labels: Sequence[str], room: float, size: float = TEXT) -> int:
    """Into how many columns labels with their handles can go, if their legend has so many inches."""
    widths = [width_of(label, size) + _HANDLE for label in labels]
    return len(labels) if sum(widths) <= room else max(1, int(room / max(widths)))


def legend(figure: Figure, lines: Sequence[Line2D], family: Sequence[Chosen]) -> None:
    """Below the panels, the name and formula of each line; of a family the formula once and each line's parameter."""
    room = figure.get_figwidth() - 1.0
    title, labels = (
        label_of(whole(family), room, family[0].varied) if is_family(family) else None,
        _labels(family, room),
    )
    columns = columns_of(labels, room) if len(labels) > _COLUMN or title else 1
    figure.legend(
        lines, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=TEXT, title=title,
        title_fontsize=TEXT, handlelength=2.6,
    )  # fmt: skip


def legend_height(family: Sequence[Chosen]) -> float:
    """About how many inches the legend takes."""
    return 0.25 * min(len(family), 1 + _COLUMN)


def _labels(family: Sequence[Chosen], room: float) -> list[str]:
    return [one.member if is_family(family) else label_of(one, room) for one in family]


def head(ax: Axes, one: Chosen, room: float) -> None:
    """Above a panel of so many inches, the name of its activation, and the formula where it fits."""
    typeset, plain = _formulas(one)
    lines = [] if one.is_formula else [cut(one.name, room, 11)]
    lines.append(typeset if width_of(typeset) <= room else cut(plain, room))
    ax.set_title("\n".join(lines), fontsize=TEXT + 0.5)


# Marks --------------------------------------------------------------------------------------------------------


def draw_dots(ax: Axes, dots: list[Dot], colour: Any) -> None:
    """Full dots for values, open ones for limits that are not taken."""
    for dot in sorted(dots, key=lambda dot: dot.taken):
        face = colour if dot.taken else ax.get_facecolor()
        ax.plot([dot.x], [dot.y], "o", ms=5, mfc=face, mec=colour, mew=1.2, zorder=3 + dot.taken, gid="dot")


def lanes(count: int) -> float:
    """The share of the height of the axes that the strips of so many curves take."""
    return count * _LANE


def draw_zones(ax: Axes, zones: list[Zone], colour: Any, lane: int | None) -> None:
    """Shades over the whole height for the only curve; `lane` counts strips from the foot for one of several."""
    foot, top = (0.0, 1.0) if lane is None else ((lane + 0.3) * _LANE, (lane + 1) * _LANE)
    for zone in zones:
        ax.axvspan(zone.low, zone.high, foot, top, gid=zone.kind, zorder=0.2, **_shade(zone.kind, colour, lane))


def _shade(kind: Kind, colour: Any = None, lane: int | None = None) -> dict[str, Any]:
    if lane is None:
        face = {"facecolor": _DEAD, "edgecolor": "none"}
        return face if kind == "dead" else {"facecolor": "none", "edgecolor": _DEAD, "hatch": _HATCH, "linewidth": 0}
    if kind == "dead":
        return {"facecolor": colour, "edgecolor": "none"}
    return {"facecolor": "none", "edgecolor": colour, "hatch": _HATCH, "linewidth": 0}


def key(figure: Figure, axes: Sequence[Axes]) -> None:
    """Above the panels, what the marks that are on them mean."""
    found: list[Any] = []
    dots = [line for ax in axes for line in ax.get_lines() if line.get_gid() == "dot"]
    if any(line.get_markerfacecolor() == line.get_markeredgecolor() for line in dots):
        found.append(_dot("kink, or value at a jump", "0.3"))
    if any(line.get_markerfacecolor() != line.get_markeredgecolor() for line in dots):
        found.append(_dot("limit, not taken", "none"))
    zones = [patch for ax in axes for patch in ax.patches if isinstance(patch, Rectangle)]
    lanes = {zone.get_gid(): None if zone.get_height() == 1 else 0 for zone in zones}
    found += [
        Patch(label=text, **_shade(kind, "0.5", lanes[kind])) for kind, text in _MEANINGS.items() if kind in lanes
    ]
    if found:
        columns = columns_of([handle.get_label() for handle in found], figure.get_figwidth(), 8.5)
        figure.legend(
            handles=found, loc="outside upper center", ncols=columns, frameon=False, fontsize=8.5, labelcolor="0.3"
        )


def _dot(label: str, face: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="", ms=5, mfc=face, mec="0.3", mew=1.2, label=label)
