"""A record as text and as a dictionary."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from nonlin.health.findings import Finding, findings
from nonlin.health.measures import DORMANT
from nonlin.health.record import Layer, Record
from nonlin.slopes import EVIDENCE

HEAD = ("layer", "activation", "dead", "saturated", "dormant", "gradient", "update/weight", "seen")


def as_text(record: Record) -> str:
    """The layers in a table, then what is wrong and what to do."""
    rows = [HEAD, *(row_of(layer) for layer in record.ordered)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [f"{record.steps} steps, {record.sampled} of them looked at", ""]
    if record.layers:
        lines += ["  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    else:
        lines.append(nothing(record))
    lines += ["", *_told(findings(record), record)]
    lines += [f"Note: {note}" for note in record.notes]
    return "\n".join(lines)


def nothing(record: Record) -> str:
    """Why there is no layer to tell of."""
    if not record.sampled:
        return "No forward pass in training was seen: was the model in training mode, called itself, and not compiled?"
    return "No activation was seen between layers of weights."


def _told(found: list[Finding], record: Record) -> list[str]:
    unsure = [layer.name for layer in record.ordered if len(layer.windows) < 2]
    lines = [str(finding) for finding in found] or (["Nothing is wrong."] if len(unsure) < len(record.layers) else [])
    if unsure:
        shown = ", ".join(unsure[:5]) + (", ..." if len(unsure) > 5 else "")
        lines.append(f"Not enough data yet on {shown}: a unit is judged by {EVIDENCE} observations or more.")
    return lines


def row_of(layer: Layer) -> tuple[str, ...]:
    """What the layer is now, under `HEAD`."""
    last = layer.windows[-1] if layer.windows else None
    shares = ("-",) * 3
    if last is not None:
        shares = tuple(f"{s:.0%}" for s in (last.dead_share, last.saturated_share, last.dormant_share()))
    gradient = f"{layer.gradients[-1][1]:.1e}" if layer.gradients else "-"
    update = f"{layer.updates[-1][1]:.1e}" if layer.updates else "-"
    seen = str(last.observations if last is not None else layer.observations)
    return (layer.name, str(layer.activation), *shares, gradient, update, seen)


def as_dict(record: Record) -> dict[str, Any]:
    """The record as JSON can hold it: numbers that are not finite are None."""
    return {
        "steps": record.steps,
        "sampled": record.sampled,
        "notes": list(record.notes),
        "findings": [_plain(dataclasses.asdict(finding)) for finding in findings(record)],
        "layers": [
            {
                "name": layer.name,
                "activation": str(layer.activation),
                "kind": layer.kind,
                "windows": [
                    {
                        "first": w.first,
                        "last": w.last,
                        "observations": w.observations,
                        "dead_share": w.dead_share,
                        "saturated_share": w.saturated_share,
                        "dormant_share": {str(tau): w.dormant_share(tau) for tau in DORMANT},
                    }
                    for w in layer.windows
                ],
                "gradients": [[step, _plain(value)] for step, value in layer.gradients],
                "updates": [[step, _plain(value)] for step, value in layer.updates],
            }
            for layer in record.ordered
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value
