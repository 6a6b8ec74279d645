"""sin, cos, tan and atan.

The argument is reduced to |r| <= pi/4 by multiples of pi/2, which is cut in three so that their products with a
multiple are exact as long as |u| <= `FAR`; beyond it `compile.py` computes element by element with the C library, whose
reduction holds for every number. In float32 the reduction is that of float64: r must be right where sin(r) is near 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nonlin.backends.kernels.coefficients import ATAN, COS, SIN
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import copysign, fma, inline, low_bit, select

FAR = 1e5
# pi/2 in pieces of 33 bits; multiples up to 2^20 of the first two are exact
_PI_HIGH, _PI_MIDDLE, _PI_LOW = 1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21
_MAGIC = 1.5 * 2**52


def functions(g: Grade) -> dict[str, Any]:
    number, real = g.number, g.real
    sine, cosine, arc = g.polynomial(SIN), g.polynomial(COS), g.polynomial(ATAN)
    half, one = number(0.5), number(1.0)
    magic, two_over_pi, wide = np.float64(_MAGIC), np.float64(2 / math.pi), np.float64
    high, middle, low = np.float64(-_PI_HIGH), np.float64(-_PI_MIDDLE), np.float64(-_PI_LOW)
    eighth, quarter_pi, half_pi = number(math.tan(math.pi / 8)), number(math.pi / 4), number(math.pi / 2)
    quarter_low, half_low = number(_PI_4_LOW[g.name]), number(2 * _PI_4_LOW[g.name])
    top = number(math.tan(3 * math.pi / 8))

    @inline
    def reduced(u: Any) -> Any:
        """r and what its rounding lost, and the number whose low bits say which quarter."""
        x = wide(u)
        t = fma(x, two_over_pi, magic)
        n = t - magic
        a = fma(n, middle, fma(n, high, x))
        b = n * low
        r = a + b
        return real(r), real((a - r) + b), t

    @inline
    def sin_near(r: Any, d: Any) -> Any:
        z = r * r
        return r + fma(r * z, sine(z), d)

    @inline
    def cos_near(r: Any, d: Any) -> Any:
        z = r * r
        h = half * z
        w = one - h
        return w + (((one - w) - h) + fma(z * z, cosine(z), -r * d))

    @inline
    def turned(u: Any, quarter: Any) -> Any:
        r, d, t = reduced(u)
        s, c = sin_near(r, d), cos_near(r, d)
        t = t + wide(quarter)
        y = select(low_bit(t, 0), c, s)
        return select(low_bit(t, 1), -y, y)

    @inline
    def sin(u: Any) -> Any:
        return turned(u, 0.0)

    @inline
    def cos(u: Any) -> Any:
        return turned(u, 1.0)

    @inline
    def tan(u: Any) -> Any:
        r, d, t = reduced(u)
        s, c = sin_near(r, d), cos_near(r, d)
        odd = low_bit(t, 0)
        return select(odd, -c, s) / select(odd, s, c)

    @inline
    def atan(u: Any) -> Any:
        # atan(a) = pi/4 + atan((a - 1)/(a + 1)) in the middle, pi/2 - atan(1/a) beyond it
        a = abs(u)
        large, middle_part = a > top, a > eighth
        s = select(large, -one, select(middle_part, a - one, a)) / select(
            large, a, select(middle_part, a + one, one)
        )
        z = s * s
        y = fma(s * z, arc(z), select(large, half_low, select(middle_part, quarter_low, number(0.0))))
        y = select(large, half_pi, select(middle_part, quarter_pi, number(0.0))) + (y + s)
        return copysign(y, u)

    return {"sin": sin, "cos": cos, "tan": tan, "atan": atan}


_PI_4_LOW = {
    "single": math.pi / 4 - float(np.float32(math.pi / 4)),
    "mixed": 3.061616997868383e-17,
    "double": 3.061616997868383e-17,  # pi/4 beyond float64's digits
}
