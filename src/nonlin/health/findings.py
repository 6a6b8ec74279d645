"""What is wrong with a watched model: findings, in order of weight, from what has been recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from nonlin.health.advice import advice
from nonlin.health.measures import at_most
from nonlin.health.paths import chains
from nonlin.health.record import Layer, Record
from nonlin.slopes import RARELY

Kind = Literal["dead", "dormant", "saturated", "vanishing", "exploding", "nonfinite"]
Severity = Literal["alarm", "warning", "note"]
WARN, ALARM = 0.2, 0.5  # of a layer's units that are dead or dormant
SATURATED = 0.5  # of a layer's units
RATIO = 1e3  # of the gradients of the first and the last layer
CHAIN = 3  # layers in a row at least, of which the first and the last are compared
_WEIGHT = {"alarm": 0, "warning": 1, "note": 2}
_ORDER = ("nonfinite", "exploding", "vanishing", "dead", "saturated", "dormant")
_LATEST = 3  # samples whose median gradients are compared


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    kind: "dead", "dormant", "saturated", "vanishing", "exploding" or "nonfinite". severity: "alarm", "warning", or
    "note" for units that are too few to matter to the layer. layer: the name in the model of the layer of weights
    whose outputs are meant, "" for the model itself. units: their indices, None for the whole layer. step: since when.
    share: of the layer's units; of a gradient the ratio of this first layer's to that of the layer `last`, of the
    model (an alarm) or of layers in a row within it (a warning). evidence: observations of each unit that were seen;
    of a gradient, samples. advice: the cause, what to do, and the line of code that does it. source: of the definition.
    """

    kind: Kind
    layer: str
    units: tuple[int, ...] | None
    step: int
    share: float
    evidence: int
    advice: str
    source: str
    severity: Severity = "alarm"
    activation: str = ""
    last: str = ""

    def __str__(self) -> str:
        which = "" if self.units is None else f"{len(self.units)} units ({self.share:.0%})"
        times = f"gradient {self.share:.1e} times that of {self.last or 'model'}"
        ratio = times if self.kind in ("vanishing", "exploding") else which
        place = f"{self.layer or 'model'}{f' ({self.activation})' if self.activation else ''}"
        return f"{self.severity}: {self.kind}: {place}: {ratio or 'values'} since step {self.step}: {self.advice}"


def findings(record: Record) -> list[Finding]:
    """Everything that is wrong now, the heaviest first."""
    whole = [*_gradients(record)]
    said = {finding.layer for finding in whole}
    found = [*_nonfinite(record), *whole, *(finding for finding in _chains(record) if finding.layer not in said)]
    for layer in record.ordered:
        found += _units(layer)
    return sorted(found, key=weight)


def weight(finding: Finding) -> tuple[int, int, float]:
    """What findings are sorted by: the heaviest is the least."""
    return _WEIGHT[finding.severity], _ORDER.index(finding.kind), -abs(finding.share)


def _finding(
    kind: Kind, layer: Layer, severity: Severity, units: Any, step: int, share: float, evidence: int
) -> Finding:
    activation = str(layer.activation)
    text, source = advice(kind, layer.name, activation)
    indices = None if units is None else tuple(int(u) for u in units)
    return Finding(kind, layer.name, indices, step, share, evidence, text, source, severity, activation)


def _nonfinite(record: Record) -> Iterator[Finding]:
    for bad in record.bad[:1]:
        text, source = advice("nonfinite", bad.layer, "", bad.where)
        yield Finding("nonfinite", bad.layer, None, bad.step, 1.0, 1, text, source)


# Units ----------------------------------------------------------------------------------------------------------------


