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
from nonlin.backends.kernels.machine import copysign, fma, polynomial, power_of_two, select


def core(g: Grade) -> tuple[Any, Any, Any]:
    """`parts(z, low, magic)`: 2^n as the magic number's exponent offset makes it, and p; the magic number for 2^k; the
    last step of `parts`.

    `low` is added to the argument after it was reduced: what its rounding lost, or None.
    """
    number = g.number
    log2e, high, low_bits = number(1 / math.log(2)), number(-g.log2_high), number(-g.log2_low)
    q = g.polynomial(EXP)
    exact = g.log2_low != 0.0

    def grown(t: Any, r: Any) -> Any:
        """2^n and p for the magic number plus n and the reduced argument."""
        return power_of_two(t), fma(r * r, q(r), r)

    def parts(z: Any, low: Any, magic: Any) -> Any:
        t = fma(z, log2e, magic)
        n = t - magic
        r = fma(n, high, z)
        if exact:
            r = fma(n, low_bits, r)
        if low is not None:
            r = r + low
        return grown(t, r)

    def magic(k: int) -> Any:
        return number(g.magic + g.bias + k)

    return parts, magic, grown


def functions(g: Grade) -> dict[str, Any]:
    number = g.number
    parts, magic, grown = core(g)
    # In 2^n (1 + p) - 1 the digits of log(2) that one number lacks do not count: n times them is little beside 1 - 2^-n
    # where n is small, and 2^n little beside 1 where it is far below 0.
    log2e, log2e_twice = number(1 / math.log(2)), number(2 / math.log(2))
    log2, log2_half = number(-math.log(2)), number(-math.log(2) / 2)
    q_twice = polynomial(tuple(2.0 ** (k + 1) * c for k, c in enumerate(EXP[g.name])), g.real)
    lift, zero, half, one, two, four = (number(v) for v in (2.0**g.lift, 0.0, 0.5, 1.0, 2.0, 4.0))
    sixteenth = number(2.0**-4)
    drop, twice, square = number(2.0**-g.lift), number(2.0 ** (g.lift + 1)), number(4.0**g.lift)
    lowest, highest, flat = number(g.lowest), number(g.highest), number(g.flat)
    neutral, raised, lowered, halved = magic(0), magic(g.lift), magic(-g.lift), magic(-1)
    tiny, level = number(2.0**-100), number(g.flat / 2)

    def finite(low: Any) -> Any:
        """A low part, or 0 where it is too large to be one of an argument that counts, or has overflowed."""
        return select(abs(low) < sixteenth, low, zero)

    def falling(u: Any, low: Any) -> tuple[Any, Any]:
        """|u|, and 2^K exp(-|u + low|) as far as it is a normal number."""
        a = abs(u)
        low = None if low is None else select(u < zero, low, -low)
        return a, exp_raised(-select(a > lowest, lowest, a), low)

    def vanishing_even(u: Any, low: Any) -> Any:
        """2^K exp(-|u + low|); exactly 0 where exp(-|u|) is below every subnormal number."""
        a, e = falling(u, low)
        return select(a > lowest, zero, e)

    def decaying_even(u: Any, low: Any) -> Any:
        """exp(-|u + low|), which rounds to 0 there by itself."""
        return drop * falling(u, low)[1]

    def exp_raised(u: Any, low: Any) -> Any:
        """2^K exp(u) for u that is clamped already."""
        s, p = parts(u, low, raised)
        return fma(s, p, s)

    def exp_raised_times(u: Any, low: Any, m: Any) -> Any:
        """2^K exp(u) m: m times a power of two is exact, so that there is one rounding, not two."""
        s, p = parts(u, low, raised)
        return fma(s * m, p, s * m)

    def exp_lifted(u: Any, low: Any) -> Any:
        """exp(u), raised where it may underflow, lowered where it may overflow; `exp_drop` undoes that."""
        z = select(u > highest, highest, select(u < -lowest, -lowest, u))
        s, p = parts(z, low, select(u < zero, raised, lowered))
        return select(u < -lowest, zero, fma(s, p, s))

    def exp_drop(u: Any, low: Any) -> Any:
        return select(u < zero, drop, lift)

    def exp(u: Any, low: Any) -> Any:
        return exp_lifted(u, low) * exp_drop(u, low)

    def expm1(u: Any, low: Any) -> Any:
        # n = 0 near 0, where s - 1 is 0 and only p is left; half of it, so that the largest does not overflow
        s, p = parts(select(u > highest, highest, select(u < -flat, -flat, u)), low, halved)
        return select(abs(u) < tiny, u, two * fma(s, p, s - half))  # half of a subnormal number may be none

    def expm1_near(u: Any, low: Any) -> Any:
        # for u <= 0 whose 2^n is a normal number; of -0 the sum is +0
        t = fma(u, log2e, neutral)
        r = fma(t - neutral, log2, u)
        s, p = grown(t, r if low is None else r + low)
        return copysign(fma(s, p, s - one), u)

    def expm1_negative(u: Any, low: Any) -> Any:
        return expm1_near(select(u < -flat, -flat, u), low)

    def sigmoid(u: Any) -> Any:
        # q/(q + 1): where q is large its errors cancel, where it is small the result is q
        q = exp_raised(select(u > flat, flat, select(u < -lowest, -lowest, u)), None)
        return q / (q + lift)

    def tanh_parts(u: Any) -> Any:
        # m/(m + 2) for m = expm1(2u): n = 0 near 0, where s - 1 is 0 and only p is left. All is of u, and not of 2u
        v = select(u > level, level, select(u < -level, -level, u))
        t = fma(v, log2e_twice, neutral)
        r = fma(t - neutral, log2_half, v)
        s = power_of_two(t)
        m = fma(s + s, fma(r * r, q_twice(r), r), s - one)
        return copysign(m, u), two + m

    def tanh(u: Any) -> Any:
        top, bottom = tanh_parts(u)
        return top / bottom

    def tanh_top(u: Any) -> Any:
        return tanh_parts(u)[0]

    def tanh_bottom(u: Any) -> Any:
        return tanh_parts(u)[1]

    def sech2(u: Any) -> Any:
        # 4e/(1 + e)^2, the square in one rounding of a sum, where that of a rounded sum would double the error
        e = vanishing_even(u + u, None)
        return four * lift * e / fma(e, e + twice, square)

    def sinh(u: Any) -> Any:
        # (m + m/(m + 1))/2 with m = expm1(|u|) has no cancellation at 0; exp(|u|)/2 in two steps where it is large
        a = abs(u)
        m = expm1(select(a > flat, flat, a), None)
        h = exp(half * a, None)
        return copysign(select(a > flat, (half * h) * h, half * (m + m / (m + one))), u)

    def cosh(u: Any) -> Any:
        h = exp(half * abs(u), None)
        return fma(half * h, h, half * exp(-abs(u), None))

    return {
        "finite": finite,
        "vanishing_even": vanishing_even,
        "decaying_even": decaying_even,
        "exp_raised": exp_raised,
        "exp_raised_times": exp_raised_times,
        "lift": lift,
        "drop": drop,
        "exp": exp,
        "exp_lifted": exp_lifted,
        "exp_drop": exp_drop,
        "expm1": expm1,
        "expm1_near": expm1_near,
        "expm1_negative": expm1_negative,
        "sigmoid": sigmoid,
        "tanh": tanh,
        "tanh_top": tanh_top,
        "tanh_bottom": tanh_bottom,
        "sech2": sech2,
        "sinh": sinh,
        "cosh": cosh,
    }
