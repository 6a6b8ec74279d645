"""normal_cdf, normal_pdf, erf, erfc, and u normal_cdf(u) with its slope.

With z = |u|, 1 - normal_cdf(z) = exp(-z^2/2) W(z), and W = P/(sqrt(2 pi) z P + A) with polynomials of positive
coefficients: nothing cancels, and where z is large the error of P cancels between numerator and denominator. An error d
in an exponent is a relative error d in the result, and z^2/2 goes to 100: z^2 is never rounded, for the exponent is
reduced as z^2 - 2 n log(2) in one fused step, n times the upper bits of 2 log(2) being exact. Beside 1/2 the
distribution is 1 - exp(-z^2/2) W(z), which is at least 1/2 and so loses nothing.
"""

from __future__ import annotations

import math
from typing import Any

from nonlin.backends.kernels.coefficients import ERF, SLOPE_A, SLOPE_P, TAIL_A, TAIL_P
from nonlin.backends.kernels.exponential import core
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import copysign, fma, select


def functions(g: Grade) -> dict[str, Any]:
    number = g.number
    a, p, series = g.polynomial(TAIL_A), g.polynomial(TAIL_P), g.polynomial(ERF)
    kappa, density = number(math.sqrt(2 * math.pi)), number(1 / math.sqrt(2 * math.pi))
    density_low = number(1 / math.sqrt(2 * math.pi) - float(density))
    zero, half, one, two = (number(v) for v in (0.0, 0.5, 1.0, 2.0))
    drop = number(2.0**-g.lift)
    root2 = number(math.sqrt(2))
    # exp(-end^2/2) is below every subnormal number, its 2^K-fold is normal, and the fits go to it
    end = number(math.sqrt(2 * g.lowest) if g.name != "mixed" else 37.0)
    end_of_erf = number(math.sqrt(g.lowest) if g.name != "mixed" else 26.0)
    _, magic, grown = core(g)
    raised = magic(g.lift)

    def squared(rate: float) -> Any:
        """The function 2^K exp(-rate c^2) m for 0 <= c <= end; m times a power of two is exact, so it costs no bit."""
        scale, back = number(-rate / math.log(2)), number(-rate)
        high, low = number(g.log2_high / rate), number(g.log2_low / rate)

        def falling(c: Any, m: Any) -> Any:
            t = fma(c * c, scale, raised)
            k = t - raised
            s, p = grown(t, back * fma(k, low, fma(c, c, k * high)))
            return fma(s * m, p, s * m)

        return falling

    half_square, square = squared(0.5), squared(1.0)

    def quotient(upper: Any, lower: Any) -> Any:
        """W."""

        def ratio(c: Any) -> Any:
            w = upper(c)
            return w / fma(kappa * c, w, lower(c))

        return ratio

    ratio = quotient(p, a)
    ratio_of_slope = quotient(g.polynomial(SLOPE_P), g.polynomial(SLOPE_A))

    def tail(c: Any) -> Any:
        """2^K exp(-c^2/2) W."""
        return half_square(c, ratio(c))

    def normal_ramp(u: Any) -> Any:
        """u normal_cdf(u) = max(u, 0) - z (1 - normal_cdf(z)), whose second term is the smaller one."""
        z = abs(u)
        c = select(z > end, end, z)
        v = c * p(c)
        return fma(half_square(c, v) / fma(kappa, v, a(c)), -drop, select(u < zero, zero, u))

    def normal_ramp_slope(u: Any) -> Any:
        """normal_cdf(u) + u normal_pdf(u): exp(-z^2/2) (W - z/sqrt(2 pi)), for u > 0 what is left of 1 beside that.

        Next to its zero that is the difference of two terms: W's rounding counts there, and so it has a fit of its own.
        """
        z = abs(u)
        c = select(z > end, end, z)
        v = half_square(c, fma(-c, density, fma(-c, density_low, ratio_of_slope(c))))
        return select(u < zero, v * drop, fma(v, -drop, one))

    def normal_cdf_lifted(u: Any) -> Any:
        """normal_cdf, for u < 0 times 2^K: a factor of it may still be to come that makes it a normal number."""
        z = abs(u)
        t = tail(select(z > end, end, z))
        return select(u < zero, select(z > end, zero, t), fma(-drop, t, one))

    def normal_cdf_drop(u: Any) -> Any:
        return select(u < zero, drop, one)

    def normal_cdf(u: Any) -> Any:
        return normal_cdf_lifted(u) * normal_cdf_drop(u)

    def normal_pdf(u: Any) -> Any:
        z = abs(u)
        return select(z > end, zero, half_square(select(z > end, end, z), density) * drop)

    def erfc_positive(z: Any) -> Any:
        """exp(-z^2) 2 W(sqrt(2) z): W changes little, so that the rounding of its argument does no harm."""
        c = select(z > end_of_erf, end_of_erf, z)
        return select(z > end_of_erf, zero, two * drop * square(c, ratio(root2 * c)))

    def erf(u: Any) -> Any:
        z = abs(u)
        v = select(z > one, one, z)
        return copysign(select(z > one, one - erfc_positive(z), v * series(v * v)), u)

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
        "normal_ramp": normal_ramp,
        "normal_ramp_slope": normal_ramp_slope,
        "erf": erf,
        "erfc": erfc,
    }
