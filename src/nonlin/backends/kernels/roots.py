"""The square roots of sums of squares, and x - tanh(x): what else would overflow or cancel as written."""

from __future__ import annotations

import math
from typing import Any

from nonlin.backends.kernels.coefficients import TANH_GAP
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import fma, select, sqrt


def functions(g: Grade, tanh: Any) -> dict[str, Any]:
    number = g.number
    gap = g.polynomial(TANH_GAP)
    near = number(1.5 if g.name == "double" else 1.0)
    zero, one = number(0.0), number(1.0)
    reach = 60 if g.name == "single" else 500  # squares of numbers between 2^-reach and 2^reach are normal
    large, small, infinite = number(2.0**reach), number(2.0**-reach), number(math.inf)
    shift = 80 if g.name == "single" else 600
    up, down = number(2.0**shift), number(2.0**-shift)

    def hypot(u: Any, v: Any) -> Any:
        a, b = abs(u), abs(v)
        most = select(a < b, b, a)
        scale = select(most > large, down, select(most < small, up, one))
        a, b = a * scale, b * scale
        h = sqrt(fma(a, a, b * b)) * select(most > large, up, select(most < small, down, one))
        return select((a == infinite) | (b == infinite), infinite, h)

    def hypot_sum(u: Any, v: Any) -> Any:
        """u + sqrt(u^2 + v^2), for u < 0 as v^2/(sqrt(u^2 + v^2) - u)."""
        s = hypot(u, v) + abs(u)
        return select(u < zero, v * (v / s), s)

    def hypot_slope(u: Any, v: Any) -> Any:
        """1 + u/sqrt(u^2 + v^2), for u < 0 as v^2/(h (h - u))."""
        h = hypot(u, v)
        return select(u < zero, (v / h) * (v / (h - u)), one + u / h)

    def tanh_gap(u: Any) -> Any:
        """u - tanh(u), near 0 by a polynomial in u^2; where it is not, the difference is a fair part of u."""
        c = select(u > near, near, select(u < -near, -near, u))
        z = c * c
        return select(abs(u) > near, u - tanh(u), c * (z * gap(z)))

    def sign(u: Any) -> Any:
        return select(u > zero, one, select(u < zero, -one, u))

    return {
        "root": sqrt,
        "hypot": hypot,
        "hypot_sum": hypot_sum,
        "hypot_slope": hypot_slope,
        "tanh_gap": tanh_gap,
        "sign": sign,
    }
