"""A derivative over plain memory: its kernels, each found once, and several threads where they pay.

What a kernel depends on is asked in two steps, formula and order at one time, dtype and parameters at each call, since
to find it by all of them takes longer than its pass over a small array.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nonlin.backends.kernels import pool
from nonlin.backends.kernels.load import Kernel, cost, kernel
from nonlin.language.formula import Formula, Orders

_SMALL = 10_000  # elements: fewer are never worth a second thread
_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}  # bytes


class Loops:
    """The compiled loops of one derivative of a formula."""

    def __init__(self, formula: Formula, orders: Orders):
        self._formula, self._orders = formula, orders
        self._cost = cost(formula, orders)
        self._defaults = tuple(float(p.default) for p in formula.parameters)
        self._kernels: dict[tuple[str, int, bool | tuple[bool, ...]], Kernel] = {}

    def run(
        self,
        dtype: str,
        count: int,
        memory: tuple[int, ...],
        parameters: tuple[Any, ...],
        arrays: tuple[bool, ...] = (),
    ) -> None:
        """One pass: `memory` holds the addresses of x, of the gradient if there is one, and of the result.

        They are contiguous, of `count` elements each; the result does not overlap the others. Parameters are floats;
        with `arrays`, which says which, addresses of float64 arrays of as many elements. The caller keeps it all alive.
        """
        key = dtype, len(memory), arrays or parameters == self._defaults
        call = self._kernels.get(key)
        if call is None:
            call = self._kernels[key] = self._kernel(*key)
        if count < _SMALL:
            call(*memory, count, *parameters)
        else:
            self._split(call, _SIZES[dtype], count, memory, parameters, arrays or (False,) * len(parameters))

    def _kernel(self, dtype: str, places: int, kind: bool | tuple[bool, ...]) -> Kernel:
        default = kind is True
        arrays = (False,) * len(self._defaults) if isinstance(kind, bool) else kind
        return kernel(self._formula, self._orders, dtype, arrays, default, places == 3)

    def _split(
        self,
        call: Kernel,
        size: int,
        count: int,
        memory: Sequence[int],
        parameters: Sequence[Any],
        arrays: Sequence[bool],
    ) -> None:
        def part(first: int, last: int) -> None:
            own = [p + 8 * first if a else p for p, a in zip(parameters, arrays, strict=True)]
            call(*(a + size * first for a in memory), last - first, *own)

        pool.run(part, count, self._cost)


loops = lru_cache(maxsize=4096)(Loops)
