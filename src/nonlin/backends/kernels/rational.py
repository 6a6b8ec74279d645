"""Functions that are rational in one exponential, as a quotient of two polynomials in it: one exp and one division.

sigmoid, sech^2, tanh(softplus) and what is made of them by products and sums, silu' = s(x) + x s(x) s(-x) for one, are
N(E)/D(E) for E = exp(u), with polynomials in x as coefficients of N. Written so, silu' = E (1 + x + E)/(1 + E)^2, of
the terms that cancel next to its zero only one was rounded before. D has positive coefficients: it loses nothing.
"""

from __future__ import annotations

from typing import Any

import sympy

from nonlin.language.atoms import Atom, Exp, Sech2, Sigmoid, Softplus, Tanh, Variable, has_x

_E: Any = sympy.Symbol("E", positive=True)
_HIGHEST = 8  # a higher degree costs more than the exponentials that it replaces


class ExpQuotient(Atom):
    """sum(top[k] E^k)/sum(bottom[k] E^k), E = exp(u); bottom[0] is 1; top[0] is 0 if it vanishes with E."""

    text = "exp_quotient"
    nargs = (3,)

    @property
    def top(self) -> list[Any]:
        return list(self.args[1])

    @property
    def bottom(self) -> list[Any]:
        return list(self.args[2])

    def written_out(self) -> Any:
        top, bottom = (sympy.Add(*(c * Exp(k * self.args[0]) for k, c in enumerate(p))) for p in self.args[1:])
        return top / bottom

    @property
    def even(self) -> bool:
        """Whether it is the same for 1/E, so that exp(-|u|) may stand for E."""
        return self.top == self.top[::-1] and self.bottom == self.bottom[::-1]


def quotients(expr: Any) -> Any:
    """The expression with its largest parts that are rational in one exponential as `ExpQuotient`."""
    if not expr.args or not expr.has(Sigmoid, Sech2, Softplus):
        return expr
    if isinstance(expr, sympy.Mul):
        inside = [f for f in expr.args if _is_rational(f)]
        whole = _rational(sympy.Mul(*inside)) if inside else None
        if whole is not None:
            return sympy.Mul(whole, *(quotients(f) for f in expr.args if f not in inside))
    elif (whole := _rational(expr)) is not None:
        return whole
    return expr.func(*map(quotients, expr.args))


def _is_rational(factor: Any) -> bool:
    """Whether a factor may be part of a quotient: its coefficients are polynomials in x."""
    plain = factor.replace(_is_exponential, lambda *_: sympy.Integer(1))
    return not plain.has(Atom) and bool(
        plain.is_polynomial(*(s for s in plain.free_symbols if isinstance(s, Variable)))
    )


def _is_exponential(expr: Any) -> bool:
    return isinstance(expr, Sigmoid | Sech2) or (isinstance(expr, Tanh) and isinstance(expr.args[0], Softplus))


def _rational(expr: Any) -> Any:
    """An expression as an ExpQuotient, or None."""
    if not _is_rational(expr):
        return None
    found = sorted(expr.atoms(Sigmoid, Sech2, Tanh), key=str)
    arguments = {a: _argument(a) for a in found if _is_exponential(a)}
    if not arguments:
        return None
    u = next((a for a in arguments.values() if not _is_negative(a)), next(iter(arguments.values())))
    powers = {a: 1 if v == u else -1 if v == -u else 0 for a, v in arguments.items()}
    if not all(powers.values()) or not has_x(u):
        return None
    value = expr.xreplace({a: _of(a, _E if powers[a] > 0 else 1 / _E) for a in arguments})
    numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(value)))
    if denominator.has(*(s for s in denominator.free_symbols if s != _E)):
        numerator, denominator = _without_constants(numerator, denominator)
    top, bottom = (sympy.Poly(p, _E).all_coeffs()[::-1] for p in (numerator, denominator))
    if len(bottom) > _HIGHEST or len(top) > len(bottom) or not all(b.is_nonnegative for b in bottom) or bottom[0] == 0:
        return None
    if len(top) > 1 and top[0] == 0 and top[1] == 0:
        return None  # it vanishes faster than E, which would underflow before the product with other factors does
    if not bottom[0].is_number:
        return None
    top = [t / bottom[0] for t in top] + [sympy.Integer(0)] * (len(bottom) - len(top))
    bottom = [b / bottom[0] for b in bottom]
    return ExpQuotient(u, sympy.Tuple(*map(_nested, top)), sympy.Tuple(*bottom))


def _nested(coefficient: Any) -> Any:
    """A polynomial in x by Horner's rule, with one number for each of its coefficients."""
    expanded = sympy.expand(coefficient)
    variables = [s for s in expanded.free_symbols if isinstance(s, Variable)]
    if expanded.free_symbols != set(variables) or len(variables) != 1:
        return sympy.cancel(coefficient)
    terms = sympy.Poly(expanded, *variables).terms()
    numbers = [(k, c if c.is_Rational else sympy.N(c, 40)) for (k,), c in terms]
    return sympy.horner(sympy.Add(*(c * variables[0] ** k for k, c in numbers)))


def _without_constants(numerator: Any, denominator: Any) -> tuple[Any, Any]:
    """Factors of the denominator that are free of E, moved to the numerator."""
    constant, rest = denominator.as_independent(_E, as_Add=False)
    return sympy.expand(numerator / constant), rest


def _is_negative(u: Any) -> bool:
    return bool(u.could_extract_minus_sign())


def _argument(atom: Any) -> Any:
    """The u for which an atom is a rational function of exp(u)."""
    u = atom.args[0]
    if isinstance(u, Softplus):
        return u.args[0]
    return sympy.expand(2 * u) if isinstance(atom, Sech2) else u


def _of(atom: Any, e: Any) -> Any:
    """An atom in terms of e = exp(u)."""
    if isinstance(atom.args[0], Softplus):
        y = 1 + e  # exp(softplus(u))
        if isinstance(atom, Tanh):
            return (y**2 - 1) / (y**2 + 1)
        return 4 * y**2 / (y**2 + 1) ** 2 if isinstance(atom, Sech2) else y / (1 + y)
    return 4 * e / (1 + e) ** 2 if isinstance(atom, Sech2) else e / (1 + e)
