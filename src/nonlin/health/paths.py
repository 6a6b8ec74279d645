"""Where the units of each layer of weights go, as forwards have shown it: what has to be known to start some anew."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Path:
    """What a layer of weights takes and what becomes of its units.

    takes: the layers whose units it takes, "" for anything else. activations: those that take its output. norms: of
    one channel each, between it and the activation. consumers: the layers of weights that take the activated units,
    and how many inputs in a row belong to one unit (positions, where a convolution was flattened). refused: why its
    units are not to be told apart, "" where they are.
    """

    takes: set[str] = field(default_factory=set[str])
    activations: set[str] = field(default_factory=set[str])
    norms: set[str] = field(default_factory=set[str])
    consumers: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    refused: str = ""

    def refuse(self, why: str) -> None:
        """The first reason stays."""
        self.refused = self.refused or why


def merge(known: dict[str, Path], seen: dict[str, Path]) -> None:
    """What one more forward has shown; a layer that another activation follows now is as in the latest forward."""
    for name, path in seen.items():
        before = known.get(name)
        if before is not None and before.activations == path.activations:
            path.takes |= before.takes
            path.norms |= before.norms
            path.consumers |= before.consumers
            path.refuse(before.refused)
        known[name] = path
