"""The kernels of a formula: compiled for a derivative and a dtype, and chosen by how exact they are."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nonlin.backends.kernels import store
from nonlin.backends.kernels.builtin import Kernel, kernel_at
from nonlin.backends.kernels.link import key_of, linked
from nonlin.language.formula import Formula, Orders


def _described(formula: Formula, orders: Orders) -> list[Any]:
    parameters = [[p.name, p.default, p.constraint] for p in formula.parameters]
    return [formula.text, parameters, formula.kinks, list(orders)]


@lru_cache(maxsize=4096)
def kernel(
    formula: Formula, orders: Orders, dtype: str, arrays: tuple[bool, ...], default: bool, gradient: bool = False
) -> Kernel:
    """`kernel(x, [grad,] out, n, *parameters)`, with addresses of contiguous memory; not to be run in place.

    `dtype` is float32, float64, float16 or bfloat16; parameters are numbers, or addresses of float64 arrays of n
    elements where `arrays` says so; `default` says whether they all have their default values. With `gradient` the
    result is grad times the derivative.
    """
    formula, orders = formula.reduced(orders)
    grade = "double" if dtype == "float64" else "single" if is_exact(formula, orders, default) else "mixed"
    return _linked(formula, orders, dtype, grade, arrays, gradient, default)


@lru_cache(maxsize=4096)
def _linked(
    formula: Formula,
    orders: Orders,
    dtype: str,
    grade: str,
    arrays: tuple[bool, ...],
    gradient: bool = False,
    default: bool = False,
) -> Kernel:
    def source(name: str) -> str:
        from nonlin.backends.kernels.text import written  # a process whose kernels are kept needs none of it

        return written(name, formula, orders, dtype, grade, arrays, gradient, default)

    parts = [*_described(formula, orders), dtype, grade, list(arrays), gradient, default]
    letters = "pp" + "p" * gradient + "n" + "".join("p" if array else "d" for array in arrays)
    return kernel_at(linked("kernel", parts, source), letters)


@lru_cache(maxsize=4096)
def cost(formula: Formula, orders: Orders) -> float:
    """About how many nanoseconds an element takes on one thread: enough to say whether a second one pays."""
    formula, orders = formula.reduced(orders)
    return 0.1 if _is_ramp(formula) else 0.4 * (1 + sum(orders))


def _is_ramp(formula: Formula) -> bool:
    return "(" not in formula.text.replace("max(", "").replace("min(", "").replace("abs(", "")


@lru_cache(maxsize=4096)
def is_exact(formula: Formula, orders: Orders, default: bool, half: bool = False) -> bool:
    """Whether float32 arithmetic keeps the promise, or that for half precision, as tried once here: see `trial.py`."""
    formula, orders = formula.reduced(orders)
    if sum(orders) > 1 or sum(orders[1:]):
        return False
    key = key_of("exact", *_described(formula, orders), default, half)
    kept = store.load(key)
    if kept is not None:
        return kept == b"exact"
    from nonlin.backends.kernels.trial import tried

    exact = tried(formula, orders, _linked, default, half)
    store.save(key, b"exact" if exact else b"not exact")
    return exact
