"""PyTorch: what is measured of the activations of a model, and of the gradients of what they take.

A part of the observations is looked at, on the tensor's own device. On the CPU the measures are NumPy's, on the same
memory: its comparisons and the kernels of nonlin's slopes are several times as fast as torch's there.
"""

# torch has no public name for what switches modes off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nonlin.activation import Activation
from nonlin.backends.torch_printed import HALF
from nonlin.health.measures import WIDE, around, outputs, slopes
from nonlin.health.torch_ranks import Row, Sums
from nonlin.slopes import EVIDENCE, steepest


@dataclass(slots=True)
class Seen:
    """An activation that the forward of one step has called on the output of one layer of weights.

    At most `most` observations of each unit are looked at in each call.
    """

    source: str
    activation: Activation
    kind: str
    most: int
    step: int
    hidden: bool = False  # whether a layer of weights takes what it returns
    finite: bool = True  # whether all that it took was, as soon as that is known
    totals: list[Any] = field(default_factory=list[Any])  # of each call the sum of z: finite if all is
    norms: list[Any] = field(default_factory=list[Any])  # of dL/dz, of each call: its norm, or some entries of it
    entries: list[int] = field(default_factory=list[int])  # of dL/dz, that its norm is of

    def takes(self, x: Tensor, axis: int) -> Any:
        """Observations of what the activation takes, before that may be overwritten."""
        if x.requires_grad:
            x.register_hook(lambda gradient: self._gradient(gradient.detach(), axis))
        x = x.detach()
        self.totals.append(_number(x.sum() if x.dtype in _WIDE else x.sum(dtype=torch.float32)))
        return _rows(x, axis, self.most)

    def _gradient(self, gradient: Tensor, axis: int) -> None:
        """A part of it on the CPU is copied: all norms are taken together, out of the way of the backward pass."""
        which = _spread(gradient.shape, axis, self.most)
        if is_numpys(gradient):
            part = gradient.numpy()[which].copy()
            self.norms.append(part)
            self.entries.append(part.size)
        else:
            part = gradient[which]
            self.norms.append(torch.linalg.vector_norm(part, dtype=torch.float32 if part.dtype in HALF else None))
            self.entries.append(part.numel())


_Calls = list[tuple[Seen, Any, Any]]  # of a layer: observations of what it took and of what it returned


class Measured:
    """Observations that wait to be measured: of several steps, until they are enough to judge by, and of several layers
    in one pass where they have one activation.

    On small layers the number of operations is the cost, and not their size. At most `_WAITING` entries wait.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, _Calls] = {}  # by layer, and what makes one table possible
        self._entries = 0
        self._tables: list[tuple[list[Seen], int, Any]] = []

    def add(self, seen: Seen, z: Any, result: Tensor, axis: int) -> None:
        """An activation that took z has returned this."""
        h = _rows(result.detach(), axis, seen.most)
        key = seen.source, str(seen.activation), tuple(z.shape), z.dtype, h.dtype, getattr(z, "device", None)
        self._waiting.setdefault(key, []).append((seen, z, h))
        self._entries += z.shape[0] * z.shape[1]
        if self._entries > _WAITING:
            self.measure()

    def enough(self) -> bool:
        """Whether some have been measured, or there are observations of a layer for a window of it."""
        return bool(self._tables) or any(2 * len(c) * len(c[0][1]) >= EVIDENCE for c in self._waiting.values())

    def measure(self) -> None:
        """Nothing waits any more."""
        waiting, self._waiting, self._entries = self._waiting, {}, 0
        alike: dict[Any, list[_Calls]] = {}
        for (_, activation, shape, *kinds), calls in waiting.items():
            if calls := [call for call in calls if call[0].finite]:
                alike.setdefault((activation, len(calls), shape[0], *kinds), []).append(calls)
        for (_, count, observations, *_), layers in alike.items():
            for calls, table in zip(layers, _tables(layers), strict=True):
                self._tables.append(([seen for seen, _, _ in calls], count * observations, table))

    def sums(self) -> list[Sums]:
        """All that has been measured, of hidden layers whose values were finite, copied to the host; it goes."""
        with torch._C.DisableTorchFunction():
            self.measure()
            kept = [t for t in self._tables if all(seen.finite and seen.hidden for seen in t[0])]
            self._tables = []
            tables = _on_host([table for _, _, table in kept])
        return [
            Sums(seen[0].source, seen[0].activation, seen[0].kind, seen[0].step, seen[-1].step, count, sums)
            for (seen, count, _), sums in zip(kept, tables, strict=True)
        ]


def _tables(layers: Sequence[_Calls]) -> list[Any]:
    """Of each layer a `_table`; of all layers together so many units at once that a cache holds them."""
    (seen, z, _), calls = layers[0][0], len(layers[0])
    room = sum(layer[0][1].shape[1] for layer in layers)
    if not isinstance(z, Tensor):
        room = max(_BLOCK // (calls * len(z)), 1)
    tables: list[list[Any]] = [[] for _ in layers]
    for block in _blocks([layer[0][1].shape[1] for layer in layers], room):
        inputs = _joined([_stacked([z[:, units] for _, z, _ in layers[k]]) for k, units in block])
        results = _joined([_stacked([h[:, units] for *_, h in layers[k]]) for k, units in block])
        table, first = _table(seen.activation, inputs, results), 0
        for k, units in block:
            last = first + units.stop - units.start
            tables[k].append(table[:, first:last])
            first = last
    return [_joined(parts) for parts in tables]


def _blocks(widths: Sequence[int], room: int) -> Iterator[list[tuple[int, slice]]]:
    """The units of all layers in blocks of at most `room`: which ones of which layer."""
    block, free = list[tuple[int, slice]](), room
    for k, width in enumerate(widths):
        first = 0
        while first < width:
            if not free:
                yield block
                block, free = [], room
            last = min(first + free, width)
            block.append((k, slice(first, last)))
            first, free = last, free - (last - first)
    yield block


def _table(activation: Activation, z: Any, h: Any) -> Any:
    """Rows: `Slopes`, `Outputs`, and the steepest slope around, of all calls in (calls, observations, units) together.

    Each call has its own mean: what a unit is in one step, or where a shared activation takes it, is not what it is in
    another.
    """
    most, derivative = steepest(activation), activation.derivative
    if isinstance(z, Tensor):
        nearby = abs(derivative(around(z, _steps(z.device, z.dtype)))).amax((0, 1))
        sums = (*slopes(derivative(z), most), *outputs(h))
        return torch.stack([*(row.sum(0).to(h.dtype) for row in sums), nearby.to(h.dtype)])
    with np.errstate(all="ignore"):  # what is not finite is told by the totals
        found = slopes(derivative(z), most)
        nearby = np.full(found.active.shape, most)  # where a unit was active needs no look
        quiet = found.active == 0
        if quiet.any():
            nearby[quiet] = abs(derivative(around(z.swapaxes(0, 1)[:, quiet], _STEPS))).max(0)
        return np.array([*(row.sum(0) for row in (*found, *outputs(h))), nearby.max(0)])


def _rows(x: Tensor, axis: int, most: int) -> Any:
    """A copy of some observations of each unit, in rows, in float32 at least; in NumPy's memory where x is on a CPU."""
    which = _spread(x.shape, axis, most)
    if is_numpys(x):
        some = np.moveaxis(x.numpy()[which], axis, -1) if axis != x.dim() - 1 else x.numpy()[which]
        return np.array(some, order="C").reshape(-1, x.shape[axis])
    some = x[which].movedim(axis, -1).reshape(-1, x.shape[axis])
    some = some.float() if some.dtype in HALF else some.clone()
    return some.numpy() if is_numpys(some) else some


