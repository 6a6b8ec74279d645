"""JAX: one `custom_jvp` a formula and order, whose rule multiplies by the same operation of the next order.

So every derivative is ours, to any order and by array parameters too, under jit, vmap, grad, jvp, scan, checkpoint.
float32 and float64 are kept, float16 and bfloat16 are computed in float32 and rounded once, integers become JAX's
default float. Parameters that are Python numbers stay weakly typed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
from jax.custom_derivatives import SymbolicZero

from nonlin.backends.printed import expression
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders

_COMPUTED = (jnp.float32, jnp.float64)


class _Ops:
    """JAX under NumPy's names, and what functions of a whole axis need."""

    exp, expm1, log, log1p, sqrt, tanh = jnp.exp, jnp.expm1, jnp.log, jnp.log1p, jnp.sqrt, jnp.tanh
    sin, cos, tan, arctan, sinh, cosh = jnp.sin, jnp.cos, jnp.tan, jnp.arctan, jnp.sinh, jnp.cosh
    abs, floor, where, minimum, maximum = jnp.abs, jnp.floor, jnp.where, jnp.minimum, jnp.maximum
    erf, cumsum = jax.scipy.special.erf, jnp.cumsum

    @staticmethod
    def number(condition: Any, x: Any) -> Any:
        return condition.astype(x.dtype)

    @staticmethod
    def sum(x: Any, axis: int) -> Any:
        return jnp.sum(x, axis=axis, keepdims=True)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        return jnp.max(x, axis=axis, keepdims=True, initial=-jnp.inf)

    @staticmethod
    def sort_descending(x: Any, axis: int) -> Any:
        return jnp.sort(x, axis=axis, descending=True)

    @staticmethod
    def counting(x: Any, axis: int) -> Any:
        shape = [1] * x.ndim
        shape[axis] = -1
        return jnp.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape(shape)


@lru_cache(maxsize=1024)
def operation(formula: Formula, orders: Orders) -> Callable[..., Any]:
    """The derivative of that order as a function of x and the parameters, differentiable by each of them."""
    printed = expression(formula, orders, _Ops)

    @jax.custom_jvp
    def f(*values: Any) -> Any:
        shape = jnp.broadcast_shapes(*map(jnp.shape, values))
        return jnp.broadcast_to(printed(*values), shape)  # a derivative may hold no parameter any more

    def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = f(*primals)
        total: Any = None
        for i, tangent in enumerate(tangents):
            if isinstance(tangent, SymbolicZero):
                continue  # a constant: its derivative is not needed, and a higher one might not exist
            raised = tuple(n + (i == j) for j, n in enumerate(orders))
            term = operation(formula, raised)(*primals) * tangent
            total = term if total is None else total + term
        total = jnp.zeros_like(result) if total is None else total
        return result, total.astype(result.dtype)

    f.defjvp(rule, symbolic_zeros=True)
    # compiled as one loop, also outside of the user's own jit, in which it dissolves
    return jax.jit(f, inline=True)


def evaluate(formula: Formula, orders: Orders, x: Any, parameters: Sequence[Any]) -> Any:
    """The derivative of that order at x, of x's dtype and broadcast with array parameters."""
    x = array(x)
    working = _working(x)
    values = [p if isinstance(p, int | float) else jnp.asarray(p).astype(working.dtype) for p in parameters]
    return _as(operation(formula, orders)(working, *values), x.dtype)


def array(x: Any) -> Any:
    """x as a JAX array of real floating numbers, or DtypeError."""
    values = jnp.asarray(x)
    if jnp.issubdtype(values.dtype, jnp.floating):
        return values
    if jnp.issubdtype(values.dtype, jnp.integer) or values.dtype == jnp.bool_:
        return values.astype(float)
    raise DtypeError(f"input that is not of real numbers: dtype {values.dtype}: convert it to float32")


def along_axis(name: str, x: Any, axis: int | None) -> Any:
    """A function of a whole axis, computed in float32 at least."""
    working = _working(x)
    if axis is None:
        return _as(FUNCTIONS[name](_Ops, working.reshape(-1), 0).reshape(x.shape), x.dtype)
    return _as(FUNCTIONS[name](_Ops, working, axis), x.dtype)


def like(result: Any, x: Any) -> Any:
    """The result as it is: JAX has one kind of array."""
    return result


def _working(x: Any) -> Any:
    return x if x.dtype in _COMPUTED else x.astype(jnp.float32)


def _as(result: Any, dtype: Any) -> Any:
    return result if result.dtype == dtype else result.astype(dtype)  # astype would end a weak type
