"""Where the units of each layer of weights go, as forwards have shown it: what has to be known to start some anew."""

from __future__ import annotations

from collections.abc import Mapping
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


def chains(paths: Mapping[str, Path]) -> list[list[str]]:
    """Layers in a row, each of which takes only the units of the one before, which go nowhere else: no skip goes round
    one of them, so all of the gradient comes through them."""
    after = {name: taker for name, path in paths.items() if (taker := _only_taker(name, path, paths))}
    found: list[list[str]] = []
    taken = set(after.values())
    for name in paths:
        if name in taken:
            continue
        chain = [name]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        found.append(chain)
    return found


def _only_taker(name: str, path: Path, paths: Mapping[str, Path]) -> str:
    takers = {taker for taker, _ in path.consumers}
    if path.refused or len(takers) != 1:
        return ""
    (taker,) = takers
    return taker if taker in paths and paths[taker].takes == {name} else ""
