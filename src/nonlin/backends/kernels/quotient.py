"""The machine form of a quotient of polynomials in E = exp(u): its numerator and its denominator.

Where x is clamped so that no power of E overflows, E itself is used. Elsewhere exp(-|u|) is, with the coefficients in
the opposite order for u > 0. exp(u) is raised by 2^K as in `exponential.py`: the numerator of a function that vanishes
has q = 2^K E where E would underflow, and K is divided out with the denominator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import sympy

from nonlin.backends.kernels.grade import Grade
from nonlin.backends.kernels.pairs import NOTHING, is_power_of_two
from nonlin.backends.kernels.rational import ExpQuotient
from nonlin.language.atoms import Variable, has_x
from nonlin.language.evaluate import exact

_POINTS = 33


class Halves:
    """Prints an `ExpQuotient` in one grade."""

    def __init__(self, g: Grade):
        self.g = g

    def __call__(self, printer: Any, expr: ExpQuotient) -> tuple[str, str]:
        u, low = self.argument(printer, expr)
        if self.fits(printer, expr):
            return self.straight(printer, expr, f"{u}, {low}")
        if expr.even and self.fits(printer, expr, even=True):
            if low != NOTHING:
                low = printer.assign(printer.select(f"{u} < {printer.literal(0.0)}", low, f"-{low}"))
            return self.straight(printer, expr, f"{printer.assign(f'-abs({u})')}, {low}")
        return self.folded(printer, expr, u, low)

    def argument(self, printer: Any, expr: ExpQuotient) -> tuple[str, str]:
        """The names of the exponential's argument and of what its rounding lost."""
        u, low = printer.target.pair(printer, expr.args[0])
        return u if u.isidentifier() else printer.assign(u), low

    def whole(self, printer: Any, expr: ExpQuotient) -> str:
        """The quotient itself: where it falls from c(x) to c(x) n1 E, as one of the two less a part of it.

        That part is small at both ends, and so are its roundings, which are many in a polynomial; the rest is rounded
        once or twice. A quotient that is linear in E has few anyway, and is faster without.
        """
        ends = _between_ends(expr)
        if ends is None or not self.fits(printer, expr):
            return "({} / {})".format(*self(printer, expr))
        line, first, left, right = ends
        (u, low), c = self.argument(printer, expr), printer.name(line)
        e = printer.assign(f"exp_raised({u}, {low}) * drop")
        below = f"{u} < {printer.literal(0.0)}"
        scale = c if first == 1 else printer.assign(f"{printer.text(first)} * {c}")
        lead = printer.assign(printer.select(below, f"exp_raised_times({u}, {low}, {scale}) * drop", c))
        part = printer.select(below, _horner(printer, left, e), _horner(printer, right, e))
        return printer.target.fused.format(f"-{lead}", f"({part} / {_horner(printer, expr.bottom, e)})", lead)

    def straight(self, printer: Any, expr: ExpQuotient, u: str) -> tuple[str, str]:
        """With E itself."""
        q = printer.assign(f"exp_raised({u})")
        e, one = printer.assign(f"{q} * drop"), printer.literal(1.0)
        if expr.top[0] != 0:
            return _horner(printer, expr.top, e), _horner(printer, expr.bottom, e)
        rest = _horner(printer, expr.bottom[1:], e)
        bottom = f"({q} + lift)" if rest == one else printer.target.fused.format(q, rest, "lift")
        rest = self.exactly(printer, expr.top[1:], e)
        if is_power_of_two(rest, printer):  # no product is rounded
            return q if rest == one else f"({rest} * {q})", bottom
        return f"exp_raised_times({u}, {rest})", bottom

    def exactly(self, printer: Any, coefficients: Sequence[Any], e: str) -> str:
        """The polynomial in e, with what the rounding of its first coefficient lost, if that is one of more than x."""
        first, *others = coefficients
        high, low = printer.target.pair(printer, first) if _degree(first) > 1 else (printer.text(first), NOTHING)
        if low == NOTHING:
            return _horner(printer, coefficients, e)
        known = Variable(high)
        printer.known[known] = high
        return f"({_horner(printer, [known, *others], e)} + {low})"

    def fits(self, printer: Any, expr: ExpQuotient, even: bool = False) -> bool:
        """Whether E and the polynomials in it neither underflow nor overflow for any x that they are computed at.

        With `even`, exp(-|u|) takes the place of E.
        """
        variables = [s for s in expr.free_symbols if printer.bounds.holds(s)]
        if len(variables) != 1 or len(expr.args[0].free_symbols) != 1:
            return False
        (x,) = variables
        first, last = printer.bounds[x]
        for k in range(_POINTS):
            at = {x: first + (last - first) * k / (_POINTS - 1)}
            u = exact(expr.args[0], at)
            u = -abs(u) if even else u
            terms = [abs(exact(c, at)) * mpmath.exp(j * u) for cs in (expr.top, expr.bottom) for j, c in enumerate(cs)]
            if not -self.g.lowest < u < self.g.highest or max(terms) * 2.0**self.g.lift > self.g.largest:
                return False
        return True

    def folded(self, printer: Any, expr: ExpQuotient, u: str, low: str) -> tuple[str, str]:
        """With exp(-|u|), so that nothing overflows whatever u is."""
        zero, one = printer.literal(0.0), printer.literal(1.0)
        q = printer.assign(f"vanishing_even({u}, {low})")
        e = printer.assign(f"{q} * drop")
        below = f"{u} < {zero}"
        right = _horner(printer, expr.top[::-1], e)
        left = _horner(printer, expr.top, e)
        if expr.top[0] == 0:
            rest = _horner(printer, expr.top[1:], e)
            left = q if rest == one else f"({q} * {rest})"
        top = printer.assign(printer.select(below, left, right))
        # where q has vanished a coefficient may be infinite, if x itself may be
        if any(has_x(c) and not (c.is_Symbol and printer.bounds.holds(c)) for c in expr.top):
            limit = printer.select(below, printer.text(expr.top[0]), printer.text(expr.top[-1]))
            top = printer.select(f"{q} == {zero}", limit, top)
        bottom = _horner(printer, expr.bottom, e)
        if expr.bottom != expr.bottom[::-1]:
            bottom = printer.select(below, bottom, _horner(printer, expr.bottom[::-1], e))
        if expr.top[0] == 0 and self.g.lift:
            bottom = f"({bottom} * {printer.select(below, 'lift', one)})"
        return top, bottom


