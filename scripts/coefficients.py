#!/usr/bin/env python3
"""Writes src/nonlin/backends/kernels/coefficients.py: the polynomials of the CPU kernels, by Remez's algorithm.

Run it in an environment that has nonlin: .venv/bin/python scripts/coefficients.py (about a minute). It prints the error
of each fit, as a power of two, with the coefficients rounded as they are used.

Three grades: `single` computes in float32, `mixed` in float64 to the digits that a float32 result needs, `double` in
float64 to all of its digits.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

import mpmath as mp
from remez import Function, chebyshev, error, horner, polynomial, rounded

FILE = Path(__file__).resolve().parent.parent / "src/nonlin/backends/kernels/coefficients.py"
HEADER = '''"""Coefficients of the kernels' polynomials, the lowest power first; written by scripts/coefficients.py.

Each dictionary goes from grade to coefficients; the comment gives the largest error of the fit with the coefficients
rounded as they stand here, relative to what the comment names.
"""

# fmt: off
'''
Fits = dict[str, list[Any]]
Table = tuple[str, str, Fits, dict[str, Any]]  # name, what is fitted, coefficients and errors by grade


def table(
    name: str, comment: str, f: Function, weight: Function, ends: dict[str, Any], degrees: dict[str, int]
) -> Table:
    fits: Fits = {}
    errors: dict[str, Any] = {}
    for grade, degree in degrees.items():
        a, b = ends.get(grade, ends.get("all"))
        fits[grade] = polynomial(f, weight, a, b, degree, grade)
        errors[grade] = error(f, horner(fits[grade]), weight, a, b)
    return name, comment, fits, errors


# The largest argument that is left when whole quarter turns are taken off: their number comes from a rounded product
EIGHTH_TURN = mp.pi / 4 * mp.mpf("1.004")

# What is fitted -----------------------------------------------------------------------------------------------------


def exponential() -> Table:
    half = mp.log(2) / 2 * mp.mpf("1.0001")

    def f(r: Any) -> Any:
        return (mp.expm1(r) - r) / r**2 if r else mp.mpf(1) / 2

    # relative to exp(r) - 1, which is r near 0; the floor keeps the weight from vanishing there
    return table("EXP", "(exp(r) - 1 - r)/r^2 on |r| <= log(2)/2, relative to expm1(r)", f,
                 lambda r: abs(r) + mp.mpf("0.01"), {"all": (-half, half)},
                 {"single": 4, "mixed": 5, "double": 10})  # fmt: skip


def logarithm_of_one_plus() -> Table:
    def f(e: Any) -> Any:
        return mp.log1p(e) / e if e else mp.mpf(1)

    return table("LOG1P", "log1p(e)/e on [0, 1], relative", f, lambda e: 1 / f(e),
                 {"all": (mp.mpf(0), mp.mpf(1))}, {"single": 9, "mixed": 12})  # fmt: skip


def logarithm() -> Table:
    end = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.001")

    def f(z: Any) -> Any:  # (log((1+s)/(1-s)) - 2s)/s^3 at z = s^2
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) - 2 * s) / s**3 if z > mp.mpf("1e-20") else mp.mpf(2) / 3 + 2 * z / 5

    return table("LOG", "(log((1 + s)/(1 - s)) - 2s)/s^3 in s^2 for (1 + s)/(1 - s) in [sqrt(1/2), sqrt(2)]", f,
                 lambda z: z + mp.mpf("1e-3"), {"all": (mp.mpf(0), end)},
                 {"single": 2, "mixed": 3, "double": 6})  # fmt: skip


def gap_of_tanh() -> Table:
    def f(v: Any) -> Any:
        if v < mp.mpf("1e-6"):
            return mp.mpf(1) / 3 - 2 * v / 15 + 17 * v**2 / 315 - 62 * v**3 / 2835
        u = mp.sqrt(v)
        return (u - mp.tanh(u)) / u**3

    return table("TANH_GAP", "(u - tanh(u))/u^3 in u^2 for |u| <= 1 (double: 1.5), relative", f, lambda v: 1 / f(v),
                 {"all": (mp.mpf(0), mp.mpf(1)), "double": (mp.mpf(0), mp.mpf("2.25"))},
                 {"single": 7, "mixed": 9, "double": 21})  # fmt: skip


def arc_tangent() -> Table:
    def f(z: Any) -> Any:
        s = mp.sqrt(z)
        return (mp.atan(s) - s) / s**3 if z > mp.mpf("1e-20") else -mp.mpf(1) / 3 + z / 5

    end = (mp.tan(mp.pi / 8) * mp.mpf("1.001")) ** 2
    return table("ATAN", "(atan(s) - s)/s^3 in s^2 for |s| <= tan(pi/8)", f, lambda z: z + mp.mpf("0.001"),
                 {"all": (mp.mpf(0), end)}, {"single": 3, "mixed": 5, "double": 11})  # fmt: skip


def error_function() -> Table:
    def f(z: Any) -> Any:
        s = mp.sqrt(z)
        return mp.erf(s) / s

    return table("ERF", "erf(s)/s in s^2 for |s| <= 1, relative", f, lambda z: 1 / f(z),
                 {"all": (mp.mpf(0), mp.mpf(1))}, {"single": 6, "mixed": 8, "double": 14})  # fmt: skip


def sine() -> Table:
    def f(z: Any) -> Any:
        r = mp.sqrt(z)
        return (mp.sin(r) - r) / r**3 if z > mp.mpf("1e-20") else -mp.mpf(1) / 6 + z / 120

    return table("SIN", "(sin(r) - r)/r^3 in r^2 for |r| <= pi/4, relative to sin(r)", f,
                 lambda z: z + mp.mpf("0.001"), {"all": (mp.mpf(0), EIGHTH_TURN**2)},
                 {"single": 2, "mixed": 4, "double": 6})  # fmt: skip


def cosine() -> Table:
    def f(z: Any) -> Any:
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2 if z > mp.mpf("1e-15") else mp.mpf(1) / 24 - z / 720

    return table("COS", "(cos(r) - 1 + r^2/2)/r^4 in r^2 for |r| <= pi/4, relative to cos(r)", f,
                 lambda z: z**2 / mp.cos(mp.sqrt(z)) + mp.mpf("1e-4"), {"all": (mp.mpf(0), EIGHTH_TURN**2)},
                 {"single": 2, "mixed": 4, "double": 5})  # fmt: skip


def quarter_turn() -> Table:
    parts: Fits = {}
    for grade, count in {"single": 3, "mixed": 2, "double": 3}.items():
        parts[grade] = []
        for _ in range(count):
            parts[grade].append(rounded(mp.pi / 2 - sum(parts[grade]), grade))
    errors = {grade: abs(mp.pi / 2 - sum(numbers)) for grade, numbers in parts.items()}
    return "HALF_PI", "pi/2 as a sum, the largest part first", parts, errors


def bits_of_two_over_pi() -> Table:
    count = 37  # words of 32 bits: the largest float64, an integer times 2^971, needs 192 bits from the 970th on
    with mp.workprec(32 * count + 64):
        number = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (32 * count)))
        rest = 2 / mp.pi - mp.mpf(number) / mp.mpf(2) ** (32 * count)
    words = [number >> 32 * (count - 1 - k) & 0xFFFFFFFF for k in range(count)]
    return "TWO_OVER_PI", "2/pi in words of 32 bits", {"words": words}, {"words": rest}


# The tail of the normal distribution --------------------------------------------------------------------------------

KAPPA = mp.sqrt(2 * mp.pi)


def tail(z: Any) -> Any:
    """exp(z^2/2) (1 - normal_cdf(z)), which is Mills' ratio over sqrt(2 pi)."""
    return mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2)) / 2


