"""Whether float32 arithmetic is exact enough for a formula: its kernel is tried against one in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from nonlin.language.atoms import OF_NORMAL
from nonlin.language.formula import Formula, Orders

# A part of all floats finds less than all of them would: the limits lie below the promised 3 ulp (4 with the normal
# distribution, whose exponent is a square) for f, and 5 ulp for f'.
_LIMITS = {0: 2.8, 1: 4.7}
_LIMIT_OF_NORMAL = 3.9
# For a result of half precision: 2^-13 of its own ulp, so that it is still off by no more than 0.51 of one.
_LIMIT_OF_HALF = 64.0
_NEAR_ZERO = 1e-7  # promised: 1.2e-7 within 0.25 of an interior zero of f'
_STEPS = 1.4  # promised: subnormal results off by 1.5 steps, or 0
_NORMAL = np.finfo(np.float32).smallest_normal


@lru_cache(maxsize=1)
def _points() -> Any:
    """Every 20011th float32, and a fine grid where functions bend."""
    bits = np.arange(0, 2**32, 20011, dtype=np.uint64).astype(np.uint32)
    floats = bits.view(np.float32)
    grid = np.linspace(-20, 20, 400_001, dtype=np.float32)
    tails = np.linspace(-110, 110, 200_001, dtype=np.float32)
    points = np.concatenate([floats[np.isfinite(floats)], grid, tails])
    return np.ascontiguousarray(points)


def tried(formula: Formula, orders: Orders, linked: Callable[..., Any], default: bool, half: bool) -> bool:
    """Whether float32 is exact enough for its own results, or for those of half precision.

    At the default parameters, which then are part of the code, or at others too.
    """
    limit = _LIMIT_OF_HALF if half else _limit(formula, orders)
    steps = limit if half else _STEPS
    arrays = (False,) * len(formula.parameters)
    single, double = (linked(formula, orders, t, g, arrays, default=default).call for t, g in _GRADES)

    def computed(x: Any) -> tuple[Any, Any]:
        wide = x.astype(np.float64)
        result, truth = np.empty_like(x), np.empty_like(wide)
        single(x.ctypes.data, result.ctypes.data, x.size, *numbers)
        double(wide.ctypes.data, truth.ctypes.data, x.size, *numbers)
        return result, truth

    for values in formula.samples[: 1 if default else None]:
        numbers = [float(v) for v in values.values()]
        result, truth = computed(x := _points())
        if not _within(x, result, truth, sum(orders), limit, steps):
            return False
        for more in _vanishing(x, truth):
            if not _within(more, *computed(more), sum(orders), limit, steps):
                return False
    return True


def _vanishing(x: Any, truth: Any) -> Iterator[Any]:
    """Many floats more from where results become subnormal, on either side: every 20011th would be some hundreds."""
    small = (np.abs(truth) > _NORMAL / 4) & (np.abs(truth) < _NORMAL)
    for side in (x < 0, x > 0):
        bits = x[small & side].view(np.int32)
        if bits.size:
            yield np.linspace(bits.min(), bits.max(), 200_001).astype(np.int32).view(np.float32)


_GRADES = (("float32", "single"), ("float64", "mixed"))


def _limit(formula: Formula, orders: Orders) -> float:
    normal = not sum(orders) and formula.expr.has(*OF_NORMAL)
    return _LIMIT_OF_NORMAL if normal else _LIMITS[sum(orders)]


def _within(x: Any, result: Any, truth: Any, order: int, limit: float, steps: float) -> bool:
    with np.errstate(all="ignore"):
        rounded = truth.astype(np.float32)
        error = np.abs(result - truth)
        step = np.spacing(np.maximum(np.abs(rounded), _NORMAL)).astype(np.float64)
        right = (result == rounded) | (np.isnan(result) & np.isnan(rounded))
        allowed = np.where(np.abs(truth) < _NORMAL, steps, limit)
        right |= (error <= allowed * step) | ((result == 0) & (np.abs(truth) < _NORMAL))
        if order:
            right |= (error <= _NEAR_ZERO) & _beside_zeros(x, truth)
        return bool(right.all())


def _beside_zeros(x: Any, truth: Any) -> Any:
    """Where x is within 0.249 of a change of sign of the true values."""
    order = np.argsort(x)
    ordered = truth[order]
    changes = x[order][:-1][ordered[:-1] * ordered[1:] < 0]
    beside = np.zeros(x.shape, dtype=bool)
    for zero in changes[:64]:
        beside |= np.abs(x - zero) < 0.249
    return beside
