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
        self._format = FORMATS[dtype]
        # 2^(digits - exponent), by the biased exponent; as two factors, since one could overflow.
        shift = self._format.digits - (np.arange(2048) - 1023)
        self._scales = np.ldexp(1.0, shift // 2), np.ldexp(1.0, shift - shift // 2)
        self._counts = np.zeros(7, np.int64)
        self._counts_at = np.full(7, np.nan)
        self._worst = np.zeros(3)
        self._worst_at = np.full(3, np.nan)
        self.inputs = 0

    def add(self, x: Any, got: Any, true: Any, tail: Any = _NONE, zeros: Any = _NONE, bend: Any = _NONE) -> None:
        """Look at the results for the inputs x, all of them 1-d arrays.

        true: the nearest float64 of the true value; tail: what it lacks, in float64 ulp, if that matters.
        zeros: where the error counts absolutely nearby. bend: f'' where `true` is f', of a function whose zeros
        have no end: then the error counts absolutely where f' is less than NEAR times f''.
        """
        form, counted = self._format, got if got.dtype.itemsize >= 4 else got.astype(np.float32)
        one = ((1 << (52 - form.digits)) >> 1) if form.digits < 52 else 0
        overflow = form.largest + form.top_step / 2
        limits = (form.smallest, form.step, form.largest, form.top_step, overflow)
        place = (*self._scales, one)
        found = (self._counts, self._counts_at, self._worst, self._worst_at)
        _scan(x, counted, true, true.view(np.int64), tail, zeros, bend, limits, place, found)
        self.inputs += x.size

    def summary(self) -> dict[str, Any]:
        """What was found, by the names under which it is recorded."""
        counts, normal = self._counts.tolist(), max(1, int(self._counts[_COUNTED]))
        worst, at = self._worst.tolist(), self._worst_at.tolist()
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
            found |= {name: counts[index], f"{name}_at": float(self._counts_at[index])}
        return found


@njit(error_model="numpy", nogil=True, cache=True)
def _scan(x, got, true, bits, tail, zeros, bend, limits, place, found):  # pyright: ignore
    smallest, step, largest, top_step, overflow = limits
    scale_a, scale_b, one = place
    counts, counts_at, worst, worst_at = found
    for i in range(x.size):
        at, t, r = np.float64(x[i]), true[i], np.float64(got[i])
        size = abs(t)
        if at - at != 0.0 or t != t:  # nan, +-inf, outside the domain
            if not (r == t or (r != r and t != t)):
                counts[_SPECIAL] += 1
                counts_at[_SPECIAL] = at
            continue
        e = ((bits[i] & 0x7FFFFFFFFFFFFFFF) + one) >> 52  # the exponent of the rounded value
        a, b = scale_a[e], scale_b[e]
        if r - r != 0.0 or size >= overflow:
            if size >= overflow:
                error = 0.0 if r == t or abs(r) == np.inf else (largest - abs(r)) / top_step + 1.0
            else:
                error = (largest - size) / top_step + 1.0
            if r != r or r * t < 0.0:
                error = np.inf
            if r - r != 0.0 and not error <= _LARGE:
                counts[_NONFINITE] += 1
                counts_at[_NONFINITE] = at
                continue
            absolute = 0.0
        elif size < smallest:
            error = abs((r - t) / step - (tail[i] if tail.size else 0.0))
            absolute = error * step
        else:
            error = abs((r - t) * a * b - (tail[i] if tail.size else 0.0))
            absolute = error / a / b
            if r == 0.0:
                counts[_LOST] += 1
                counts_at[_LOST] = at
        near = bend.size > 0 and size < NEAR * abs(bend[i])
        for zero in zeros:
            near = near or abs(at - zero) < NEAR
        if near:
            if absolute > worst[_ABSOLUTE]:
                worst[_ABSOLUTE] = absolute
                worst_at[_ABSOLUTE] = at
        elif size < smallest:
            if r == 0.0:
                if error > 0.5:
                    counts[_FLUSHED] += 1
                    counts_at[_FLUSHED] = at
            elif error > worst[_STEPS]:
                worst[_STEPS] = error
                worst_at[_STEPS] = at
        else:
            counts[_COUNTED] += 1
            counts[_ABOVE_1] += error > 1.0
            counts[_ABOVE_2] += error > 2.0
            if error > worst[_ULP]:
                worst[_ULP] = error
                worst_at[_ULP] = at
