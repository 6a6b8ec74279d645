"""Where a model has an activation: what a user reads of it, one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["module", "attribute", "function"]


@dataclass(frozen=True)
class Place:
    """One place of a model that has an activation.

    `where`: the module's name in the model; for an attribute with the attribute's name behind it; for a function that
    of the module whose forward calls it ("" is the model itself). `name`: the catalogue's. `how`: a layer ("module"),
    a function kept in an attribute, or a function called in a forward. `calls`: how often one run of the model calls
    it, in training or evaluation, where it does so more often. `spec`: the name with the parameters. `note`: what else
    is known of it. `now`: the spec of what a swap has put there.
    """

    where: str
    name: str
    how: How
    calls: int
    spec: str = ""
    note: str = ""
    now: str = ""


class Places(list[Place]):
    """Places in the order of the model, shown as a table."""

    def __repr__(self) -> str:
        if not self:
            return "no activations"
        swapped = any(place.now for place in self)
        rows = [("where", "activation", *(["now"] if swapped else []), "how", "calls", "note")]
        for place in self:
            now = [place.now] if swapped else []
            where = place.where or "(the model)"
            rows.append((where, place.spec or place.name, *now, place.how, str(place.calls), place.note))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])
