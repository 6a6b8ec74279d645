"""The argument of an exponential as the sum of two machine numbers: exp(u) is off by what the rounding of u was.

At u = -80 half an ulp of u is 64 ulp of exp(u). Products carry what their rounding lost by a fused multiply-add, sums
by Knuth's two-sum, or with a number that is cut so that two subtractions find it, constants and parameters the digits
that their machine number lacks. A symbol, or a power of two times one, is exact. What is not a polynomial in x stays
one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any

import numpy as np
import sympy

from nonlin.language.atoms import Atom, Variable
from nonlin.language.evaluate import exact

NOTHING = "None"
_LARGEST = 128  # what exponentials do not count beyond, about; larger sums keep less of what they lose


@dataclass(frozen=True)
class _Pair:
    high: str
    low: str | None = None


class Pairs:
    """Prints an expression as two texts, for one real type."""

    def __init__(self, real: Any):
        self.real = real

    def __call__(self, printer: Any, expr: Any) -> tuple[str, str]:
        pair = self.pair(printer, expr)
        if pair.low is None:
            return pair.high, NOTHING
        return pair.high, pair.low if printer.bounds.holds(expr) else printer.assign(f"finite({pair.low})")

    def pair(self, printer: Any, expr: Any) -> _Pair:
        variables = [s for s in expr.free_symbols if isinstance(s, Variable)]
        if len(variables) != 1 or expr.has(Atom) or not expr.is_polynomial(variables[0]):
            return _Pair(printer.name(expr))
        (x,) = variables
        terms = {k: c for (k,), c in sympy.Poly(expr, x).terms()}
        lowest = min(terms)
        step = reduce(gcd, (k - lowest for k in terms), 0)
        point = _Pair(printer.known[x])
        total = self.constant(printer, terms[max(terms)])
        square = self.power(printer, point, step) if step else point
        for k in range(max(terms) - step, lowest - 1, -step) if step else ():
            total = self.product(printer, total, square)
            if k in terms:
                add = self.sum if terms[k].free_symbols else self.sum_with_number
                total = add(printer, total, terms[k])
        return self.product(printer, total, self.power(printer, point, lowest)) if lowest else total

    def power(self, printer: Any, base: _Pair, exponent: int) -> _Pair:
        result = base
        for _ in range(exponent - 1):
            result = self.product(printer, result, base)
        return result

    def constant(self, printer: Any, expr: Any) -> _Pair:
        """A number, a parameter, or a product of them."""
        if not expr.free_symbols:
            value = exact(expr, {})
            high = float(self.real(float(value)))
            low = float(self.real(float(value - high)))
            return _Pair(printer.literal(high), printer.literal(low) if low else None)
        if expr in printer.formula.symbols.values():
            return _Pair(printer.known[expr], f"l_{expr.name}")
        if expr.is_Pow and expr.exp == -1 and expr.base in printer.formula.symbols.values():
            p, one = self.constant(printer, expr.base), printer.literal(1.0)
            high = printer.assign(f"{one} / {p.high}")
            rest = printer.assign(f"fma(-{high}, {p.low}, fma(-{high}, {p.high}, {one}))")
            return _Pair(high, printer.assign(f"finite({high} * {rest})"))
        if isinstance(expr, sympy.Mul):
            first, *rest = (self.constant(printer, f) for f in expr.args)
            return reduce(lambda a, b: self.product(printer, a, b), rest, first)
        return _Pair(printer.name(expr))

    def product(self, printer: Any, a: _Pair, b: _Pair) -> _Pair:
        for one, other in ((a, b), (b, a)):
            if one.low is None and is_power_of_two(one.high, printer):
                if one.high == printer.literal(1.0):
                    return other
                low = None if other.low is None else printer.assign(f"{one.high} * {other.low}")
                return _Pair(printer.assign(f"{one.high} * {other.high}"), low)
        high = printer.assign(f"{a.high} * {b.high}")
        low = f"fma({a.high}, {b.high}, -{high})"
        if b.low is not None:
            low = f"fma({a.high}, {b.low}, {low})"
        if a.low is not None:
            low = f"fma({a.low}, {b.high}, {low})"
        return _Pair(high, printer.assign(low))

    def sum_with_number(self, printer: Any, a: _Pair, number: Any) -> _Pair:
        """Of a number that has no digit finer than the sum's last one: what is lost is found by two subtractions."""
        value = exact(number, {})
        coarse = float(_LARGEST * np.spacing(self.real(1)))
        high = float(round(value / coarse) * coarse)
        low, text = float(self.real(float(value - high))), printer.literal(high)
        total = printer.assign(f"{a.high} + {text}")
        lows = [f"({a.high} - ({total} - {text}))", a.low, printer.literal(low) if low else None]
        return _Pair(total, printer.assign(" + ".join(filter(None, lows))))

    def sum(self, printer: Any, a: _Pair, expr: Any) -> _Pair:
        b = self.constant(printer, expr)
        high = printer.assign(f"{a.high} + {b.high}")
        lows = [t for t in (a.low, b.low) if t is not None]
        return _Pair(high, printer.assign(" + ".join([f"lost({a.high}, {b.high}, {high})", *lows])))


def is_power_of_two(text: str, printer: Any) -> bool:
    """Whether a text is the literal of one, so that a product with it is exact."""
    return text in {printer.literal(sign * 2.0**k) for sign in (1, -1) for k in range(-8, 9)}
