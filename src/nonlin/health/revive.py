"""Units that are started anew: which ones, and what was done or why not, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nonlin.errors import WatchError
from nonlin.health.findings import Finding
from nonlin.health.measures import DORMANT
from nonlin.health.record import Layer, Record

# Windows in which a unit that was started anew is let alone: findings need two, and it starts with outgoing weights 0.
YOUNG = 4


@dataclass(frozen=True)
class Revived:
    """What was done to one layer, or would be.

    units: started anew. young: left, for they were started anew a short while ago. consumers: the layers whose weights
    on them are 0 now. refused: why the layer was left as it is, "" where it was not. notes: what else to know.
    """

    layer: str
    activation: str
    units: tuple[int, ...]
    young: tuple[int, ...] = ()
    consumers: tuple[str, ...] = ()
    refused: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines: list[str] = []
        if self.refused:
            lines.append(f"left as it is: {self.refused}")
        elif self.units:
            shown = ", ".join(map(str, self.units[:8])) + (", ..." if len(self.units) > 8 else "")
            into = " and ".join(self.consumers)
            lines.append(f"{len(self.units)} units anew ({shown}): weights drawn, bias 0, weights in {into} 0")
        if self.young:
            lines.append(f"{len(self.young)} young units left")
        return f"{self.layer} ({self.activation}): {'; '.join((*lines, *self.notes))}"


class Revival(tuple[Revived, ...]):
    """What `health.revive` did, layer by layer; `dry_run` tells whether it only would."""

    dry_run: bool = False

    @property
    def units(self) -> int:
        """How many were started anew, in all layers."""
        return sum(len(layer.units) for layer in self)

    @property
    def refused(self) -> tuple[Revived, ...]:
        """The layers that were left as they are, with the reason."""
        return tuple(layer for layer in self if layer.refused)

    def __str__(self) -> str:
        if not self:
            return "No units to start anew."
        head = "Dry run, nothing was changed:\n" if self.dry_run else ""
        return head + "\n".join(map(str, self))


def revive(model: Any, optimizer: Any, record: Record, found: Sequence[Finding], *, dry_run: bool) -> Revival:
    """Starts the units of the findings anew, those apart that are young. WatchError where every layer is refused.

    Source: Sokar et al. 2023 (ReDo), ICML; Dohare et al. 2024 (continual backpropagation), Nature 632.
    """
    from nonlin.health.torch_revive import Reviver

    reviver = Reviver(model, optimizer, record)
    done: list[Revived] = []
    for layer in record.ordered:
        wanted = _wanted(layer, found)
        if not wanted:
            continue
        young = tuple(unit for unit in wanted if layer.young(unit, YOUNG))
        units = tuple(unit for unit in wanted if unit not in young)
        path = reviver.path(layer)
        if path.refused or not units:
            done.append(Revived(layer.name, str(layer.activation), (), young, refused=path.refused))
            continue
        notes = reviver.notes(layer, path)
        if not dry_run:
            reviver.renew(layer, path, units)
            layer.revived.update(dict.fromkeys(units, layer.latest))
            layer.pending.clear()  # what has been seen of them is of before
        names = tuple(sorted(name for name, _ in path.consumers))
        done.append(Revived(layer.name, str(layer.activation), units, young, names, notes=notes))
    if done and all(layer.refused for layer in done):
        reasons = "; ".join(f"{layer.layer}: {layer.refused}" for layer in done)
        raise WatchError(f"no layer can be revived: {reasons}: lower the learning rate or swap the activation")
    result = Revival(done)
    result.dry_run = dry_run
    return result


def _wanted(layer: Layer, found: Sequence[Finding]) -> list[int]:
    """Units of the findings that give the next layer nothing, or nothing but a constant.

    A unit that is saturated but goes from one end to the other tells something: it is left.
    """
    units: set[int] = set()
    for finding in found:
        if (finding.layer, finding.activation) == (layer.name, str(layer.activation)) and finding.units:
            constant = layer.windows[-1].centred <= DORMANT[1]
            units |= {u for u in finding.units if finding.kind in ("dead", "dormant") or constant[u]}
    return sorted(int(u) for u in units)
