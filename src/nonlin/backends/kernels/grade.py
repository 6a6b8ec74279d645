"""The three grades of arithmetic that a kernel is compiled in, and the machine constants of each.

`single` computes in float32; `mixed` in float64, but only to the digits that a float32 result needs, with shorter
polynomials and without care for float64's own underflow; `double` in float64 to all of its digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nonlin.backends.kernels.machine import polynomial


@dataclass(frozen=True)
class Grade:
    """`lift` is K in 2^K exp(-a), which stays a normal number to a = `lowest`, below where results underflow."""

    name: str
    real: Any
    magic: float  # 1.5*2^(mantissa bits): adding it rounds to an integer, which then stands in the low bits
    bias: int
    log2_high: float  # the upper bits of log(2), few enough that their product with an exponent is exact
    log2_low: float
    lift: int
    lowest: float
    highest: float  # exp is infinite from here on, as far as the result's type goes
    flat: float  # 1 + exp(-flat) is 1 with bits to spare
    largest: float  # what intermediate results may grow to, with room for a factor x
    pairs: bool  # whether the argument of an exponential needs what its rounding lost
    # the powers of two of the relative and absolute errors that do not change a result, and small enough for x + exp(x)
    # to be exp(x) where they come
    harmless: tuple[int, int]

    def number(self, value: float) -> Any:
        return self.real(value)

    def polynomial(self, table: dict[str, tuple[float, ...]]) -> Any:
        return polynomial(table[self.name], self.real)


_LOG2 = math.log(2)
_FEW_BITS, _MORE_BITS = 0.693145751953125, 0.6931471803691238  # 15 and 32 bits of log(2)
_FEW = (-30, -151)
SINGLE = Grade(
    "single",
    np.float32,
    1.5 * 2**23,
    127,
    _FEW_BITS,
    1.428606820309417e-06,
    36,
    112.0,
    89.0,
    20.0,
    2.0**120,
    True,
    _FEW,
)
MIXED = Grade("mixed", np.float64, 1.5 * 2**52, 1023, _LOG2, 0.0, 0, 700.0, 700.0, 40.0, 2.0**1000, False, _FEW)
DOUBLE = Grade(
    "double",
    np.float64,
    1.5 * 2**52,
    1023,
    _MORE_BITS,
    1.9082149292705877e-10,
    80,
    760.0,
    710.0,
    40.0,
    2.0**1000,
    True,
    (-66, -1076),
)
GRADES = {g.name: g for g in (SINGLE, MIXED, DOUBLE)}
