"""normal_cdf, normal_pdf, erf, erfc.

With z = |u|, 1 - normal_cdf(z) = exp(-z^2/2) W(z), and W = P/(sqrt(2 pi) z P + A) with polynomials of positive
coefficients: nothing cancels, and where z is large the error of P cancels between numerator and denominator. z^2 is
carried with what its rounding lost, since an error d in an exponent is a relative error d in the result, and z^2/2 goes
to 100. Beside 1/2 the distribution is 1 - exp(-z^2/2) W(z), which is at least 1/2 and so loses nothing.
"""

from __future__ import annotations

import math
from typing import Any

from nonlin.backends.kernels.coefficients import ERF, TAIL_A, TAIL_P
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import copysign, fma, inline, select


def functions(g: Grade, vanishing: Any) -> dict[str, Any]:
    number = g.number
    a, p, series = g.polynomial(TAIL_A), g.polynomial(TAIL_P), g.polynomial(ERF)
    kappa, density = number(math.sqrt(2 * math.pi)), number(1 / math.sqrt(2 * math.pi))
    zero, half, one, two = (number(v) for v in (0.0, 0.5, 1.0, 2.0))
    drop = number(2.0**-g.lift)
    root2 = number(math.sqrt(2))
    end = number(math.sqrt(2 * g.lowest) if g.name != "mixed" else 37.0)
    narrow = g.name != "mixed"  # where a float32 is squared in float64, no bit is lost

    @inline
    def falling(z: Any, rate: Any) -> Any:
        """2^K exp(-rate z^2)."""
        c = select(z > end, end, z)
        h = c * c
        return select(z > end, zero, vanishing(rate * h, rate * fma(c, c, -h) if narrow else zero))

    @inline
    def tail(u: Any) -> Any:
        """2^K exp(-z^2/2) W; W is used within the fit's interval only."""
        z = abs(u)
        e = falling(z, half)
        z = select(z > end, end, z)
        w = p(z)
        return e * (w / fma(kappa * z, w, a(z)))

    @inline
    def normal_cdf_lifted(u: Any) -> Any:
        """normal_cdf, for u < 0 times 2^K: a factor of it may still be to come that makes it a normal number."""
        t = tail(u)
        return select(u < zero, t, fma(-drop, t, one))

    @inline
    def normal_cdf_drop(u: Any) -> Any:
        return select(u < zero, drop, one)

    @inline
    def normal_cdf(u: Any) -> Any:
        return normal_cdf_lifted(u) * normal_cdf_drop(u)

    @inline
    def normal_pdf(u: Any) -> Any:
        return density * falling(abs(u), half) * drop

    @inline
    def erfc_positive(z: Any) -> Any:
        """exp(-z^2) 2 W(sqrt(2) z): W changes little, so that the rounding of its argument does no harm."""
        e = falling(z, one)
        v = root2 * select(z > end, end, z)
        w = p(v)
        return two * drop * (e * w / fma(kappa * v, w, a(v)))

    @inline
    def erf(u: Any) -> Any:
        z = abs(u)
        v = select(z > one, one, z)
        return copysign(select(z > one, one - erfc_positive(z), v * series(v * v)), u)

    @inline
    def erfc(u: Any) -> Any:
        z = abs(u)
        c = erfc_positive(z)
        v = select(z > half, half, z)
        near = fma(-copysign(v, u), series(v * v), one)
        return select(z > half, select(u < zero, two - c, c), near)

    return {
        "normal_cdf": normal_cdf,
        "normal_cdf_lifted": normal_cdf_lifted,
        "normal_cdf_drop": normal_cdf_drop,
        "normal_pdf": normal_pdf,
        "erf": erf,
        "erfc": erfc,
    }
