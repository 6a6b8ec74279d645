"""How far results are from the true values, in ulp, collected over as many blocks of inputs as there are.

An ulp is the spacing of the result's dtype at the true value, once that is rounded to the dtype: `numpy.spacing` of
the rounded |true|. Beyond the largest number it goes on, with inf in the place of the next one, so inf is right
where the true value rounds to it, and 1 ulp off where that rounds to the largest number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

NEAR = 0.25  # so close to a zero that f' passes through at no float, its error counts absolutely

_COUNTED, _ABOVE_1, _ABOVE_2, _FLUSHED, _LOST, _NONFINITE, _SPECIAL = range(7)
_ULP, _ABSOLUTE, _STEPS = range(3)
# Of a result that is infinite or not a number: so many ulp are still the rounding error of a very large number.
_LARGE = 8.0


@dataclass(frozen=True)
class Format:
    """A floating dtype: bits after the point, smallest normal, largest number, and the spacings below and above."""

    digits: int
    smallest: float
    largest: float

    @property
    def step(self) -> float:
        """The spacing of the subnormal numbers."""
        return self.smallest * 2.0**-self.digits

    @property
    def top_step(self) -> float:
        """The spacing of the largest numbers."""
        return 2.0 ** (math.frexp(self.largest)[1] - 1 - self.digits)


FORMATS = {
    "float64": Format(52, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Format(23, 2.0**-126, float(np.finfo(np.float32).max)),
    "float16": Format(10, 2.0**-14, 65504.0),
    "bfloat16": Format(7, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
}
_NONE = np.empty(0)


class Errors:
    """The errors of results of one dtype, block after block."""

    def __init__(self, dtype: str):
        form = FORMATS[dtype]
        self._short = np.float64 if form.digits == 52 else np.float32  # what an input is written in
        self._digits = form.digits
        overflow = form.largest + form.top_step / 2
        self._limits = np.array([form.smallest, form.step, form.largest, form.top_step, overflow])
        self._counts = np.zeros(7, np.int64)
        self._counts_at = np.zeros(7)
        self._worst = np.zeros(3)
        self._worst_at = np.zeros(3)
        self.inputs = 0

    def add(self, x: Any, got: Any, true: Any, tail: Any = _NONE, zeros: Any = _NONE, bend: Any = _NONE) -> None:
        """Look at the results for the inputs x, all of them 1-d arrays.

        true: the nearest float64 of the true value; tail: what it lacks, in float64 ulp, if that matters.
        zeros: where the error counts absolutely nearby. bend: f'' where `true` is f', of a function whose zeros
        have no end: then the error counts absolutely where f' is less than NEAR times f''.
        """
        if got.dtype.itemsize < 4:
            x, got = x.astype(np.float32), got.astype(np.float32)
        error = np.empty(x.size)
        both = x, got, true, true.view(np.int64), tail, zeros, bend
        rest, above_1, above_2 = _usual(*both, self._limits, self._digits, error, np.empty(x.size, np.int64))
        self._counts[:3] += x.size - rest, above_1, above_2
        most = int(error.view(np.int64).argmax())  # of numbers >= 0 the order is that of their bits, and -1 is less
        if error[most] > self._worst[_ULP]:
            self._worst[_ULP], self._worst_at[_ULP] = error[most], x[most]
        if rest:
            found = self._counts, self._counts_at, self._worst, self._worst_at
            _unusual(*both, self._limits, self._digits, error, *found)
        self.inputs += x.size

    def summary(self) -> dict[str, Any]:
        """What was found, by the names under which it is recorded; an input is None where there is nothing to find."""
        counts, worst = self._counts.tolist(), self._worst.tolist()
        at = [self._written(*pair) for pair in zip(self._worst_at.tolist(), worst, strict=True)]
        normal = max(1, counts[_COUNTED])
        found: dict[str, Any] = {
            "inputs": self.inputs,
            "ulp": worst[_ULP],
            "ulp_at": at[_ULP],
            "above_1": counts[_ABOVE_1] / normal,
            "above_2": counts[_ABOVE_2] / normal,
            "near_zero": worst[_ABSOLUTE],
            "near_zero_at": at[_ABSOLUTE],
            "subnormal_steps": worst[_STEPS],
            "subnormal_at": at[_STEPS],
        }
        for name, index in (("flushed", _FLUSHED), ("lost", _LOST), ("nonfinite", _NONFINITE), ("special", _SPECIAL)):
            found |= {name: counts[index], f"{name}_at": self._written(self._counts_at[index], counts[index])}
        return found

    def _written(self, place: float, found: float) -> float | str | None:
        """An input with the fewest digits that tell it in its dtype."""
        if not found:
            return None
        short = str(self._short(place))
        return float(short) if math.isfinite(place) else short


@njit(error_model="numpy", nogil=True, cache=True)
def _usual(
    x: Any,
    got: Any,
    true: Any,
    bits: Any,
    tail: Any,
    zeros: Any,
    bend: Any,
    limits: Any,
    digits: Any,
    error: Any,
    scale: Any,
) -> tuple[int, int, int]:
    """The errors in ulp where input, result and value are plain numbers, -1 elsewhere; loops that become vectors."""
    low, high = max(limits[0], 2.0**-960), limits[4]
    rest, above_1, above_2 = 0, 0, 0
    for i in range(x.size):
        t, r, at = true[i], np.float64(got[i]), x[i]
        plain = (low <= abs(t)) & (abs(t) < high) & (r - r == 0.0) & (r != 0.0) & (at - at == 0.0)
        error[i] = r - t if plain else np.nan
    one = (1 << (51 - digits)) if digits < 52 else 0  # half an ulp, which makes the exponent that of the rounded value
    for i in range(x.size):
        e = ((bits[i] & 0x7FFFFFFFFFFFFFFF) + one) >> 52
        scale[i] = (2046 + digits - e) << 52  # the bits of 2^(digits - exponent)
    factor = scale.view(np.float64)
    for i in range(x.size):
        error[i] = error[i] * factor[i]
    for i in range(tail.size):
        error[i] -= tail[i]
    for zero in zeros:
        for i in range(x.size):
            error[i] = np.nan if abs(np.float64(x[i]) - zero) < NEAR else error[i]
    for i in range(bend.size):
        error[i] = np.nan if abs(true[i]) < NEAR * abs(bend[i]) else error[i]
    for i in range(x.size):
        size = abs(error[i])
        rest += 0 if size == size else 1
        above_1 += 1 if size > 1.0 else 0
        above_2 += 1 if size > 2.0 else 0
        error[i] = size if size == size else -1.0
    return rest, above_1, above_2


@njit(error_model="numpy", nogil=True, cache=True)
def _unusual(
    x: Any,
    got: Any,
    true: Any,
    bits: Any,
    tail: Any,
    zeros: Any,
    bend: Any,
    limits: Any,
    digits: Any,
    error: Any,
    counts: Any,
    counts_at: Any,
    worst: Any,
    worst_at: Any,
) -> None:
    """What `_usual` left: nan, infinities, subnormal values, results of 0, places near zeros of f'."""
    smallest, step, largest, top_step, overflow = limits
    for i in range(x.size):
        if error[i] >= 0.0:
            continue
        at, t, r = np.float64(x[i]), true[i], np.float64(got[i])
        size = abs(t)
        if at != at or t != t or (at - at != 0.0 and abs(t) == np.inf):  # nan, outside the domain, an infinite limit
            if not (r == t or (r != r and t != t)):
                counts[_SPECIAL] += 1
                counts_at[_SPECIAL] = at
            continue
        if t == 0.0 and r == 0.0:
            continue
        unit = step
        if size >= overflow:
            unit = top_step
            off = 0.0 if abs(r) == np.inf else (largest - abs(r)) / unit + 1.0
            off = (largest + abs(r)) / unit if r * t < 0.0 else off
        elif abs(r) == np.inf and r * t > 0.0 and size > largest / 2:
            unit = top_step
            off = (largest - size) / unit + 1.0
        else:
            if size >= smallest:
                fraction, exponent = math.frexp(size)
                up = 1 if fraction >= 1.0 - 2.0 ** -(digits + 2) else 0  # it rounds to the next power of two
                unit = math.ldexp(1.0, exponent + up - 1 - digits)
            off = abs((r - t) / unit - (tail[i] if tail.size else 0.0))
        if r != r or (abs(r) == np.inf and off > _LARGE):
            counts[_NONFINITE] += 1
            counts_at[_NONFINITE] = at
            continue
        near = bend.size > 0 and size < NEAR * abs(bend[i])
        for zero in zeros:
            near = near or abs(at - zero) < NEAR
        kind = _ABSOLUTE if near else _STEPS if size < smallest else _ULP
        if kind == _ABSOLUTE:
            off *= unit
        elif kind == _ULP:
            counts[_COUNTED] += 1
            counts[_ABOVE_1] += 1 if off > 1.0 else 0
            counts[_ABOVE_2] += 1 if off > 2.0 else 0
            if r == 0.0:
                counts[_LOST] += 1
                counts_at[_LOST] = at
        elif r == 0.0:
            if off > 0.5:
                counts[_FLUSHED] += 1
                counts_at[_FLUSHED] = at
            continue
        if off > worst[kind]:
            worst[kind] = off
            worst_at[kind] = at
