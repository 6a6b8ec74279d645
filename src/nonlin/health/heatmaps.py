"""Layers x steps as SVG: cells of one colour class are one path, and the colours are the page's own, light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from nonlin.health.record import Layer, Record
from nonlin.health.words import labels, short

COLUMNS = 200  # of a map at most: a pixel or two each
_LABEL = 34  # characters of a layer's name
_SHARES = (0.0, 0.05, 0.2, 0.5, 0.8)  # 20 % and 50 % are where findings begin
_BAND = (-7, -6, -5, -4, -3, -2, -1)  # log10(update/weight); -4 to -2 is usual
_CLASSES = 8  # of a gradient's colours
_STRUCK = "~"  # the line through what is not finite, which is drawn after it

Point = tuple[int, int, float]  # from this step up to that one, a value


@dataclass(frozen=True)
class Scale:
    """Classes of values: `of` gives the number of one, `names` say in the legend what each means."""

    css: str
    names: tuple[str, ...]
    of: Callable[[float], int]


def maps(record: Record) -> str:
    """The four maps, each with its legend."""
    layers = record.ordered
    end = last_step(record) + 1
    dead = [windows(layer, lambda w: w.dead_share) for layer in layers]
    saturated = [windows(layer, lambda w: w.saturated_share) for layer in layers]
    gradients = [samples(layer.gradients) for layer in layers]
    updates = [samples(layer.updates) for layer in layers]
    return "\n".join([
        _map("Dead units", "share of each layer's units", layers, dead, shares(), end),
        _map("Saturated units", "share of each layer's units", layers, saturated, shares(), end),
        _map("Gradient", "RMS of dL/dz, log scale", layers, gradients, logarithmic(gradients), end),
        _map("Update / weight", "size of a step relative to the weights, log scale", layers, updates, band(), end),
    ])  # fmt: skip


def last_step(record: Record) -> int:
    """The last step of which anything is known."""
    ends = [h[-1][0] for layer in record.ordered for h in (layer.gradients, layer.updates) if h]
    return max([record.steps - 1, *ends, *(w.last for layer in record.ordered for w in layer.windows[-1:])])


# Values ---------------------------------------------------------------------------------------------------------------


def windows(layer: Layer, value: Callable[..., float]) -> list[Point]:
    """A window lasts until the next begins."""
    ends = [*(w.first for w in layer.windows[1:]), *(w.last + 1 for w in layer.windows[-1:])]
    return [(w.first, max(end, w.first + 1), value(w)) for w, end in zip(layer.windows, ends, strict=True)]


def samples(history: Sequence[tuple[int, float]]) -> list[Point]:
    """A sample stands for the steps up to the next; the last one for as many as the one before it."""
    steps = [step for step, _ in history]
    gap = steps[-1] - steps[-2] if len(steps) > 1 else 1
    ends = [*steps[1:], *(step + gap for step in steps[-1:])]
    return [(step, max(end, step + 1), value) for (step, value), end in zip(history, ends, strict=True)]


# Scales ---------------------------------------------------------------------------------------------------------------


def shares() -> Scale:
    names = ("0 %", "to 5 %", "to 20 %", "to 50 %", "to 80 %", "to 100 %")
    return Scale("s", names, lambda value: sum(value > limit for limit in _SHARES))


def band() -> Scale:
    """The usual band is pale; too small is blue, too large orange."""
    names = ("below 1e-7", *(f"1e{k} to 1e{k + 1}" for k in _BAND[:-1]), "above 0.1")
    return Scale("u", names, lambda value: sum(value >= 10.0**limit for limit in _BAND))


def logarithmic(rows: Iterable[Sequence[Point]]) -> Scale:
    """Classes of whole or half decades, or of several, over the values that there are."""
    logs = [math.log10(v) for row in rows for _, _, v in row if 0 < v < math.inf]
    low, high = (min(logs), max(logs)) if logs else (-1.0, 0.0)
    width = next(w for w in (0.25, 0.5, 1.0, *range(2, 1000)) if high - math.floor(low / w) * w <= w * _CLASSES)
    start = math.floor(low / width) * width
    count = max(1, math.ceil((high - start) / width))
    names = tuple(f"{10 ** (start + i * width):.1e} to {10 ** (start + (i + 1) * width):.1e}" for i in range(count))

    def of(value: float) -> int:
        return 0 if value <= 0 else min(max(int((math.log10(value) - start) // width), 0), count - 1)

    return Scale("g", names, of)


# Drawing --------------------------------------------------------------------------------------------------------------


def _map(title: str, what: str, layers: Sequence[Layer], rows: list[list[Point]], scale: Scale, end: int) -> str:
    if not any(rows):
        return f'<figure><figcaption><b>{title}</b>: {what}</figcaption><p class="note">Not seen yet.</p></figure>'
    count = min(COLUMNS, end)
    drawn = [_row(row, scale, count, end) for row in rows]
    names = labels(layers)
    height = 16 if len(layers) <= 24 else 12
    titles = "".join(
        f'<span title="{escape(f"{name}: {layer.activation}, {layer.kind}", quote=True)}">'
        f"{escape(short(name, _LABEL))}</span>"
        for name, layer in zip(names, layers, strict=True)
    )
    return (
        f"<figure><figcaption><b>{title}</b>: {what}</figcaption>"
        f'<div class="map" style="--row:{height}px"><div class="names">{titles}</div>'
        f"<div>{cells(drawn, count, height, scale.css, f'{title}: {what}')}{axis(end)}</div></div>"
        f"{legend(scale, any('x' in row for row in drawn))}</figure>"
    )


def _row(points: Sequence[Point], scale: Scale, count: int, end: int) -> list[int | str | None]:
    """The class of each column: of the mean of the points in it, "x" where one is not finite, None without any."""
    found: list[list[float]] = [[] for _ in range(count)]
    for first, last, value in points:
        for column in columns(first, last, count, end):
            found[column].append(value)
    return [None if not f else scale.of(sum(f) / len(f)) if math.isfinite(sum(f)) else "x" for f in found]


def columns(first: int, last: int, count: int, end: int) -> range:
    """Which of `count` columns over the steps up to `end` the steps from `first` up to `last` lie in: one at least."""
    begin = min(first * count // end, count - 1)
    return range(begin, max(begin + 1, min(-(-last * count // end), count)))


def cells(rows: Sequence[Sequence[int | str | None]], count: int, height: float, css: str, label: str) -> str:
    """Rows of classes; equal neighbours are one piece."""
    pieces: dict[int | str, list[str]] = {}
    for y, row in enumerate(rows):
        start = 0
        for x in range(1, len(row) + 1):
            if x == len(row) or row[x] != row[start]:
                if (kind := row[start]) is not None:
                    pieces.setdefault(kind, []).append(_piece(start, y, x - start))
                    if kind == "x":  # no colour differs from all of viridis to those who see no red or green
                        pieces.setdefault(_STRUCK, []).append(_piece(start, y + 0.35, x - start, 0.3))
                start = x
    paths = "".join(
        f'<path class="{_class(css, kind)}" d="{"".join(d)}"/>' for kind, d in sorted(pieces.items(), key=str)
    )
    return (
        f'<svg viewBox="0 0 {count} {len(rows)}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label, quote=True)}" style="height:{height * len(rows):g}px">{paths}</svg>'
    )


def _class(css: str, kind: int | str) -> str:
    return "struck" if kind == _STRUCK else "x" if kind == "x" else f"{css}{kind}"


def _piece(x: int, y: float, width: int, height: float = 1) -> str:
    return f"M{x} {y:g}h{width}v{height:g}h{-width}z"


def axis(end: int) -> str:
    """Steps below a map: 0 and some round numbers."""
    power = 10 ** math.floor(math.log10(max(end, 1)))
    every = next(e for f in (0.1, 0.2, 0.5, 1, 2) if (e := max(1, int(power * f))) * 5 >= end or f == 2)
    ticks = "".join(f'<i style="left:{100 * step / end:.4g}%">{step or "step 0"}</i>' for step in range(0, end, every))
    return f'<div class="axis">{ticks}</div>'


def legend(scale: Scale, bad: bool = False) -> str:
    """What the colours mean."""
    items = [f'<li><i class="{scale.css}{i}"></i>{name}</li>' for i, name in enumerate(scale.names)]
    items += ['<li><i class="x"></i>nan or infinite</li>'] if bad else []
    return f'<ul class="legend">{"".join(items)}</ul>'
