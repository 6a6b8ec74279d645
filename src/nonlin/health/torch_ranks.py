"""PyTorch: what the processes of a DistributedDataParallel have seen, put together: each has its part of the batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import distributed, nn

from nonlin.activation import Activation


@dataclass(frozen=True)
class Row:
    """What one sample saw of one activation.

    sums: of each unit, in rows, `measures.Slopes`, `measures.Outputs` and the steepest slope around. gradient:
    RMS(dL/dz), None where none came. finite: whether all that it took was.
    """

    source: str
    activation: Activation
    kind: str
    hidden: bool
    observations: int
    sums: Any
    gradient: float | None
    finite: bool


def is_parallel(model: Any) -> bool:
    """Whether all processes run it in step."""
    return isinstance(model, nn.parallel.DistributedDataParallel) and distributed.is_initialized()


def of_all_ranks(rows: list[Row]) -> list[Row]:
    """The same rows with the observations of all processes, in each of them."""
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, rows)
    merged: dict[tuple[str, str], Row] = {}
    for own in gathered:
        for row in own:
            key = row.source, str(row.activation)
            known = merged.get(key)
            merged[key] = row if known is None or known.sums.shape != row.sums.shape else _sum(known, row)
    return list(merged.values())


def _sum(a: Row, b: Row) -> Row:
    sums = np.concatenate([a.sums[:-1] + b.sums[:-1], np.maximum(a.sums[-1:], b.sums[-1:])])
    sizes = [row.gradient for row in (a, b) if row.gradient is not None]
    return replace(
        a,
        hidden=a.hidden or b.hidden,
        observations=a.observations + b.observations,
        sums=sums,
        gradient=float(np.sqrt(np.mean(np.square(sizes)))) if sizes else None,
        finite=a.finite and b.finite,
    )