def normal(low: int, high: int, end: Any, grade: str, first: Any) -> tuple[list[Any], list[Any], Any]:
    """A and P with tail(z) = P/(KAPPA z P + A): in this form the error of P cancels where z is large.

    P(0) is `first`: a float just above a power of two has the largest relative rounding, so where P, A and their sum
    come to stand decides how large an error is. Of 1, 1.2 ... 1.95 those were taken that left the kernels the least.

    Weighted least squares, linearised in P and with the weights moved to where the error is largest (Lawson), which
    comes to the minimax fit. P is then rounded, and A fitted to it again.
    """
    nodes = [2 * s / (1 - s) for s in chebyshev(mp.mpf(0), end / (end + 2), 160)]
    tails = [tail(z) for z in nodes]
    gaps = [1 / w - KAPPA * z for z, w in zip(nodes, tails, strict=True)]
    lawson, scale = [mp.mpf(1)] * len(nodes), [mp.mpf(1)] * len(nodes)
    best: tuple[Any, list[Any]] = (mp.inf, [])
    n = low + 1 + high
    for _ in range(20):
        system, right = mp.zeros(n, n), mp.zeros(n, 1)
        for z, w, g, m, p in zip(nodes, tails, gaps, lawson, scale, strict=True):
            row = [w / p * z**j for j in range(low + 1)] + [-w / p * g * z**j for j in range(1, high + 1)]
            for i in range(n):
                right[i] += m * row[i] * w / p * g
                for j in range(n):
                    system[i, j] += m * row[i] * row[j]
        solution = list(mp.lu_solve(system, right))
        upper, lower = solution[: low + 1], [mp.mpf(1), *solution[low + 1 :]]
        scale = [horner(lower)(z) for z in nodes]
        errors = [abs(w * (g - horner(upper)(z) / p)) for z, w, g, p in zip(nodes, tails, gaps, scale, strict=True)]
        best = min(best, (max(errors), lower), key=lambda pair: pair[0])
        total = sum(m * e for m, e in zip(lawson, errors, strict=True)) / len(nodes)
        lawson = [max(m * e / total, mp.mpf(10) ** -12) for m, e in zip(lawson, errors, strict=True)]
    lower = [rounded(first * c, grade) for c in best[1]]
    divisor = horner(lower)

    def gap(s: Any) -> Any:
        z = 2 * s / (1 - s)
        return (1 / tail(z) - KAPPA * z) * divisor(z)

    def weight(s: Any) -> Any:
        z = 2 * s / (1 - s)
        return tail(z) / divisor(z)

    upper = refit(gap, weight, end, low, grade)

    def relative(z: Any) -> Any:
        p = divisor(z)
        return p / (KAPPA * z * p + horner(upper)(z)) / tail(z) - 1

    worst = max(abs(relative(2 * s / (1 - s))) for s in chebyshev(mp.mpf(0), end / (end + 2), 801))
    return upper, lower, worst