def _between_ends(expr: ExpQuotient) -> tuple[Any, Any, list[Any], list[Any]] | None:
    """c and n1, and the polynomials P and Q in E for which it is c n1 E (1 - P/bottom) = c (1 - Q/bottom).

    None where it is no such function, or where P and Q have negative coefficients.
    """
    top, bottom = expr.top, expr.bottom
    if top[0] != 0 or top[-1] == 0 or len(top) < 3:
        return None
    line = top[-1] / bottom[-1]
    shares = [sympy.cancel(t / line) for t in top]
    if not all(c.is_number for c in (*shares, *bottom)) or shares[1] == 0:
        return None
    after_first = [*(c / shares[1] for c in shares[1:]), sympy.Integer(0)]
    left, right = ([b - c for b, c in zip(bottom, less, strict=True)] for less in (after_first, shares))
    return (line, shares[1], left, right) if all(c >= 0 for c in (*left, *right)) else None


def _degree(coefficient: Any) -> int:
    variables = [s for s in coefficient.free_symbols if isinstance(s, Variable)]
    is_polynomial = len(variables) == 1 and coefficient.is_polynomial(*variables)
    return int(sympy.degree(coefficient, *variables)) if is_polynomial else 0


def _horner(printer: Any, coefficients: Sequence[Any], e: str) -> str:
    """The polynomial in e with these coefficients, the lowest power first, as text."""
    last = max(k for k, c in enumerate(coefficients) if c != 0)
    total = None if coefficients[last] == 1 else printer.text(coefficients[last])
    for c in reversed(list(coefficients)[:last]):
        product = e if total is None else None
        if c == 0:
            total = product or f"({total} * {e})"
        elif product:
            total = f"({product} + {printer.text(c)})"
        else:
            total = printer.target.fused.format(total, e, printer.text(c))
    return total if total is not None else printer.literal(1.0)
