"""The inputs at which results are measured: every float, a sample of them, and those where formulas go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.language.atoms import x
from nonlin.language.curve import curve
from nonlin.language.evaluate import exact
from nonlin.samples import curve_of

BLOCK = 1 << 16  # inputs looked at together: what is computed for them stays in the cache
# Where exp, its square, its tail in erfc and what is left of 1 underflow, overflow or round, in float32 and float64.
_EDGES = (0.35, 0.5, 1.0, 4.97, 5.5, 9.01, 13.0, 16.6, 17.33, 20.0, 37.5, 44.4, 87.34, 88.72, 103.97, 709.78, 745.13)
_UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def dtype_of(name: str) -> Any:
    """The dtype of a name; bfloat16 comes from ml_dtypes."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def every(dtype: str, stride: int = 1) -> Iterator[Any]:
    """All floats of a dtype of 16 or 32 bits in the order of their bits, or every so manieth, in blocks."""
    kind = dtype_of(dtype)
    unsigned = _UNSIGNED[kind.itemsize]
    end = 1 << (8 * kind.itemsize)
    steps = np.arange(0, min(BLOCK * stride, end), stride).astype(unsigned)
    for first in range(0, end, BLOCK * stride):
        count = min(BLOCK, (end - first + stride - 1) // stride)
        yield (steps[:count] + unsigned(first)).view(kind)


def hard(activation: Activation, dtype: str) -> Any:
    """Zeros, infinities, nan, subnormals, the largest; powers of two; around kinks, zeros and edges; a grid on +-20."""
    kind = dtype_of(dtype)
    sparse = kind.itemsize == 8  # the reference for float64 is slow
    exponents = np.unique(np.concatenate([np.arange(-160, 130, 4 if sparse else 1), np.arange(-1074, 1024, 25)]))
    places = {*activation.facts.kinks, *breaks(activation), *_EDGES}
    places |= {place for order in (0, 1, 2) for place in zeros(activation, order)}
    with np.errstate(over="ignore", under="ignore"):
        around = _neighbours(np.array(sorted(map(abs, places))).astype(kind), 6 if sparse else 40)
        powers = _neighbours(np.ldexp(1.0, exponents).astype(kind), 1)
        others = np.array(
            [0.0, math.inf, math.nan, np.finfo(np.float64).max, *np.linspace(0, 20, 401 if sparse else 4001)]
        )
        positive = np.concatenate([around, powers, others.astype(kind)])
    return np.unique(np.concatenate([positive, -positive]).view(_UNSIGNED[kind.itemsize])).view(kind)


def sample(activation: Activation, count: int) -> Any:
    """So many float64, the same ones each time: bits at random in float64 and in float32, and where functions bend."""
    random = np.random.default_rng(211)
    fifth = count // 5
    bits = random.integers(0, 1 << 64, fifth, dtype=np.uint64).view(np.float64)
    singles = random.integers(0, 1 << 32, fifth, dtype=np.uint32).view(np.float32).astype(np.float64)
    near = random.uniform(-20, 20, fifth)
    scaled = np.ldexp(random.uniform(-1, 1, fifth), random.integers(-40, 11, fifth))
    places = np.array([*activation.facts.kinks, *breaks(activation), *zeros(activation, 0), *zeros(activation, 1), 0.0])
    rest = count - 4 * fifth
    around = random.choice(places, rest) + np.ldexp(random.uniform(-1, 1, rest), random.integers(-50, 1, rest))
    found = np.concatenate([bits, singles, near, scaled, around])
    return found[np.isfinite(found)]


def breaks(activation: Activation) -> tuple[float, ...]:
    """The places where one expression takes over from another, kinks or not."""
    rule = activation.rule
    numbers = dict(zip(rule.symbols.values(), activation.parameters.values(), strict=True))
    return tuple(float(exact(edge, numbers)) for edge in rule.pieces(rule.orders(1)).breaks)


@lru_cache(maxsize=512)
def zeros(activation: Activation, order: int, at_floats: bool = True) -> tuple[float, ...]:
    """Where a derivative of order 0, 1, 2 passes through 0 or touches it inside a piece; of a wave, the nearest ones.

    Without `at_floats` only those that no float64 number hits.
    """
    f, order = curve_of(activation.rule, tuple(activation.parameters.values()), order)
    found: list[float] = []
    for interval in f.intervals:
        expr = interval.exprs[order]
        places = [float(place) for place in f.crossings(interval, order).places]
        found.extend(place for place in places if at_floats or exact(expr, {x: place}) != 0)
    return tuple(found)


@lru_cache(maxsize=512)
def oscillates(activation: Activation) -> bool:
    """Whether the zeros have no end."""
    return curve(activation.rule, tuple(activation.parameters.values())).oscillates


def _neighbours(values: Any, count: int) -> Any:
    """Numbers >= 0 and so many floats on either side of each, from 0 to inf."""
    unsigned = _UNSIGNED[values.dtype.itemsize]
    bits = values.view(unsigned).astype(np.int64)[:, None] + np.arange(-count, count + 1)
    infinity = int(np.array(math.inf, values.dtype).view(unsigned))
    return bits.clip(0, infinity).ravel().astype(unsigned).view(values.dtype)
