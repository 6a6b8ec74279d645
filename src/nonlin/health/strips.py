"""Units x windows of the layers that are worst: which unit was dead, saturated or dormant, and when."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from nonlin.health.findings import Finding
from nonlin.health.heatmaps import COLUMNS, Scale, axis, cells, columns, last_step, legend
from nonlin.health.record import Array, Layer, Record, Window
from nonlin.health.words import counted, labels

_LAYERS = 4  # that are shown
_UNITS = 96  # of a layer; of a wider one those that are something for the longest time
_HEIGHT = 240  # pixels of a strip, about
FINE, DORMANT_UNIT, SATURATED, DEAD = range(4)
_STATES = Scale("t", ("works", "dormant", "saturated", "dead"), lambda value: int(value))


def strips(record: Record, found: Sequence[Finding]) -> str:
    """The worst layers: those of the findings first, then those with most units that do not work."""
    layers = [layer for layer in record.ordered if _same_width(layer)]
    order = [f.layer for f in found if f.units is not None]
    rank = {name: i for i, name in reversed(list(enumerate(order)))}
    bad = {id(layer): float((_states(layer)[:, -1] > FINE).mean()) for layer in layers}
    worst = sorted(layers, key=lambda layer: (rank.get(layer.name, len(order)), -bad[id(layer)]))
    shown = [layer for layer in worst if layer.name in rank or bad[id(layer)] > 0][:_LAYERS]
    if not shown:
        why = "No unit of any layer is dead, saturated or dormant." if layers else "No window is full yet."
        return f'<p class="note">{why}</p>'
    end = last_step(record) + 1
    named = dict(zip(map(id, record.ordered), labels(record.ordered), strict=True))
    return f"{legend(_STATES)}\n" + "\n".join(_strip(layer, named[id(layer)], end) for layer in shown)


def _same_width(layer: Layer) -> list[Window]:
    """The windows up to the last that are as wide as it: a layer may have been replaced."""
    return [w for w in layer.windows if len(w.dead) == len(layer.windows[-1].dead)]


def _states(layer: Layer) -> Array:
    """Of each unit and window: the weightiest of what it is."""
    both = layer.activation.facts.saturates == "both"  # at a flat end on either side a unit is saturated, not dead
    states: list[Array] = []
    for window in _same_width(layer):
        state = np.full(len(window.dead), FINE)
        state[window.dormant()] = DORMANT_UNIT
        state[window.saturated] = SATURATED
        state[window.dead] = SATURATED if both else DEAD
        states.append(state)
    return np.stack(states, axis=1)


def _strip(layer: Layer, name: str, end: int) -> str:
    states, windows = _states(layer), _same_width(layer)
    units = np.arange(len(states))
    what = f"{counted(len(units), 'unit')}, the first on top"
    if len(units) > _UNITS:
        longest = np.argsort(-(states > FINE).sum(axis=1), kind="stable")
        units = np.sort(longest[:_UNITS])
        what = f"{_UNITS} of {len(states)} units, those that worked least, from unit {units[0]} to {units[-1]}"
    count = min(COLUMNS, end)
    rows: list[list[int | str | None]] = [[None] * count for _ in units]
    for i, window in enumerate(windows):
        until = windows[i + 1].first if i + 1 < len(windows) else window.last + 1
        for column in columns(window.first, until, count, end):
            for row, unit in zip(rows, units, strict=True):
                row[column] = int(states[unit, i])
    height = min(12, max(3, _HEIGHT // len(units)))
    label = f"{name} ({layer.activation}): {what}"
    return (
        f"<figure><figcaption><b>{escape(name)}</b> ({escape(str(layer.activation))}): {what}</figcaption>"
        f"{cells(rows, count, height, 't', label)}{axis(end)}</figure>"
    )