def refit(gap: Function, weight: Function, end: Any, degree: int, grade: str) -> list[Any]:
    """The polynomial in z that fits gap on a grid in s = z/(z + 2), by weighted least squares, rounded in turn."""
    nodes = chebyshev(mp.mpf(0), end / (end + 2), 160)
    zs = [2 * s / (1 - s) for s in nodes]
    values, weights = [gap(s) for s in nodes], [weight(s) for s in nodes]
    fixed: list[Any] = []
    for first in range(degree + 1):
        n = degree + 1 - first
        system, right = mp.zeros(n, n), mp.zeros(n, 1)
        for z, v, w in zip(zs, values, weights, strict=True):
            left = v - horner(fixed)(z) if fixed else v
            row = [w * z ** (first + j) for j in range(n)]
            for i in range(n):
                right[i] += row[i] * w * left
                for j in range(n):
                    system[i, j] += row[i] * row[j]
        fixed.append(rounded(mp.lu_solve(system, right)[0], grade))
    return fixed


def normal_tail() -> list[Table]:
    sizes = {"single": (4, 5, mp.mpf("14.9")), "mixed": (4, 5, mp.mpf("14.5")), "double": (10, 11, mp.mpf(39))}
    form = "W(z) = exp(z^2/2) (1 - normal_cdf(z)) = P/(sqrt(2 pi) z P + A), relative"
    tables: list[Table] = []
    for purpose, first in (("TAIL", "1.65"), ("SLOPE", "1.25")):
        fits = {grade: normal(*size, grade, mp.mpf(first)) for grade, size in sizes.items()}
        errors = {grade: fit[2] for grade, fit in fits.items()}
        for i, letter in enumerate("AP"):
            comment = f"{letter} in {form}; P(0) = {first}"
            tables.append((f"{purpose}_{letter}", comment, {g: f[i] for g, f in fits.items()}, errors))
    return tables


def number(c: Any) -> str:
    return str(c) if isinstance(c, int) else repr(float(c))


def text(entry: Table) -> str:
    name, comment, fits, errors = entry
    shown = ", ".join(f"{grade} 2^{float(mp.log(e, 2)):.1f}" for grade, e in errors.items())
    lines = [f"# {comment}:", f"# {shown}", f"{name} = {{"]
    for grade, coefficients in fits.items():
        numbers = wrap(" ".join(f"{number(c)}," for c in coefficients), 110)
        lines += [f'    "{grade}": (', *(f"        {line}" for line in numbers), "    ),"]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    mp.mp.dps = 80
    entries = [exponential(), logarithm_of_one_plus(), logarithm(), gap_of_tanh(), arc_tangent(), error_function()]
    entries += [sine(), cosine(), quarter_turn(), bits_of_two_over_pi()]
    entries += normal_tail()
    body = "\n".join(map(text, entries))
    print("\n".join(line for line in body.splitlines() if line.startswith("#")))
    FILE.write_text(HEADER + body, encoding="utf-8")
    print(FILE)
