"""A record in few words: the verdict in a sentence, shares, names that fit."""

from __future__ import annotations

from collections.abc import Sequence

from nonlin.health.findings import Finding, findings
from nonlin.health.record import Layer, Record
from nonlin.health.report import nothing

KINDS = {
    "dead": "dead units",
    "dormant": "dormant units",
    "saturated": "saturated units",
    "vanishing": "vanishing gradients",
    "exploding": "exploding gradients",
    "nonfinite": "nan or infinite",
}


def verdict(record: Record, found: Sequence[Finding] | None = None) -> str:
    """One sentence: what is wrong, or that nothing is, or why that is not known."""
    if not record.layers:
        return nothing(record)
    found = findings(record) if found is None else found
    if not found:
        judged = sum(len(layer.windows) >= 2 for layer in record.ordered)
        if not judged:
            return f"Not enough data yet to judge {counted(len(record.layers), 'layer')}."
        return f"Nothing is wrong: {counted(judged, 'layer')} after {counted(record.steps, 'step')}."
    severities = [f.severity for f in found]
    counts = [counted(n, s) for s in ("alarm", "warning", "note") if (n := severities.count(s))]
    return f"{', '.join(counts)}: {'first of them ' if len(found) > 1 else ''}{summary(found[0])}."


def summary(finding: Finding) -> str:
    """What, where, how much and since when, without the advice."""
    if finding.kind == "nonfinite":
        return f"a nan or an infinity began at {finding.layer or 'the model'} in step {finding.step}"
    name = f"{finding.layer or 'the model'} ({finding.activation})"
    since = f"since step {finding.step}"
    if finding.units is None:
        last = finding.last or "the model"
        return f"{KINDS[finding.kind]}: in {name} {finding.share:.1e} times those of {last} {since}"
    return f"{share(finding.share)} {KINDS[finding.kind]} in {name} {since}"


def counted(number: int, word: str) -> str:
    """1 layer, 2 layers."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def share(value: float) -> str:
    """In percent; what is not 0 is not written as 0."""
    return "<1 %" if 0 < value < 0.005 else f"{value * 100:.0f} %"


def short(name: str, length: int) -> str:
    """A name with its middle left out where it is too long: its end tells it from its neighbours."""
    if len(name) <= length:
        return name
    head = length // 3
    return f"{name[:head]}…{name[head + 1 - length :]}"


def labels(layers: Sequence[Layer]) -> list[str]:
    """Names of the layers, with the activation where one layer has several."""
    names = [layer.name or "model" for layer in layers]
    return [
        f"{name} ({layer.activation})" if names.count(name) > 1 else name
        for name, layer in zip(names, layers, strict=True)
    ]
