"""Polynomials on cells (`language/fit.py`) and masks of one bit an element, in PyTorch, on any device.

Both work through memory in chunks, so that what they need besides their result stays small: a backward pass that
saves memory must not take it for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from nonlin.inverse import Inverse, Turn

_CHUNK = 1 << 16  # elements: what is worked on stays in a core's cache
# A product with this takes the lowest bits of eight bytes into the highest byte; `_SPREAD` and `_EACH` undo it.
_GATHER = 0x0102040810204080
_SPREAD, _EACH = 0x0101010101010101, 0x8040201008040201 - (1 << 64)


def packed(mask: Tensor) -> Tensor:
    """A dense boolean tensor in the order of its memory, eight elements to a byte."""
    count = mask.numel()
    flat = mask.as_strided((count,), (1,))
    if rest := -count % 8:
        flat = torch.nn.functional.pad(flat, (0, rest))
    return ((flat.view(torch.int64) * _GATHER) >> 56).to(torch.uint8)


def unpacked(bits: Tensor) -> Tensor:
    """The elements again, up to seven more of them."""
    return ((bits.to(torch.int64) * _SPREAD) & _EACH).view(torch.uint8) != 0


class Table(NamedTuple):
    """The cells of a derivative as tensors, and what becomes of y before: see `Inverse`."""

    inverse: Inverse
    limits: tuple[float, float]
    lefts: Tensor
    anchors: Tensor
    scales: Tensor
    rows: tuple[Tensor, ...]

    @classmethod
    def of(cls, inverse: Inverse, order: int, dtype: torch.dtype, device: torch.device) -> Table:
        cells = inverse.fit(order)
        arrays = (cells.lefts, cells.anchors, cells.scales, *cells.rows)
        lefts, anchors, scales, *rows = (torch.as_tensor(a, dtype=dtype, device=device) for a in arrays)
        return cls(inverse, (float(cells.lefts[0]), cells.last), lefts, anchors, scales, tuple(rows))

    def times(self, y: Tensor, bits: Tensor | None, grad: Tensor | None) -> Tensor:
        """The derivative where the output is y, times `grad`; y and grad dense, with the same strides."""
        out = torch.empty_like(y)
        count = y.numel()
        flat_y, flat_out, flat_grad = (None if a is None else a.as_strided((count,), (1,)) for a in (y, out, grad))
        assert flat_y is not None and flat_out is not None
        for first in range(0, count, _CHUNK):
            part = slice(first, min(first + _CHUNK, count))
            right = None if bits is None else unpacked(bits[first // 8 : -(-part.stop // 8)])[: part.stop - first]
            value = self._value(flat_y[part], right)
            flat_out[part] = value if flat_grad is None else value.mul_(flat_grad[part])
        return out

    def _value(self, y: Tensor, right: Tensor | None) -> Tensor:
        t = y.to(self.lefts.dtype)
        t = (t if right is None else self._coordinate(t, right, y.dtype)).clamp(*self.limits)
        i = torch.bucketize(t, self.lefts[1:], right=True)
        v = (t - self.anchors[i]).mul_(self.scales[i])
        value = self.rows[-1][i]
        for row in self.rows[-2::-1]:
            value = value.mul_(v).add_(row[i])
        for flat in self._flats(y, right):
            value.masked_fill_(flat, 0.0)
        return value

    def _coordinate(self, y: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
        """t at y. Where rounding took y to the turn itself, the slope is between 0 and that at half a spacing."""
        turn = self.inverse.turn
        assert turn is not None
        high = torch.tensor(turn.value, dtype=y.dtype).item()
        t = y.sub(high).sub_(turn.value - high)  # the first difference is exact near the turn
        least = _spacing(turn, dtype) / 8
        t = t.mul_(turn.sign).clamp_(min=least).sqrt_()
        return torch.where(right, t, -t)

    def _flats(self, y: Tensor, right: Tensor | None) -> Iterator[Tensor]:
        for value, is_right in self.inverse.flats:
            flat = y == torch.tensor(value, dtype=y.dtype).item()
            yield flat if right is None else flat & (right if is_right else ~right)


@lru_cache(maxsize=512)
def _spacing(turn: Turn, dtype: torch.dtype) -> float:
    """From f at the turn to the next number of a dtype on the side where f has values."""
    there = torch.tensor(turn.value, dtype=dtype)
    return abs(
        torch.nextafter(there, torch.tensor(turn.sign * torch.inf, dtype=dtype)).double() - there.double()
    ).item()
