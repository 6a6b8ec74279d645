"""A kernel over a big array: on as many threads as pay, the waiting ones of PyTorch's OpenMP or those of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nonlin.backends.kernels import openmp, pool
from nonlin.backends.kernels.builtin import Kernel
from nonlin.backends.kernels.openmp import Moves

_SHARE = 10_000.0  # nanoseconds of work for a chunk: OpenMP's threads begin 3 us after they are called


def alone(cost: float) -> int:
    """How many elements are worth a second thread, fewer not."""
    return int(2 * _SHARE / cost)


def run(kernel: Kernel, moves: Moves, values: Sequence[Any], cost: float) -> None:
    """`kernel(*values)` over all elements, whose count is among the values.

    `moves` says how many bits an argument moves by with each element: 32 for an array of float32, 1 for bits, 0 for
    what every element reads. An element takes about `cost` nanoseconds on one thread. Chunks begin at multiples of
    1024. The caller keeps all memory alive.
    """
    place = kernel.arguments.index("n")
    count = values[place]
    if count < alone(cost) or (team := pool.threads()) < 2:
        kernel.call(*values)
        return
    parallel = openmp.runtime()
    if parallel is not None:
        step = max(count / (team * pool.CHUNKS), _SHARE / cost)
        openmp.run(parallel, kernel, moves, values, -int(-step // pool.ALIGNMENT) * pool.ALIGNMENT, team)
        return

    def part(first: int, last: int) -> None:
        own = [v + first * bits // 8 if bits else v for v, bits in zip(values, moves, strict=True)]
        own[place] = last - first
        kernel.call(*own)

    pool.run(part, count, cost)
