"""A derivative over plain memory: its kernels, each found once, and several threads where they pay.

What a kernel depends on is asked in two steps, formula and order at one time, dtype and parameters at each call, since
to find it by all of them takes longer than its pass over a small array.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import zip_longest
from typing import Any

from nonlin.backends.kernels import pool
from nonlin.backends.kernels.load import Kernel, cost, kernel
from nonlin.language.formula import Formula, Orders

SMALL = 10_000  # elements: fewer are never worth a second thread
_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}  # bytes
_Key = tuple[Any, bool, bool | tuple[bool, ...]]


class Loops(dict[_Key, Kernel]):
    """The compiled loops of one derivative of a formula: `loops[dtype, gradient, kind]`, each made when asked for.

    `dtype` is NumPy's or PyTorch's. With `gradient` the result is multiplied by one. `kind` says of the parameters
    whether they are at their defaults; or where some are arrays, which of them.
    """

    def __init__(self, formula: Formula, orders: Orders):
        super().__init__()
        self.defaults = tuple(float(p.default) for p in formula.parameters)
        self._formula, self._orders = formula, orders
        self._cost = cost(formula, orders)

    def __missing__(self, key: _Key) -> Kernel:
        dtype, gradient, kind = key
        arrays = (False,) * len(self.defaults) if isinstance(kind, bool) else kind
        self[key] = kernel(self._formula, self._orders, _name(dtype), arrays, kind is True, gradient)
        return self[key]

    def run(
        self,
        dtype: Any,
        count: int,
        memory: tuple[int, ...],
        parameters: tuple[Any, ...],
        arrays: tuple[bool, ...] = (),
    ) -> None:
        """One pass: `memory` holds the addresses of x, of the gradient if there is one, and of the result.

        They are contiguous, of `count` elements of the dtype each; the result does not overlap the others. Parameters
        are floats; with `arrays`, which says which, addresses of float64 arrays of as many elements. The caller keeps
        all of it alive.
        """
        kernel = self[dtype, len(memory) == 3, arrays or parameters == self.defaults]
        if count < SMALL:
            kernel.holding(*memory, count, *parameters)
            return
        if not pool.pays(count, self._cost):  # what follows is slow with caches full of the array
            kernel.releasing(*memory, count, *parameters)
            return

        def part(first: int, last: int) -> None:
            own = [p + 8 * first if a else p for p, a in zip_longest(parameters, arrays)]
            kernel.releasing(*(a + size * first for a in memory), last - first, *own)

        size = _SIZES[_name(dtype)]
        pool.run(part, count, self._cost)


def _name(dtype: Any) -> str:
    """float32 for NumPy's dtype of that name as for torch.float32."""
    return str(dtype).rpartition(".")[2]


loops = lru_cache(maxsize=4096)(Loops)
