"""PyTorch: what the processes of a DistributedDataParallel have seen, put together: each has its part of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from torch import distributed, nn

from nonlin.activation import Activation


@dataclass(frozen=True)
class Row:
    """What one step has told of one activation: RMS(dL/dz), None where none came, and whether all z were finite."""

    source: str
    activation: Activation
    kind: str
    gradient: float | None
    finite: bool


@dataclass(frozen=True)
class Sums:
    """What the steps from `first` to `last` have told of an activation's units, of so many observations of each.

    values: in rows, `measures.Slopes`, `measures.Outputs` and the steepest slope around.
    """

    source: str
    activation: Activation
    kind: str
    first: int
    last: int
    observations: int
    values: Any


_Of = TypeVar("_Of", Row, Sums)


def is_parallel(model: Any) -> bool:
    """Whether all processes run it in step."""
    return isinstance(model, nn.parallel.DistributedDataParallel) and distributed.is_initialized()


def of_all_ranks(rows: list[Row], sums: list[Sums]) -> tuple[list[Row], list[Sums]]:
    """The same, of all processes, in each of them."""
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, (rows, sums))
    together = [[*_alike(own[kind] for own in gathered)] for kind in (0, 1)]
    return [_row(same) for same in together[0]], [_sum(same) for same in together[1]]


def _alike(of_each: Iterable[Sequence[_Of]]) -> Iterable[list[_Of]]:
    found: dict[tuple[str, str], list[_Of]] = {}
    for own in of_each:
        for one in own:
            found.setdefault((one.source, str(one.activation)), []).append(one)
    return found.values()


def _row(same: Sequence[Row]) -> Row:
    sizes = [row.gradient for row in same if row.gradient is not None]
    size = float(np.sqrt(np.mean(np.square(sizes)))) if sizes else None
    return replace(same[0], gradient=size, finite=all(row.finite for row in same))


def _sum(same: Sequence[Sums]) -> Sums:
    same = [sums for sums in same if sums.values.shape == same[-1].values.shape]
    values = np.array([sums.values for sums in same])
    return replace(
        same[0],
        observations=sum(sums.observations for sums in same),
        values=np.concatenate([values[:, :-1].sum(0), values[:, -1:].max(0)]),
    )
