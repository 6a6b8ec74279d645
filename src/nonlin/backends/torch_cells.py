"""Polynomials on cells (`language/fit.py`) and masks of one bit an element, in PyTorch, on any device.

On CPU memory a compiled loop does it, on GPU memory a kernel; elsewhere tensor operations, in chunks, so that what they
need besides their result stays small: a backward pass that saves memory must not take it for a moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from nonlin.backends.kernels.cells import MOST_FLATS, backward
from nonlin.backends.torch_memory import is_memory
from nonlin.inverse import Inverse, Turn

_CHUNK = 1 << 16  # elements: what is worked on stays in a core's cache
_DEVICE_CHUNK = 1 << 22  # where each operation is a launch, which takes longer than so few elements
# A product with this takes the lowest bits of eight bytes into the highest byte; `_SPREAD` and `_EACH` undo it.
_GATHER = 0x0102040810204080
_SPREAD, _EACH = 0x0101010101010101, 0x8040201008040201 - (1 << 64)


def packed(mask: Tensor) -> Tensor:
    """A dense boolean tensor in the order of its memory, eight elements to a byte."""
    count = mask.numel()
    flat = mask.as_strided((count,), (1,))
    if rest := -count % 8:
        flat = pad(flat, (0, rest))
    return ((flat.view(torch.int64) * _GATHER) >> 56).to(torch.uint8)


def unpacked(bits: Tensor) -> Tensor:
    """The elements again, up to seven more of them."""
    return ((bits.to(torch.int64) * _SPREAD) & _EACH).view(torch.uint8) != 0


class Table(NamedTuple):
    """The cells of a derivative as tensors, and what becomes of y before: see `Inverse`.

    There are 2^steps cells, the unused ones beyond every t, so that halvings find a cell.
    """

    inverse: Inverse
    limits: tuple[float, float]
    steps: int
    lefts: Tensor
    anchors: Tensor
    scales: Tensor
    rows: Tensor

    @classmethod
    def of(cls, inverse: Inverse, order: int, dtype: torch.dtype, device: torch.device) -> Table:
        cells = inverse.fit(order)
        steps = max(1, (len(cells.lefts) - 1).bit_length())
        unused = (1 << steps) - len(cells.lefts)

        def tensor(values: Any, fill: float) -> Tensor:
            return pad(torch.as_tensor(values, dtype=dtype, device=device), (0, unused), value=fill)

        lefts = tensor(cells.lefts, torch.inf)
        others = [tensor(values, 0.0) for values in (cells.anchors, cells.scales, cells.rows)]
        return cls(inverse, (float(cells.lefts[0]), cells.last), steps, lefts, *others)

    def times(self, y: Tensor, bits: Tensor | None, grad: Tensor | None) -> Tensor:
        """The derivative where the output is y, times `grad`; y and grad dense, with the same strides."""
        out = torch.empty_like(y)
        count = y.numel()
        if grad is not None and len(self.inverse.flats) <= MOST_FLATS:
            if is_memory(y):
                self._looped(y, bits, grad, out)
                return out
            if count and is_memory(y, gpu=True) and (gpu := _gpu()):
                tables = self.lefts, self.anchors, self.scales, self.rows
                numbers = _held(self._numbers(y.dtype), self.lefts.dtype, y.device)
                if gpu.backward(y, bits, grad, out, numbers, tables):
                    return out
        flat_y, flat_out, flat_grad = (None if a is None else a.as_strided((count,), (1,)) for a in (y, out, grad))
        assert flat_y is not None and flat_out is not None
        chunk = _CHUNK if y.is_cpu else _DEVICE_CHUNK
        for first in range(0, count, chunk):
            part = slice(first, min(first + chunk, count))
            right = None if bits is None else unpacked(bits[first // 8 : -(-part.stop // 8)])[: part.stop - first]
            value = self._value(flat_y[part], right)
            flat_out[part] = value if flat_grad is None else value.mul_(flat_grad[part])
        return out

    def _looped(self, y: Tensor, bits: Tensor | None, grad: Tensor, out: Tensor) -> None:
        """The same as one loop over CPU memory."""
        memory = y.data_ptr(), 0 if bits is None else bits.data_ptr(), grad.data_ptr(), out.data_ptr()
        tables = self.lefts.data_ptr(), self.anchors.data_ptr(), self.scales.data_ptr(), self.rows.data_ptr()
        shape, turns = (self.steps, len(self.rows) - 1), self.inverse.turn is not None
        name = str(y.dtype).removeprefix("torch.")
        backward(name, y.element_size(), y.numel(), memory, tables, shape, turns, self._numbers(y.dtype))

    def _numbers(self, dtype: torch.dtype) -> tuple[float, ...]:
        """What is to know of the formula beside the cells, for outputs of a dtype: the turn, the limits of t, flats."""
        flats = [n for value, right in self.inverse.flats for n in (_in(dtype, value), float(right))]
        flats += [math.nan, 0.0] * (MOST_FLATS - len(self.inverse.flats))
        turn = self.inverse.turn
        about = (0.0, 0.0, 1.0, 0.0) if turn is None else (*_split(turn, dtype), turn.sign, _spacing(turn, dtype) / 8)
        return (*about, *self.limits, *flats)

    def _value(self, y: Tensor, right: Tensor | None) -> Tensor:
        t = y.to(self.lefts.dtype)
        t = (t if right is None else self._coordinate(t, right, y.dtype)).clamp(*self.limits)
        i = torch.bucketize(t, self.lefts[1:], right=True)
        v = (t - self.anchors[i]).mul_(self.scales[i])
        value = self.rows[-1][i]
        for row in self.rows[:-1].flip(0):
            value = value.mul_(v).add_(row[i])
        for flat in self._flats(y, right):
            value.masked_fill_(flat, 0.0)
        return value

    def _coordinate(self, y: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
        """t at y. Where rounding took y to the turn itself, the slope is between 0 and that at half a spacing."""
        turn = self.inverse.turn
        assert turn is not None
        high, low = _split(turn, dtype)
        t = y.sub(high).sub_(low)  # the first difference is exact near the turn
        least = _spacing(turn, dtype) / 8
        t = t.mul_(turn.sign).clamp_(min=least).sqrt_()
        return torch.where(right, t, -t)

    def _flats(self, y: Tensor, right: Tensor | None) -> Iterator[Tensor]:
        for value, is_right in self.inverse.flats:
            flat = y == _in(y.dtype, value)
            yield flat if right is None else flat & (right if is_right else ~right)


@lru_cache(maxsize=1)
def _gpu() -> Any:
    """The kernel for GPUs; None without Triton, which comes with torch's releases for GPUs."""
    try:
        from nonlin.backends import triton_cells
    except ImportError:
        return None
    return triton_cells


@lru_cache(maxsize=512)
def _held(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The numbers in a device's memory: to bring them there at each call would wait for all that is under way."""
    return torch.tensor(numbers, dtype=dtype, device=device)


def _in(dtype: torch.dtype, value: float) -> float:
    """The number nearest to a value that a dtype has."""
    return torch.tensor(value, dtype=dtype).item()


@lru_cache(maxsize=512)
def _split(turn: Turn, dtype: torch.dtype) -> tuple[float, float]:
    """f at the turn: the number of a dtype, and the rest."""
    high = _in(dtype, turn.value)
    return high, turn.value - high


@lru_cache(maxsize=512)
def _spacing(turn: Turn, dtype: torch.dtype) -> float:
    """From f at the turn to the next number of a dtype on the side where f has values."""
    there = torch.tensor(turn.value, dtype=dtype)
    return abs(
        torch.nextafter(there, torch.tensor(turn.sign * torch.inf, dtype=dtype)).double() - there.double()
    ).item()
