"""exp and what is made of it: expm1, sigmoid, tanh, sech^2, sinh, cosh.

exp(z) = 2^n (1 + p), with n the integer nearest to z/log(2) and p = exp(r) - 1 for r = z - n log(2). log(2) is cut in
two: n times its upper bits is exact, so r keeps all its digits, and only the last step, s + s p in one rounding, costs
half an ulp. 2^n would underflow before the results do (z exp(-92) is a normal float32, exp(-92) is none), so functions
that vanish compute 2^K exp(-a), which is always normal, and divide K out of numerator and denominator together: the
division is then the only step that can meet a subnormal number.

A quotient comes as its two halves, `_top` and `_bottom`, so that a product of several has one division. LLVM computes
what the halves share once.
"""

from __future__ import annotations

import math
from typing import Any

from nonlin.backends.kernels.coefficients import EXP
from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.machine import copysign, fma, inline, power_of_two, select


def core(g: Grade) -> tuple[Any, Any]:
    """`parts(z, low, magic)`: 2^n as the magic number's exponent offset makes it, and p; and the magic number for 2^k.

    `low` is added to the argument after it was reduced: what its rounding lost.
    """
    number = g.number
    log2e, high, low_bits = number(1 / math.log(2)), number(-g.log2_high), number(-g.log2_low)
    q = g.polynomial(EXP)
    exact = g.log2_low != 0.0

    @inline
    def parts(z: Any, low: Any, magic: Any) -> Any:
        t = fma(z, log2e, magic)
        n = t - magic
        r = fma(n, high, z)
        if exact:
            r = fma(n, low_bits, r)
        r = r + low
        return power_of_two(t), fma(r * r, q(r), r)

    def magic(k: int) -> Any:
        return number(g.magic + g.bias + k)

    return parts, magic


def functions(g: Grade) -> dict[str, Any]:
    number = g.number
    parts, magic = core(g)
    lift, zero, half, one, two, four = (number(v) for v in (2.0**g.lift, 0.0, 0.5, 1.0, 2.0, 4.0))
    drop, twice, square = number(2.0**-g.lift), number(2.0 ** (g.lift + 1)), number(4.0**g.lift)
    lowest, highest, flat = number(g.lowest), number(g.highest), number(g.flat)
    neutral, raised, lowered, halved = magic(0), magic(g.lift), magic(-g.lift), magic(-1)
    lifted = g.lift != 0
    tiny = number(2.0**-100)
    far = number(80.0 if g.name == "single" else 600.0)  # exp(-far) is normal without a lift

    @inline
    def vanishing(a: Any, low: Any) -> Any:
        """2^K exp(-a - low) for a >= 0; exactly 0 where exp(-a) is below every subnormal number."""
        s, p = parts(-select(a > lowest, lowest, a), -low, raised)
        return select(a > lowest, zero, fma(s, p, s))

    @inline
    def exp_lifted(u: Any) -> Any:
        """exp(u), raised where it may underflow, lowered where it may overflow; `exp_drop` undoes that."""
        z = select(u > highest, highest, select(u < -lowest, -lowest, u))
        s, p = parts(z, zero, select(u < zero, raised, lowered))
        return select(u < -lowest, zero, fma(s, p, s))

    @inline
    def exp_drop(u: Any) -> Any:
        return select(u < zero, drop, lift)

    @inline
    def exp(u: Any) -> Any:
        return exp_lifted(u) * exp_drop(u)

    @inline
    def expm1(u: Any) -> Any:
        # n = 0 near 0, where s - 1 is 0 and only p is left; half of it, so that the largest does not overflow
        s, p = parts(select(u > highest, highest, select(u < -flat, -flat, u)), zero, halved)
        return select(abs(u) < tiny, u, two * fma(s, p, s - half))  # half of a subnormal number may be none

    @inline
    def sigmoid(u: Any) -> Any:
        # q/(q + 1): where q is large its errors cancel, where it is small the result is q
        s, p = parts(select(u > flat, flat, select(u < -lowest, -lowest, u)), zero, raised)
        q = fma(s, p, s)
        return q / (q + lift)

    @inline
    def sigmoid_parts(u: Any) -> Any:
        if not lifted:
            s, p = parts(select(u > flat, flat, select(u < -lowest, -lowest, u)), zero, neutral)
            q = select(u < -lowest, zero, fma(s, p, s))
            return q, q + one
        # the lift only where exp(-|u|) is the numerator: x times a lifted 1 could overflow
        z = select(u > far, far, select(u < -lowest, -lowest, u))
        s, p = parts(-abs(z), zero, select(u < zero, raised, neutral))
        e = select(u < -lowest, zero, fma(s, p, s))
        return select(u < zero, e, one), e + select(u < zero, lift, one)

    @inline
    def sigmoid_top(u: Any) -> Any:
        return sigmoid_parts(u)[0]

    @inline
    def sigmoid_bottom(u: Any) -> Any:
        return sigmoid_parts(u)[1]

    @inline
    def tanh_parts(u: Any) -> Any:
        # -expm1(-2|u|)/(2 + expm1(-2|u|)): no cancellation at 0
        a = abs(u + u)
        s, p = parts(-select(a > flat, flat, a), zero, neutral)
        m = fma(s, p, s - one)
        return copysign(m, u), two + m

    @inline
    def tanh(u: Any) -> Any:
        top, bottom = tanh_parts(u)
        return top / bottom

    @inline
    def tanh_top(u: Any) -> Any:
        return tanh_parts(u)[0]

    @inline
    def tanh_bottom(u: Any) -> Any:
        return tanh_parts(u)[1]

    @inline
    def sech2_top(u: Any) -> Any:
        return four * lift * vanishing(abs(u + u), zero)

    @inline
    def sech2_bottom(u: Any) -> Any:
        # (e + K)^2 in one rounding of a sum, where the square of a rounded sum would double the error
        e = vanishing(abs(u + u), zero)
        return fma(e, e + twice, square)

    @inline
    def sech2(u: Any) -> Any:
        return sech2_top(u) / sech2_bottom(u)

    @inline
    def sinh(u: Any) -> Any:
        # (m + m/(m + 1))/2 with m = expm1(|u|) has no cancellation at 0; exp(|u|)/2 in two steps where it is large
        a = abs(u)
        m = expm1(select(a > flat, flat, a))
        h = exp(half * a)
        return copysign(select(a > flat, (half * h) * h, half * (m + m / (m + one))), u)

    @inline
    def cosh(u: Any) -> Any:
        h = exp(half * abs(u))
        return fma(half * h, h, half * exp(-abs(u)))

    return {
        "vanishing": vanishing,
        "exp": exp,
        "exp_lifted": exp_lifted,
        "exp_drop": exp_drop,
        "expm1": expm1,
        "sigmoid": sigmoid,
        "sigmoid_top": sigmoid_top,
        "sigmoid_bottom": sigmoid_bottom,
        "tanh": tanh,
        "tanh_top": tanh_top,
        "tanh_bottom": tanh_bottom,
        "sech2": sech2,
        "sech2_top": sech2_top,
        "sech2_bottom": sech2_bottom,
        "sinh": sinh,
        "cosh": cosh,
    }
