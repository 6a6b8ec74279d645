"""The backward pass from the output as one pass over memory: grad times a polynomial on the cell that y falls into.

One kernel serves every formula, since cells are data: it depends on the dtype, on how many halvings find a cell, and
on whether the formula turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from nonlin.backends.kernels import split
from nonlin.backends.kernels.builtin import Kernel, kernel_at
from nonlin.backends.kernels.link import linked
from nonlin.backends.kernels.loops import Function
from nonlin.backends.kernels.machine import fma, select, sqrt
from nonlin.backends.kernels.values import Value, constant

_NUMBERS = ("high", "low", "sign", "least", "first", "last", "flat_a", "right_a", "flat_b", "right_b")
_LETTERS = "ppppn" + "pppp" + "d" * len(_NUMBERS)
MOST_FLATS = 2
_COST = 6.0  # nanoseconds an element


def _written(name: str, dtype: str, steps: int, degree: int, turned: bool) -> str:
    """What `torch_cells.py` says in tensors: the coordinate, its cell, the polynomial there, flats."""
    real = "float64" if dtype == "float64" else "float32"
    kernel = Function(name, _LETTERS)
    ys, grads, out = (kernel.memory(i, dtype, apart=False) for i in (0, 2, 3))
    bits = kernel.memory(1, "uint8", apart=True)
    lefts, anchors, scales, rows = (kernel.memory(i, real, apart=True) for i in range(5, 9))
    high, low, sign, least, first, last, flat_a, right_a, flat_b, right_b = (
        kernel.number(i).to(real) for i in range(9, 9 + len(_NUMBERS))
    )

    def coordinate(y: Value, i: Value) -> tuple[Value, Value]:
        """Where y stands on the axis of the cells, and 1.0 if it is right of the turn."""
        if not turned:
            return y, y.like(0.0)
        d = (y - high - low) * sign
        right = (bits[i >> 3].to("int32") >> (i & 7).to("int32")) & 1
        t = sqrt(select(d < least, least, d))
        return select(right != 0, t, -t), right.to(real)

    def element(i: Value) -> None:
        y = ys[i].to(real)
        t, right = coordinate(y, i)
        t = select(t < first, first, t)
        t = select(t > last, last, t)
        j = constant(kernel.builder, 0, "int32")
        for k in reversed(range(steps)):  # halvings find one of 2^steps cells
            j = j + select(lefts[j + (1 << k)] <= t, j.like(1 << k), j.like(0))
        v = (t - anchors[j]) * scales[j]
        size = 1 << steps
        s = rows[j + size * degree]
        for k in reversed(range(degree)):
            s = fma(s, v, rows[j + size * k])
        for flat, side in ((flat_a, right_a), (flat_b, right_b)):
            s = select((y == flat) & (right == side), s.like(0.0), s)
        out[i] = grads[i].to(real) * s

    kernel.each(element)
    return kernel.text()


@lru_cache(maxsize=256)
def _kernel(dtype: str, steps: int, degree: int, turned: bool) -> Kernel:
    address = linked("cells", [dtype, steps, degree, turned], lambda name: _written(name, dtype, steps, degree, turned))
    return kernel_at(address, _LETTERS)


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