def _units(layer: Layer) -> Iterator[Finding]:
    """Units that are bad in two windows in a row."""
    if len(layer.windows) < 2:
        return
    both = layer.activation.facts.saturates == "both"
    last, before = layer.windows[-1], layer.windows[-2]
    if len(last.dead) != len(before.dead):
        return
    grown = np.array([not layer.young(unit, 2) for unit in range(len(last.dead))])  # both windows are of what it is now
    evidence = last.observations + before.observations
    dead = grown & last.dead & before.dead & (at_most(last.active + before.active, evidence) <= RARELY)
    saturated = grown & last.saturated & before.saturated & (at_most(last.steep + before.steep, evidence) <= RARELY)
    # at a flat end on either side a unit is saturated; where the only flat end is 0, dead
    named = (saturated | dead) if both else dead
    kind: Kind = "saturated" if both else "dead"
    share = float(named.mean())
    if not both and share <= WARN:
        named = named & last.lost & before.lost  # in any layer some units are quiet: these can't come back
        share = float(named.mean())
    if named.any():
        limits = (SATURATED, SATURATED) if both else (WARN, ALARM)
        since = _since(layer, kind, named)
        yield _finding(kind, layer, _severity(share, *limits), np.flatnonzero(named), since, share, evidence)
    if not both and (also := saturated & ~dead).mean() > SATURATED:
        since = _since(layer, "saturated", also)
        yield _finding("saturated", layer, "alarm", np.flatnonzero(also), since, float(also.mean()), evidence)
    dormant = last.dormant() & before.dormant() & ~dead & ~saturated & grown
    if dormant.mean() > WARN:
        since = _since(layer, "dormant", dormant)
        yield _finding("dormant", layer, "warning", np.flatnonzero(dormant), since, float(dormant.mean()), evidence)


def _severity(share: float, warn: float, alarm: float) -> Severity:
    return "alarm" if share > alarm else "warning" if share > warn else "note"


def _since(layer: Layer, kind: Kind, units: Any) -> int:
    """The first step of the windows in a row, up to now, in which all of these were so."""
    step = layer.windows[-1].first
    for window in reversed(layer.windows):
        saturated = window.saturated | window.dead
        state = window.dead if kind == "dead" else saturated if kind == "saturated" else window.dormant()
        if len(state) != len(units) or not state[units].all():
            break
        step = window.first
    return step


# Gradients ------------------------------------------------------------------------------------------------------------


def _gradients(record: Record) -> Iterator[Finding]:
    """The first layer's gradient against the last one's, in the order in which they run."""
    yield from _faded([layer for layer in record.ordered if len(layer.gradients) >= 2], "alarm")


def _chains(record: Record) -> Iterator[Finding]:
    """The same of layers in a row inside the model, whose gradient what goes round them hides.

    All of it comes through them, so its fading is theirs; how much of the model's comes to them at all, which is little
    where a branch counts for little, does not matter. Only layers of one kind are compared: a layer of features after
    one of positions has their mean.
    """
    known = {layer.name: layer for layer in record.ordered if len(layer.gradients) >= 2}
    for chain in chains(record.paths):
        layers = [known[name] for name in chain if name in known]
        alike = [layer for layer in layers if layer.kind == layers[0].kind]
        if len(alike) >= CHAIN:
            yield from _faded(alike, "warning")


def _faded(layers: list[Layer], severity: Severity) -> Iterator[Finding]:
    if len(layers) < 2:
        return
    sizes = [_median(layer) for layer in layers]
    if not all(map(math.isfinite, sizes)) or sizes[-1] == 0:
        return
    ratio = sizes[0] / sizes[-1]
    if 1 / RATIO <= ratio <= RATIO:
        return
    kind: Kind = "vanishing" if ratio < 1 else "exploding"
    since = _faded_since(layers[0], layers[-1])
    found = _finding(kind, layers[0], severity, None, since, ratio, len(layers[0].gradients))
    yield replace(found, last=layers[-1].name)


def _median(layer: Layer) -> float:
    return float(np.median([size for _, size in layer.gradients[-_LATEST:]]))


def _faded_since(first: Layer, last: Layer) -> int:
    ends = dict(last.gradients)
    since = first.gradients[-1][0]
    for step, size in reversed(first.gradients):
        if step not in ends:  # long histories are thinned, not all at the same steps
            continue
        if not (end := ends[step]) or 1 / RATIO <= size / end <= RATIO:
            break
        since = step
    return since
