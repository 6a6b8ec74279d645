"""sin, cos, tan and atan.

sin and cos take the whole quarter turns n off |u|. What is left, r, is at most pi/4 and a bit: one polynomial gives its
sine, another its cosine, and n says which of the two is asked for, with what sign. pi/2 is the sum of three machine
numbers, P1 + P2 + P3. |u| - n P1 is exact: both are multiples of P1's last bit or finer ones, and the difference is
below 1. The product n P2 and its sum with that are rounded, but what both lose is caught, and n P3 is added to it. No
number within `reach` comes closer to a zero than 2^-28 (float64: 2^-61), where r and its low part together are still
right to a hundredth of r's last place. `mixed` takes two parts, P1 and P2, and rounds below the digits of a float32.

Beyond `reach` they are nan, and `far` takes their place there, element by element: a reduction that holds for all
numbers is long, and so no part of the loop over ordinary arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nonlin.backends.kernels.coefficients import ATAN, COS, HALF_PI, SIN
from nonlin.backends.kernels.grade import DOUBLE, Grade
from nonlin.backends.kernels.machine import converter, copysign, fma, lost, odd, select, signed, turned
from nonlin.backends.kernels.turns import far_reduced

_PI_4_LOW = {
    "single": math.pi / 4 - float(np.float32(math.pi / 4)),
    "mixed": 3.061616997868383e-17,
    "double": 3.061616997868383e-17,  # pi/4 beyond float64's digits
}
# so far the rounding of u 2/pi moves n by less than a thousandth, and n P2 is too small for |u| - n P1 to come to 1
_REACH = {"single": 2.0**15, "mixed": 2.0**25, "double": 2.0**25}


def functions(g: Grade) -> dict[str, Any]:
    number = g.number
    nan, reach, near = number(math.nan), number(_REACH[g.name]), _near(g)

    def reduced(a: Any) -> Any:
        return near(select(a > reach, nan, a))

    return {**_waves(g, reduced), "atan": _arc(g)}


def far(g: Grade) -> dict[str, Any]:
    """sin, cos and tan of any number, in float64."""
    real, wide, reach, near = converter(g.real), converter(np.float64), np.float64(_REACH["double"]), _near(DOUBLE)

    def reduced(a: Any) -> Any:
        is_far = a > reach
        either = zip(far_reduced(select(is_far, a, reach)), near(a), strict=True)
        return tuple(select(is_far, far, usual) for far, usual in either)

    def narrow(wave: Any) -> Any:
        return lambda u: real(wave(wide(u)))

    return {name: narrow(wave) for name, wave in _waves(DOUBLE, reduced).items()}


def _near(g: Grade) -> Any:
    """The reduction within `reach`."""
    number = g.number
    first, second, *third = (number(-part) for part in HALF_PI[g.name])
    last = third[0] if third else None
    rate, magic = number(2 / math.pi), number(g.magic)

    def near(a: Any) -> Any:
        """The magic number plus n; r, and what its rounding lost, or None."""
        t = fma(a, rate, magic)
        n = t - magic
        start = fma(n, first, a)
        if last is None:
            return t, fma(n, second, start), None
        step = n * second
        r = start + step
        return t, r, fma(n, last, lost(start, step, r) + fma(n, second, -step))

    return near


def _waves(g: Grade, reduced: Any) -> dict[str, Any]:
    number = g.number
    sine, cosine = g.polynomial(SIN), g.polynomial(COS)
    minus_half, one = number(-0.5), number(1.0)

    def of_sine(r: Any, low: Any) -> Any:
        # the terms after the first are at most a tenth of it: their rounding is little beside the last step's
        z = r * r
        if low is None:
            return fma(r * z, sine(z), r)
        return r + fma(r * z, sine(z), low)

    def of_cosine(r: Any, low: Any) -> Any:
        # 1 - z/2 is at least 0.69; what the rounding of it and of z lost goes to the rest, which is small beside it
        z = r * r
        top = fma(z, minus_half, one)
        if low is None:
            return fma(z * z, cosine(z), top)
        return top + fma(z * z, cosine(z), fma(z, minus_half, one - top) + fma(fma(r, r, -z), minus_half, -r * low))

    def sin(u: Any) -> Any:
        t, r, low = reduced(abs(u))
        # odd by construction: the sine of |u| takes the sign of u, that of -0 too
        return signed(turned(select(odd(t), of_cosine(r, low), of_sine(r, low)), t), u)

    def cos(u: Any) -> Any:
        t, r, low = reduced(abs(u))
        return turned(select(odd(t), of_sine(r, low), of_cosine(r, low)), t + one)

    def tan(u: Any) -> Any:
        # sine over cosine, or minus cosine over sine: three roundings, one of each and that of the division
        t, r, low = reduced(abs(u))
        s, c = of_sine(r, low), of_cosine(r, low)
        return signed(select(odd(t), -c, s) / select(odd(t), s, c), u)

    return {"sin": sin, "cos": cos, "tan": tan}


def _arc(g: Grade) -> Any:
    number = g.number
    arc = g.polynomial(ATAN)
    zero, one = number(0.0), number(1.0)
    eighth, quarter_pi, half_pi = number(math.tan(math.pi / 8)), number(math.pi / 4), number(math.pi / 2)
    quarter_low, half_low = number(_PI_4_LOW[g.name]), number(2 * _PI_4_LOW[g.name])
    top = number(math.tan(3 * math.pi / 8))

    def atan(u: Any) -> Any:
        # atan(a) = pi/4 + atan((a - 1)/(a + 1)) in the middle, pi/2 - atan(1/a) beyond it
        a = abs(u)
        large, middle_part = a > top, a > eighth
        s = select(large, -one, select(middle_part, a - one, a)) / select(large, a, select(middle_part, a + one, one))
        z = s * s
        y = fma(s * z, arc(z), select(large, half_low, select(middle_part, quarter_low, zero)))
        y = select(large, half_pi, select(middle_part, quarter_pi, zero)) + (y + s)
        return copysign(y, u)

    return atan
