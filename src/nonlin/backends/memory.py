"""A derivative over plain memory: its kernels, each found once, and several threads where they pay.

What a kernel depends on is asked in two steps, formula and order at one time, dtype and parameters at each call, since
to find it by all of them takes longer than its pass over a small array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nonlin.backends.kernels import split
from nonlin.backends.kernels.builtin import Kernel
from nonlin.backends.kernels.load import cost, kernel
from nonlin.backends.kernels.openmp import Moves
from nonlin.language.formula import Formula, Orders

_BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}
_Key = tuple[Any, bool, bool | tuple[bool, ...]]


class Loops(dict[_Key, tuple[Kernel, Moves]]):
    """The compiled loops of one derivative of a formula: `loops[dtype, gradient, kind]`, each made when asked for,
    and by how many bits its arguments move with each element.

    `dtype` is NumPy's or PyTorch's. With `gradient` the result is multiplied by one. `kind` says of the parameters
    whether they are at their defaults; or where some are arrays, which of them.
    """

    def __init__(self, formula: Formula, orders: Orders):
        super().__init__()
        self.defaults = tuple(float(p.default) for p in formula.parameters)
        self._formula, self._orders = formula, orders
        self._cost = cost(formula, orders)
        self.alone = split.alone(self._cost)

    def __missing__(self, key: _Key) -> tuple[Kernel, Moves]:
        dtype, gradient, kind = key
        name = str(dtype).rpartition(".")[2]  # float32 for NumPy's dtype of that name as for torch.float32
        arrays = (False,) * len(self.defaults) if isinstance(kind, bool) else kind
        found = kernel(self._formula, self._orders, name, arrays, kind is True, gradient)
        self[key] = found, (*[_BITS[name]] * (2 + gradient), 0, *[64 * array for array in arrays])
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
        kernel, moves = self[dtype, len(memory) == 3, arrays or parameters == self.defaults]
        split.run(kernel, moves, (*memory, count, *parameters), self._cost)


class Calls(dict[Any, Callable[..., None]]):
    """What `Loops.run` calls for one thread, by dtype: to find it at each call takes as long as a small array."""

    def __init__(self, loops: Loops, gradient: bool, parameters: tuple[float, ...]):
        super().__init__()
        self._found = loops, gradient, parameters

    def __missing__(self, dtype: Any) -> Callable[..., None]:
        loops, gradient, parameters = self._found
        kernel, _ = loops[dtype, gradient, parameters == loops.defaults]
        self[dtype] = kernel.bound(parameters)
        return self[dtype]


loops = lru_cache(maxsize=4096)(Loops)
