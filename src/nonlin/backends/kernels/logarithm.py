"""log, log1p and softplus.

log(m 2^k) = k log(2) + log(m) with m in [sqrt(1/2), sqrt(2)]. With s = (m - 1)/(m + 1), log(m) = 2s + s^3 L(s^2), in
the form f - s (f - s^2 L) for f = m - 1, where f is exact and only the small second term is rounded. k times the upper
bits of log(2) is exact, so that the sum loses nothing where it cancels.
"""

from __future__ import annotations

import math
from typing import Any

from nonlin.backends.kernels.coefficients import LOG, LOG1P
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import exponent, fma, scaled_down, select


def functions(g: Grade, decaying_even: Any) -> dict[str, Any]:
    number = g.number
    zero, one, two, half = (number(v) for v in (0.0, 1.0, 2.0, 0.5))
    base = number(math.sqrt(0.5))
    high, low = number(g.log2_high), number(g.log2_low)
    series = g.polynomial(LOG)
    smallest = number(2.0**-126 if g.name == "single" else 2.0**-1022)
    up, down = number(2.0**64), number(64.0)
    infinite, undefined = number(math.inf), number(math.nan)
    split = number(math.sqrt(2) - 1)

    def of_ratio(f: Any, k: Any, low_part: Any) -> Any:
        """k log(2) + log(1 + f) + low_part."""
        s = f / (two + f)
        z = s * s
        rest = fma(-s, fma(-z, series(z), f), low_part)
        return fma(k, high, f + fma(k, low, rest))

    def log_normal(m: Any, low_part: Any) -> Any:
        return of_ratio(scaled_down(m, base) - one, exponent(m, base), low_part)

    def log(u: Any) -> Any:
        tiny = u < smallest  # subnormal numbers have no exponent of their own
        m = select(tiny, u * up, u)
        k = exponent(m, base) - select(tiny, down, zero)
        y = of_ratio(scaled_down(m, base) - one, k, zero)
        y = select(u < zero, undefined, select(u == zero, -infinite, y))
        return select(u < infinite, y, u)  # inf and nan

    def log1p(u: Any) -> Any:
        # log(w) + c/w for w = 1 + u rounded and c what the rounding lost
        w = one + u
        c = select(u < one, u - (w - one), one - (w - u))
        y = log_normal(w, c / w)
        y = select(w > zero, y, select(w == zero, -infinite, undefined))
        y = select(abs(u) < smallest, u, y)  # and -0
        return select(u < infinite, y, u)

    if g.name in LOG1P:
        unit = g.polynomial(LOG1P)

        def add_log1p(e: Any, y: Any) -> Any:
            """y + log(1 + e) for e in [0, 1]."""
            return fma(e, unit(e), y)

    else:

        def add_log1p(e: Any, y: Any) -> Any:
            # (1 + e)/2 - 1 = (e - 1)/2 is exact
            large = e > split
            f = select(large, half * (e - one), e)
            return y + of_ratio(f, select(large, one, zero), zero)

    def softplus(u: Any, low: Any) -> Any:
        return add_log1p(decaying_even(u, low), select(u > zero, u, zero))

    return {"log": log, "log1p": log1p, "softplus": softplus}
