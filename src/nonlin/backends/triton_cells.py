"""The backward pass from the output over GPU memory in one pass: grad times a polynomial on the cell that y falls into.

As `kernels/cells.py` on a CPU. One kernel serves every formula, since cells are data; they stay in the GPU's cache.
"""

# Triton reads the annotations of a kernel: its pointers have none.
# pyright: reportMissingParameterType=false

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

from nonlin.backends.triton import BLOCK, OPTIONS, refuse, refused


def _backward(
    y_ptr,
    bits_ptr,
    grad_ptr,
    out_ptr,
    count,
    numbers_ptr,
    lefts_ptr,
    anchors_ptr,
    scales_ptr,
    rows_ptr,
    STEPS: tl.constexpr,
    DEGREE: tl.constexpr,
    TURNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    real = lefts_ptr.dtype.element_ty
    y = tl.load(y_ptr + place, mask=inside, other=0.0).to(real)
    grad = tl.load(grad_ptr + place, mask=inside, other=0.0).to(real)
    right = tl.full([BLOCK], 0, tl.int32)
    t = y
    if TURNS:
        byte = tl.load(bits_ptr + (place >> 3), mask=inside, other=0).to(tl.int32)
        right = (byte >> (place & 7).to(tl.int32)) & 1
        d = (y - tl.load(numbers_ptr) - tl.load(numbers_ptr + 1)) * tl.load(numbers_ptr + 2)
        root = tl.sqrt(tl.where(d < tl.load(numbers_ptr + 3), tl.load(numbers_ptr + 3), d))
        t = tl.where(right != 0, root, -root)
    t = tl.where(t < tl.load(numbers_ptr + 4), tl.load(numbers_ptr + 4), t)
    t = tl.where(t > tl.load(numbers_ptr + 5), tl.load(numbers_ptr + 5), t)
    cell = tl.full([BLOCK], 0, tl.int32)
    for k in tl.static_range(STEPS):
        half = 1 << (STEPS - 1 - k)
        cell += tl.where(tl.load(lefts_ptr + cell + half) <= t, half, 0)
    v = (t - tl.load(anchors_ptr + cell)) * tl.load(scales_ptr + cell)
    slope = tl.load(rows_ptr + cell + (DEGREE << STEPS))
    for k in tl.static_range(DEGREE):
        slope = tl.fma(slope, v, tl.load(rows_ptr + cell + ((DEGREE - 1 - k) << STEPS)))
    for k in tl.static_range(2):
        flat = (y == tl.load(numbers_ptr + 6 + 2 * k)) & (right == tl.load(numbers_ptr + 7 + 2 * k).to(tl.int32))
        slope = tl.where(flat, 0.0, slope)
    tl.store(out_ptr + place, (grad * slope).to(out_ptr.dtype.element_ty), mask=inside)


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The kernel as Triton's, made when it is first needed."""
    return triton.jit(_backward)


def backward(
    y: Tensor, bits: Tensor | None, grad: Tensor, out: Tensor, numbers: Tensor, tables: tuple[Tensor, ...]
) -> bool:
    """out = grad * f' where the output is y; all dense, in the same order. False where Triton cannot compile it.

    `numbers`: y at the turn as a number of its dtype and the rest, its sign, the least distance from it; the limits of
    t; two flats, each with 1.0 if right of the turn, nan for none. `tables`: 2^steps lefts (the unused ones infinite),
    anchors and scales, and degree + 1 rows of as many coefficients.
    """
    lefts, rows = tables[0], tables[3]
    steps, degree = len(lefts).bit_length() - 1, len(rows) - 1
    if y.dtype in refused:
        return False
    given = y, y if bits is None else bits, grad, out, y.numel(), numbers, *tables
    shape = {"STEPS": steps, "DEGREE": degree, "TURNS": bits is not None, "BLOCK": BLOCK}
    try:
        with torch.cuda.device_of(y):
            kernel()[(-(-y.numel() // BLOCK),)](*given, **shape, **OPTIONS)
    except Exception as error:  # the compilers of Triton, CUDA and C have no common error
        refuse(y.dtype, error)
        return False
    return True
