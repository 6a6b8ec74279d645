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
    def overflow(self) -> float:
        """From where on a value rounds to infinity."""
        return self.largest + self.top_step / 2

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
        self._form = FORMATS[dtype]
        self._short = np.float64 if dtype == "float64" else np.float32  # what an input is written in
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
        at, got, size = x.astype(np.float64), got.astype(np.float64), np.abs(true)
        with np.errstate(all="ignore"):
            near = _near(at, size, zeros, bend)
            error = _usual(at, got, true, size, tail, near, self._form)
            self._count(error, at)
            rest = np.flatnonzero(error < 0.0)
            if rest.size:
                self._rest(*(a[rest] if a.size else a for a in (at, got, true, tail, near)))
        self.inputs += x.size

    def _rest(self, at: Any, got: Any, true: Any, tail: Any, near: Any) -> None:
        """nan, infinities, subnormal values, results of 0, places near zeros of f'."""
        size, zero = np.abs(true), got == 0.0
        special = np.isnan(at) | np.isnan(true) | (np.isinf(at) & np.isinf(true))  # outside the domain, or a limit
        self._tell(_SPECIAL, special & ~((got == true) | (np.isnan(got) & np.isnan(true))), at)
        off, unit = _unusual(got, true, tail, self._form)
        usual = ~special & ~(zero & (true == 0.0))
        wild = usual & (np.isnan(got) | (np.isinf(got) & (off > _LARGE)))
        self._tell(_NONFINITE, wild, at)
        usual &= ~wild
        self._find(_ABSOLUTE, np.where(usual & near, off * unit, -1.0), at)
        usual &= ~near
        small = usual & (size < self._form.smallest)
        self._tell(_FLUSHED, small & zero & (off > 0.5), at)
        self._find(_STEPS, np.where(small & ~zero, off, -1.0), at)
        normal = usual & ~small
        self._tell(_LOST, normal & zero, at)
        self._count(np.where(normal, off, -1.0), at)

    def _count(self, error: Any, at: Any) -> None:
        """Errors in ulp of normal numbers; -1 is none."""
        self._counts[:3] += [np.count_nonzero(error >= 0.0), *(np.count_nonzero(error > limit) for limit in (1.0, 2.0))]
        self._find(_ULP, error, at)

    def _find(self, kind: int, error: Any, at: Any) -> None:
        most = int(error.argmax())
        if error[most] > self._worst[kind]:
            self._worst[kind], self._worst_at[kind] = error[most], at[most]

    def _tell(self, kind: int, which: Any, at: Any) -> None:
        found = np.flatnonzero(which)
        if found.size:
            self._counts[kind] += found.size
            self._counts_at[kind] = at[found[-1]]

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


def _near(at: Any, size: Any, zeros: Any, bend: Any) -> Any:
    """Where the error counts absolutely."""
    near = size < NEAR * np.abs(bend) if bend.size else np.zeros(at.shape, bool)
    for zero in zeros:
        near |= np.abs(at - zero) < NEAR
    return near


def _usual(at: Any, got: Any, true: Any, size: Any, tail: Any, near: Any, form: Format) -> Any:
    """The errors in ulp where input, result and value are plain numbers and no zero is near, -1 elsewhere."""
    plain = (size >= max(form.smallest, 2.0**-960)) & (size < form.overflow) & ~near
    plain &= np.isfinite(got) & (got != 0.0) & np.isfinite(at)
    half = (1 << (51 - form.digits)) if form.digits < 52 else 0  # of an ulp: the exponent is the rounded value's then
    exponent = (size.view(np.int64) + half) >> 52
    error = (got - true) * ((2046 + form.digits - exponent) << 52).view(np.float64)  # times 2^(digits - exponent)
    if tail.size:
        error -= tail
    return np.where(plain, np.abs(error), -1.0)


def _unusual(got: Any, true: Any, tail: Any, form: Format) -> tuple[Any, Any]:
    """The same for all the others, in units that are told too: beyond the largest number, and subnormal ones."""
    size, infinite, top = np.abs(true), np.isinf(got), form.top_step
    fraction, exponent = np.frexp(size)
    up = fraction >= 1.0 - 2.0 ** -(form.digits + 2)  # it rounds to the next power of two
    unit = np.where(size >= form.smallest, np.ldexp(1.0, exponent + up - 1 - form.digits), form.step)
    off = np.abs((got - true) / unit - (tail if tail.size else 0.0))
    over = infinite & (got * true > 0.0) & (size > form.largest / 2)
    off = np.where(over, (form.largest - size) / top + 1.0, off)
    beyond = np.where(infinite, 0.0, (form.largest - np.abs(got)) / top + 1.0)
    beyond = np.where(got * true < 0.0, (form.largest + np.abs(got)) / top, beyond)
    is_beyond = size >= form.overflow
    return np.where(is_beyond, beyond, off), np.where(is_beyond | over, top, unit)
