"""NumPy: compiled loops with the manners of a ufunc.

Scalars and lists as well as arrays; float16, bfloat16, float32 and float64 keep their dtype; integers become
float64, unless the formula only ever selects x or an integer constant, as a ramp does; `out=`, `where=`, any
strides, broadcasting against array parameters; a pandas Series or DataFrame comes back as one.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from nonlin.backends.kernels.pool import threads
from nonlin.backends.memory import Calls, loops
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders

_COMPUTED = (np.dtype(np.float32), np.dtype(np.float64))


def evaluate(
    formula: Formula,
    orders: Orders,
    x: Any,
    parameters: Sequence[Any],
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
) -> Any:
    """The derivative of that order at x: an array of x's shape, or a scalar where x is one.

    `out` receives the result and is returned; where `where` is False, `out` keeps what it held. Without `out`
    those places are 0. `dtype` is that of the result, by default x's own. Raises DtypeError for complex,
    object, string and time input.
    """
    if _is_pandas(x):
        return _as_pandas(evaluate(formula, orders, x.to_numpy(), parameters, where=where, dtype=dtype), x)
    values = _real_values(x, dtype)
    plain = tuple([p if type(p) is float else _parameter(p) for p in parameters])
    result = None
    if values.dtype not in _COMPUTED and values.dtype.kind in "iub" and not any(orders):
        result = _selected(formula, values, plain)
    if result is None:
        result = _computed(formula, orders, values, plain, out if where is True else None)
    return result if result is out else _delivered(result, x, out, where)


class Bound:
    """`evaluate` at parameters that are numbers, as a function of x: whole arrays of floats are found beforehand."""

    def __init__(self, formula: Formula, orders: Orders, parameters: tuple[float, ...]):
        self._formula, self._orders, self._parameters = formula, orders, parameters
        self._loops = loops(formula, orders)
        self._calls = Calls(self._loops, False, parameters)

    def __call__(self, x: Any) -> Any:
        if type(x) is np.ndarray and x.dtype in _COMPUTED and x.flags.carray and x.ndim and x.size:
            result, count = np.empty(x.shape, x.dtype), x.size
            memory = _address(x), _address(result)
            if count < self._loops.alone or threads() < 2:
                self._calls[x.dtype](*memory, count)
            else:
                self._loops.run(x.dtype, count, memory, self._parameters)
            return result
        return evaluate(self._formula, self._orders, x, self._parameters)


def _parameter(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)


def _computed(formula: Formula, orders: Orders, values: Any, parameters: tuple[Any, ...], out: Any) -> Any:
    """The result, in `out` itself where the loop can write there."""
    dtype = np.dtype(np.float64) if values.dtype.kind in "iub" else values.dtype
    shape, arrays = values.shape, ()
    if any(type(p) is not float for p in parameters):
        shape = np.broadcast_shapes(shape, *map(np.shape, parameters))
        arrays = tuple([type(p) is not float for p in parameters])
    # What the addresses are of is named, which keeps it alive.
    inputs = [_flat(values, shape, dtype)]
    inputs += [_flat(p, shape, np.dtype(np.float64)) for p in parameters if type(p) is not float]
    result = out if out is not None and _receives(out, shape, dtype, inputs) else np.empty(shape, dtype)
    addresses = map(_address, inputs)
    memory = next(addresses), _address(result)
    numbers = tuple([p if type(p) is float else next(addresses) for p in parameters]) if arrays else parameters
    loops(formula, orders).run(dtype, result.size, memory, numbers, arrays)
    return result


def _flat(array: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The array as memory that a loop can read: of that shape and dtype, without gaps, in place."""
    flat = np.ascontiguousarray(array if array.shape == shape else np.broadcast_to(array, shape), dtype=dtype)
    return flat if flat.flags.aligned else flat.copy()


def _receives(out: Any, shape: tuple[int, ...], dtype: Any, inputs: Sequence[Any]) -> bool:
    """Whether a loop that reads the inputs can write into `out`; it must not overwrite what it has yet to read."""
    return (
        type(out) is np.ndarray
        and out.dtype == dtype
        and out.shape == shape
        and out.flags.carray
        and not any(np.may_share_memory(out, a) for a in inputs)
    )


