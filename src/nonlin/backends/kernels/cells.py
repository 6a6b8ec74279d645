"""The backward pass from the output as one pass over memory: grad times a polynomial on the cell that y falls into.

One kernel serves every formula, since cells are data: it depends on the dtype, on how many halvings find a cell, and
on whether the formula turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nonlin.backends.kernels import split
from nonlin.backends.kernels.builtin import Kernel, kernel_at
from nonlin.backends.kernels.link import linked

_NUMBERS = ("high", "low", "sign", "least", "first", "last", "flat_a", "right_a", "flat_b", "right_b")
MOST_FLATS = 2
_COST = 6.0  # nanoseconds an element

# What `torch_cells.py` says in tensors: the coordinate, its cell, the polynomial there, flats.
_TURNED = """
        d = (y - high - low) * sign
        d = select(d < least, least, d)
        right = (int32(table(bits, i >> 3)) >> int32(i & 7)) & int32(1)
        t = real(root(d))
        t = select(right != int32(0), t, -t)
"""
_MONOTONE = """
        right = int32(0)
        t = y
"""
_LOOP = """
def {name}(ys, bits, grads, out, n, lefts, anchors, scales, rows, {numbers}):
    {converted}
    for i in range(n):
        y = real({y})
        {coordinate}
        t = select(t < first, first, t)
        t = select(t > last, last, t)
        j = int32(0)
        {search}
        v = (t - table(anchors, j)) * table(scales, j)
        s = table(rows, j + int32({top}))
        {horner}
        s = select((y == flat_a) & (right == right_a), zero, s)
        s = select((y == flat_b) & (right == right_b), zero, s)
        write(out, i, {store})
"""


def source(name: str, dtype: str, steps: int, degree: int, turned: bool, load: str, store: str) -> str:
    """The loop: `steps` halvings find one of 2^steps cells."""
    size = 1 << steps
    halvings = [
        f"j = j + select(table(lefts, j + int32({1 << k})) <= t, int32({1 << k}), int32(0))"
        for k in reversed(range(steps))
    ]
    horner = [f"s = fma(s, v, table(rows, j + int32({size * k})))" for k in reversed(range(degree))]
    return _LOOP.format(
        name=name,
        numbers=", ".join(f"{n}_" for n in _NUMBERS),
        converted="\n    ".join(
            ["zero = real(0.0)", *(f"{n} = {'int32' if n[:5] == 'right' else 'real'}({n}_)" for n in _NUMBERS)]
        ),
        y=load.format("read(ys, i)"),
        coordinate=(_TURNED if turned else _MONOTONE).strip(),
        search="\n        ".join(halvings),
        top=size * degree,
        horner="\n        ".join(horner),
        store=store.format(f"real({load.format('read(grads, i)')}) * s"),
    )


def _object_code(name: str, dtype: str, steps: int, degree: int, turned: bool) -> tuple[bytes, str]:
    import math

    import numpy as np
    from numba import types

    from nonlin.backends.kernels import disjoint, machine
    from nonlin.backends.kernels.compile import CONVERSIONS, FORMATS, machine_code

    memory, load, save = FORMATS[dtype]
    real: Any = np.float64 if dtype == "float64" else np.float32
    namespace: dict[str, Any] = {n: getattr(machine, n) for n in ("fma", "select", *CONVERSIONS)}
    namespace |= {"real": real, "float32": np.float32, "float64": np.float64, "int32": np.int32}
    namespace |= {"root": math.sqrt, "table": disjoint.table, "read": disjoint.read, "write": disjoint.write}
    text = source(name, dtype, steps, degree, turned, load, save)
    pointer, table = types.CPointer(memory), types.CPointer(types.float64 if real is np.float64 else types.float32)
    bits, numbers = types.CPointer(types.uint8), [types.float64] * len(_NUMBERS)
    signature = types.void(pointer, bits, pointer, pointer, types.int64, table, table, table, table, *numbers)
    return machine_code(text, name, namespace, signature)


@lru_cache(maxsize=256)
def _kernel(dtype: str, steps: int, degree: int, turned: bool) -> Kernel:
    address = linked(
        "cells", [dtype, steps, degree, turned], lambda name: _object_code(name, dtype, steps, degree, turned)
    )
    return kernel_at(address, "ppppn" + "pppp" + "d" * len(_NUMBERS))


def backward(
    dtype: str,
    size: int,
    count: int,
    memory: tuple[int, int, int, int],
    tables: tuple[int, int, int, int],
    shape: tuple[int, int],
    turned: bool,
    numbers: Sequence[float],
) -> None:
    """grad times the slope into out, for `count` elements of `size` bytes.

    `memory`: the addresses of y, the bits, grad and out. `tables`: those of 2^steps lefts (the unused ones infinite),
    anchors and scales, and of degree + 1 rows of as many coefficients, `shape` being (steps, degree). `numbers`: y at
    the turn as a number of that dtype and the rest, its sign, the least distance from it; the limits of t; two flats,
    each with 1.0 if right of the turn, nan for none. The caller keeps all memory alive.
    """
    moves = 8 * size, 1, 8 * size, 8 * size, *[0] * (1 + len(tables) + len(numbers))
    split.run(_kernel(dtype, *shape, turned), moves, (*memory, count, *tables, *numbers), _COST)
