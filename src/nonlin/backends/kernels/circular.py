"""sin, cos, tan and atan.

sin, cos and tan are the C library's, in float64: their argument may be any number, and a reduction that holds for all
of them has branches. So a formula with a wave in it is computed element by element, as exactly but not as fast.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nonlin.backends.kernels.coefficients import ATAN
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import copysign, fma, inline, select

_PI_4_LOW = {
    "single": math.pi / 4 - float(np.float32(math.pi / 4)),
    "mixed": 3.061616997868383e-17,
    "double": 3.061616997868383e-17,  # pi/4 beyond float64's digits
}


def functions(g: Grade) -> dict[str, Any]:
    number, real = g.number, g.real
    arc = g.polynomial(ATAN)
    zero, one, wide = number(0.0), number(1.0), np.float64
    eighth, quarter_pi, half_pi = number(math.tan(math.pi / 8)), number(math.pi / 4), number(math.pi / 2)
    quarter_low, half_low = number(_PI_4_LOW[g.name]), number(2 * _PI_4_LOW[g.name])
    top = number(math.tan(3 * math.pi / 8))

    @inline
    def sin(u: Any) -> Any:
        return real(math.sin(wide(u)))

    @inline
    def cos(u: Any) -> Any:
        return real(math.cos(wide(u)))

    @inline
    def tan(u: Any) -> Any:
        return real(math.tan(wide(u)))

    @inline
    def atan(u: Any) -> Any:
        # atan(a) = pi/4 + atan((a - 1)/(a + 1)) in the middle, pi/2 - atan(1/a) beyond it
        a = abs(u)
        large, middle_part = a > top, a > eighth
        s = select(large, -one, select(middle_part, a - one, a)) / select(large, a, select(middle_part, a + one, one))
        z = s * s
        y = fma(s * z, arc(z), select(large, half_low, select(middle_part, quarter_low, zero)))
        y = select(large, half_pi, select(middle_part, quarter_pi, zero)) + (y + s)
        return copysign(y, u)

    return {"sin": sin, "cos": cos, "tan": tan, "atan": atan}