def _address(array: Any) -> int:
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # several times as fast as what follows
    except (TypeError, ValueError):  # read-only, empty, or of a dtype that the buffer protocol does not have
        return array.__array_interface__["data"][0]


def _real_values(x: Any, dtype: Any) -> Any:
    """x as an array of real numbers in the machine's byte order, or DtypeError."""
    if isinstance(x, int) and abs(x) >= 2**63:
        x = float(x)
    values = np.asarray(x) if dtype is None else np.asarray(x).astype(dtype, copy=False)
    if values.dtype in _COMPUTED:
        return values
    kind = values.dtype.kind
    if kind in "iub" or (kind == "f" and values.dtype.itemsize <= 8) or values.dtype.name == "bfloat16":
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    shown = repr(x) if values.ndim == 0 else f"dtype {values.dtype}"
    raise DtypeError(f"input that is not of real numbers: {shown}: convert it to float32 or float64")


def _selected(formula: Formula, values: Any, parameters: Sequence[Any]) -> Any:
    """The integer result of a formula whose pieces are x itself or an integer constant, else None."""
    from nonlin.backends.selection import selection  # which loads SymPy

    chosen = selection(formula, parameters)
    integers = np.dtype(np.int64) if values.dtype.kind == "b" else values.dtype
    limits = np.iinfo(integers)
    if chosen is None or not all(v is None or limits.min <= v <= limits.max for v in chosen.values):
        return None
    choices = [values.astype(integers, copy=False) if v is None else integers.type(v) for v in chosen.values]
    tests = [chosen.is_left(values, i) for i in range(len(chosen.edges))]
    return np.select(tests, choices[:-1], choices[-1]) if tests else np.broadcast_to(choices[0], values.shape).copy()


def _delivered(result: Any, x: Any, out: Any, where: Any) -> Any:
    if out is not None:
        if not np.can_cast(result.dtype, out.dtype, casting="same_kind"):
            raise DtypeError(f"out cannot hold {result.dtype}: {out.dtype}: pass an array of the result's dtype")
        np.copyto(out, result, where=where)
        return out
    if where is not True:
        result = np.where(where, result, np.zeros((), dtype=result.dtype))
    if result.ndim or np.ndim(x):
        return result
    return result.item() if isinstance(x, int | float) and not isinstance(x, np.generic) else result[()]


def _is_pandas(x: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(x, pandas.Series | pandas.DataFrame)


def _as_pandas(result: Any, x: Any) -> Any:
    axes = {"name": x.name} if x.ndim == 1 else {"columns": x.columns}
    return type(x)(result, index=x.index, **axes)


# Functions of a whole axis ----------------------------------------------------------------------------------------


class _Ops:
    exp, log = staticmethod(np.exp), staticmethod(np.log)
    where, cumsum = staticmethod(np.where), staticmethod(np.cumsum)

    @staticmethod
    def number(condition: Any, x: Any) -> Any:
        return condition.astype(x.dtype)

    @staticmethod
    def sum(x: Any, axis: int) -> Any:
        return np.sum(x, axis=axis, keepdims=True)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        return np.max(x, axis=axis, keepdims=True, initial=-np.inf)

    @staticmethod
    def sort_descending(x: Any, axis: int) -> Any:
        return -np.sort(-x, axis=axis)

    @staticmethod
    def counting(x: Any, axis: int) -> Any:
        shape = [1] * x.ndim
        shape[axis] = -1
        return np.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape(shape)


def array(x: Any) -> Any:
    """x as a NumPy array of real floating numbers."""
    values = _real_values(x.to_numpy() if _is_pandas(x) else x, None)
    return values.astype(np.float64) if values.dtype.kind in "iub" else values


def along_axis(name: str, x: Any, axis: int | None) -> Any:
    """A function of a whole axis, computed in float32 at least."""
    working = x.astype(x.dtype if x.dtype in _COMPUTED else np.float32, copy=False)
    with np.errstate(all="ignore"):
        if axis is None:
            result = FUNCTIONS[name](_Ops, working.reshape(-1), 0).reshape(x.shape)
        else:
            result = FUNCTIONS[name](_Ops, working, axis)
        return result.astype(x.dtype, copy=False)


def like(result: Any, x: Any) -> Any:
    """The result as the pandas object that x is."""
    return _as_pandas(result, x) if _is_pandas(x) else result
