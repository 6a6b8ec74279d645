"""CuPy: the printed expression over its namespace, computed where the array lives.

float32 and float64 are kept, float16 is computed in float32, integers become float64. CuPy differentiates nothing,
so there is nothing to attach; `Activation.derivative` gives derivatives as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cupy  # pyright: ignore[reportMissingImports]
import cupyx.scipy.special  # pyright: ignore[reportMissingImports]

from nonlin.backends.printed import expression
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders


class _Ops:
    """CuPy under NumPy's names, and what functions of a whole axis need."""

    exp, expm1, log, log1p, sqrt, tanh = cupy.exp, cupy.expm1, cupy.log, cupy.log1p, cupy.sqrt, cupy.tanh
    sin, cos, tan, arctan, sinh, cosh = cupy.sin, cupy.cos, cupy.tan, cupy.arctan, cupy.sinh, cupy.cosh
    abs, floor, minimum, maximum = cupy.abs, cupy.floor, cupy.minimum, cupy.maximum
    where, cumsum = staticmethod(cupy.where), staticmethod(cupy.cumsum)
    erf = cupyx.scipy.special.erf

    @staticmethod
    def number(condition: Any, x: Any) -> Any:
        return condition.astype(x.dtype)

    @staticmethod
    def sum(x: Any, axis: int) -> Any:
        return x.sum(axis=axis, keepdims=True)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        return x.max(axis=axis, keepdims=True)

    @staticmethod
    def sort_descending(x: Any, axis: int) -> Any:
        return -cupy.sort(-x, axis=axis)

    @staticmethod
    def counting(x: Any, axis: int) -> Any:
        return cupy.cumsum(cupy.ones_like(x), axis=axis)


def evaluate(formula: Formula, orders: Orders, x: Any, parameters: Sequence[Any]) -> Any:
    """The derivative of that order at x, of x's dtype and broadcast with array parameters."""
    x = array(x)
    working = _working(x)
    values = [p if isinstance(p, int | float) else cupy.asarray(p, dtype=working.dtype) for p in parameters]
    result = expression(formula, orders, _Ops)(working, *values)
    shape = cupy.broadcast_shapes(*(getattr(v, "shape", ()) for v in (x, *values)))
    return cupy.broadcast_to(result, shape).astype(x.dtype)  # a derivative may hold no parameter any more


def array(x: Any) -> Any:
    """x as a CuPy array of real floating numbers, or DtypeError."""
    values = cupy.asarray(x)
    if values.dtype.kind in "iub":
        return values.astype(cupy.float64)
    if values.dtype.kind != "f":
        raise DtypeError(f"input that is not of real numbers: dtype {values.dtype}: convert it to float32 or float64")
    return values


def along_axis(name: str, x: Any, axis: int | None) -> Any:
    """A function of a whole axis, computed in float32 at least."""
    working = _working(x)
    if axis is None:
        return FUNCTIONS[name](_Ops, working.reshape(-1), 0).reshape(x.shape).astype(x.dtype, copy=False)
    return FUNCTIONS[name](_Ops, working, axis).astype(x.dtype, copy=False)


def like(result: Any, x: Any) -> Any:
    """The result as it is: CuPy has one kind of array."""
    return result


def _working(x: Any) -> Any:
    return x.astype(cupy.float32) if x.dtype.itemsize < 4 else x
