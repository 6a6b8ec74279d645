"""PyTorch: what is measured of one activation in one forward, and of the gradient of what it takes.

A part of the observations is looked at, on the tensor's own device; all that leaves it is copied at once. On the CPU
the measures are NumPy's, on the same memory: its comparisons and the kernels of nonlin's slopes are several times as
fast as torch's there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nonlin.activation import Activation
from nonlin.backends.torch_printed import HALF
from nonlin.health.measures import WIDE, around, outputs, slopes
from nonlin.health.torch_ranks import Row
from nonlin.slopes import steepest


@dataclass
class Seen:
    """An activation that a forward has called on the output of one layer of weights.

    At most `most` observations of each unit are looked at in each call.
    """

    source: str
    activation: Activation
    kind: str
    most: int
    hidden: bool = False  # whether a layer of weights takes what it returns
    observations: int = 0
    tables: list[Any] = field(default_factory=list[Any])  # of each call what `measures` sums up of each unit, in rows
    totals: list[Any] = field(default_factory=list[Any])  # of each call the sum of z: finite if all is
    norms: list[Any] = field(default_factory=list[Any])  # of dL/dz, of each call
    entries: list[int] = field(default_factory=list[int])  # of dL/dz, that its norm is of

    def takes(self, x: Tensor, axis: int) -> Any:
        """Observations of what the activation takes, before that may be overwritten."""
        if x.requires_grad:
            x.register_hook(lambda gradient: self._gradient(gradient.detach(), axis))
        x = x.detach()
        self.totals.append(_number(x.sum(dtype=None if x.dtype is torch.float64 else torch.float32)))
        return _rows(x, axis, self.most)

    def _gradient(self, gradient: Tensor, axis: int) -> None:
        part = gradient[_spread(gradient.shape, axis, self.most)]
        norm = torch.linalg.vector_norm(part, dtype=torch.float32 if part.dtype in HALF else None)
        self.norms.append(_number(norm))
        self.entries.append(part.numel())

    def row(self, tables: list[Any], totals: list[Any], norms: list[Any]) -> Row:
        """All calls together, from the copies on the host."""
        table = tables[0]
        for other in tables[1:]:
            table = np.concatenate([table[:-1] + other[:-1], np.maximum(table[-1:], other[-1:])])
        squares = [float(norm) ** 2 / count for norm, count in zip(norms, self.entries, strict=True)]
        return Row(
            *(self.source, self.activation, self.kind, self.hidden, self.observations),
            sums=table.astype(np.float64),
            gradient=(sum(squares) / len(squares)) ** 0.5 if squares else None,
            finite=all(map(math.isfinite, totals)),
        )


class Measured:
    """Observations that wait to be measured, several layers in one pass where they have one activation.

    On small layers the number of operations is the cost, and not their size. At most `_WAITING` entries wait.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, list[tuple[Seen, Any, Any]]] = {}
        self._entries = 0

    def add(self, seen: Seen, z: Any, result: Tensor, axis: int) -> None:
        """An activation that took z has returned this."""
        h = _rows(result.detach(), axis, seen.most)
        seen.observations += len(h)
        key = str(seen.activation), len(z), z.dtype, h.dtype, getattr(z, "device", None)
        self._waiting.setdefault(key, []).append((seen, z, h))
        self._entries += z.shape[0] * z.shape[1]
        if self._entries > _WAITING:
            self.measure()

    def measure(self) -> None:
        """Each `Seen` gets a table for each of its calls."""
        for calls in self._waiting.values():
            layers, inputs, results = zip(*calls, strict=True)
            table, first = _table(layers[0].activation, _side_by_side(inputs), _side_by_side(results)), 0
            for seen, z in zip(layers, inputs, strict=True):
                seen.tables.append(table[:, first : first + z.shape[1]])
                first += z.shape[1]
        self._waiting, self._entries = {}, 0


def _table(activation: Activation, z: Any, h: Any) -> Any:
    """Rows: `Slopes`, `Outputs`, and the steepest slope around."""
    most, derivative = steepest(activation), activation.derivative
    if isinstance(z, Tensor):
        nearby = abs(derivative(around(z, _steps(z.device, z.dtype)))).amax(0)
        return torch.stack([row.to(h.dtype) for row in (*slopes(derivative(z), most), *outputs(h), nearby)])
    with np.errstate(all="ignore"):  # what is not finite is told by the totals
        found = slopes(derivative(z), most)
        nearby = np.full(z.shape[1:], most)  # where a unit was active needs no look
        if len(quiet := np.flatnonzero(found.active == 0)):
            nearby[quiet] = abs(derivative(around(z.take(quiet, 1), _STEPS))).max(0)
        return np.array([*found, *outputs(h), nearby])


def _rows(x: Tensor, axis: int, most: int) -> Any:
    """A copy of some observations of each unit, in rows, in float32 at least; in NumPy's memory where x is on a CPU."""
    rows = x[_spread(x.shape, axis, most)]
    if axis != x.dim() - 1:
        rows = rows.movedim(axis, -1)
    if rows.dim() > 2:
        rows = rows.reshape(-1, rows.shape[-1])
    rows = rows.float() if rows.dtype in HALF else rows
    return rows.numpy().copy() if rows.is_cpu and type(rows) is Tensor else rows.clone()


def _side_by_side(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return torch.cat(list(parts), 1) if isinstance(parts[0], Tensor) else np.concatenate(parts, 1)


def _number(x: Tensor) -> Any:
    """A number where it is known at once; on another device it stays, for what is queued there is not waited for."""
    return x.item() if x.is_cpu else x


def rows(found: Iterable[Seen]) -> list[Row]:
    """Of each activation a `Row`."""
    whole = [s for s in found if s.tables and len({t.shape for t in s.tables}) == 1]
    host = iter(_on_host([t for s in whole for t in (*s.tables, *s.totals, *s.norms)]))
    return [s.row(*([next(host) for _ in part] for part in (s.tables, s.totals, s.norms))) for s in whole]


def _on_host(values: list[Any]) -> list[Any]:
    """Tensors copied in one go, as arrays of the same shapes; arrays are there already."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        return values
    flat = torch.cat([t.reshape(-1).to(tensors[0].device, torch.float32) for t in tensors]).cpu().numpy()
    ends = iter(np.cumsum([t.numel() for t in tensors]).tolist())
    return [
        flat[(end := next(ends)) - value.numel() : end].reshape(tuple(value.shape))
        if isinstance(value, Tensor)
        else value
        for value in values
    ]


_WAITING = 1 << 20
_STEPS = np.arange(-WIDE, WIDE + 1, dtype=np.float32)[:, None]


@cache
def _steps(device: Any, dtype: torch.dtype) -> Tensor:
    return torch.arange(-WIDE, WIDE + 1, device=device, dtype=dtype).unsqueeze(1)


@lru_cache(256)
def _spread(shape: Any, axis: int, most: int) -> tuple[slice, ...]:
    """Which entries are looked at: at most so many observations of each unit, spread evenly."""
    steps = [1] * len(shape)
    others = [i for i in range(len(shape)) if i != axis % len(shape)]
    while np.prod([-(-shape[i] // steps[i]) for i in others]) > most:
        steps[max(others, key=lambda i: shape[i] / steps[i])] *= 2
    return tuple(slice(None, None, step) for step in steps)