def is_numpys(x: Tensor) -> bool:
    """Whether NumPy can work in its memory."""
    return x.is_cpu and type(x) is Tensor and x.dtype in _WIDE


def _stacked(parts: Sequence[Any]) -> Any:
    return torch.stack(list(parts)) if isinstance(parts[0], Tensor) else np.array(parts)


def _joined(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return torch.cat(list(parts), -1) if isinstance(parts[0], Tensor) else np.concatenate(parts, -1)


def _number(x: Tensor) -> Any:
    """A number where it is known at once; on another device it stays, for what is queued there is not waited for."""
    return x.item() if x.is_cpu else x


def rows(found: Iterable[Seen]) -> list[Row]:
    """Of each activation a `Row`: what is known of it after each look."""
    found = [*found]
    host = iter(_on_host([x for seen in found for x in (*seen.totals, *seen.norms)]))
    told: list[Row] = []
    for seen in found:
        seen.finite = all([math.isfinite(next(host)) for _ in seen.totals])
        squares = [squared(next(host)) / count for count in seen.entries]
        size = (sum(squares) / len(squares)) ** 0.5 if squares else None
        told.append(Row(seen.source, seen.activation, seen.kind, size, seen.finite))
    return told


def squared(norm: Any) -> float:
    """Of a norm, or of the entries themselves: on this thread alone, which BLAS is not."""
    if norm.ndim == 0:
        return float(norm) ** 2
    entries = norm.reshape(-1)
    return float(np.einsum("i,i->", entries, entries))


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


_WAITING, _BLOCK = 1 << 20, 1 << 16  # entries
_WIDE = (torch.float32, torch.float64)
_STEPS = np.arange(-WIDE, WIDE + 1, dtype=np.float32)[:, None]


@cache
def _steps(device: Any, dtype: torch.dtype) -> Tensor:
    return torch.arange(-WIDE, WIDE + 1, device=device, dtype=dtype)[:, None, None]


@lru_cache(256)
def _spread(shape: Any, axis: int, most: int) -> tuple[slice, ...]:
    """Which entries are looked at: at most so many observations of each unit, spread evenly."""
    steps = [1] * len(shape)
    others = [i for i in range(len(shape)) if i != axis % len(shape)]
    while np.prod([-(-shape[i] // steps[i]) for i in others]) > most:
        steps[max(others, key=lambda i: shape[i] / steps[i])] *= 2
    return tuple(slice(None, None, step) for step in steps)
