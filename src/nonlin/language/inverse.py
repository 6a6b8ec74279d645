"""The slope of an expression as a function of its value: f'(f^-1(y)), in closed form where the expression unwinds.

An expression unwinds where x occurs in it once, inside operations that each have an inverse (sums, multiples, powers)
and at most one function, whose slope is known from its own value: the sigmoid's s(1 - s), the exponential's itself.
Quadratics and quotients of two linear expressions unwind as well. The answer is an expression in x, which then stands
for the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact, number

# What each function's slope is, as a function of its own value w.
_OWN: dict[type, Callable[[Any], Any]] = {
    atoms.Exp: lambda w: w,
    atoms.Expm1: lambda w: 1 + w,
    atoms.Log: lambda w: atoms.Exp(-w),
    atoms.Log1p: lambda w: atoms.Exp(-w),
    atoms.Sqrt: lambda w: 1 / (2 * w),
    atoms.Sinh: lambda w: atoms.Hypot(1, w),
    atoms.Tanh: lambda w: (1 - w) * (1 + w),
    atoms.Sigmoid: lambda w: w * (1 - w),
    atoms.Softplus: lambda w: -atoms.Expm1(-w),
    atoms.Atan: lambda w: atoms.Cos(w) ** 2,
}


def slope_of_value(expr: Any, place: Any) -> Any:
    """The slope in terms of the value, on the branch through `place`; None where the expression does not unwind."""
    return _slope(expr, x, place)


def _slope(expr: Any, w: Any, place: Any) -> Any:
    """The slope of an expression whose value is w."""
    if expr == x:
        return sympy.Integer(1)
    if not expr.has(x):
        return sympy.Integer(0)
    known = _linear_or_quadratic(expr, w, place) or _quotient(expr, w)
    if known is not None:
        return known
    inner = [a for a in expr.args if a.has(x)]
    if len(inner) != 1:
        return None
    (part,) = inner
    if isinstance(expr, sympy.Add):
        return _slope(part, w - (expr - part), place)
    if isinstance(expr, sympy.Mul):
        factor = expr / part
        slope = _slope(part, w / factor, place)
        return None if slope is None else factor * slope
    if isinstance(expr, sympy.Pow):
        return _of_power(expr, w, place)
    steepness = part.diff(x)
    if steepness.has(x):
        return None
    if isinstance(expr, atoms.HypotSum) and expr.args[0] == part:
        return 2 * steepness / (1 + (expr.args[1] / w) ** 2)
    own = _OWN.get(type(expr))
    return None if own is None else steepness * own(w)


def _of_power(expr: Any, w: Any, place: Any) -> Any:
    base, power = expr.args
    if base.has(x) and not power.has(x) and power.is_integer and power.is_even and power.is_positive and power == 2:
        sign = 1 if exact(base, {x: place}) > 0 else -1
        root = sign * atoms.Sqrt(_at_least_0(w))
    elif power == -1:
        root = 1 / w
    else:
        return None
    slope = _slope(base, root, place)
    return None if slope is None else power * root ** (power - 1) * slope


def _linear_or_quadratic(expr: Any, w: Any, place: Any) -> Any:
    """a x^2 + b x + c = w has the slope 2ax + b, which is a root of b^2 - 4ac + 4aw."""
    if expr.has(atoms.Atom) or not expr.is_polynomial(x):
        return None
    coefficients = sympy.Poly(expr, x).all_coeffs()
    if len(coefficients) == 2:
        return coefficients[0]
    if len(coefficients) != 3:
        return None
    a, b, c = coefficients
    sign = 1 if exact(2 * a * x + b, {x: place}) > 0 else -1
    return sign * atoms.Sqrt(_at_least_0(b**2 - 4 * a * c + 4 * a * w))


def _quotient(expr: Any, w: Any) -> Any:
    """(ax + b)/(cx + d) = w has the slope (a - cw)^2/(ad - bc)."""
    if expr.has(atoms.Atom) or not expr.is_rational_function(x):
        return None
    above, below = (sympy.Poly(e, x) for e in sympy.fraction(sympy.together(expr)))
    if above.degree() > 1 or below.degree() != 1:
        return None
    a, b = above.coeff_monomial(x), above.coeff_monomial(1)
    c, d = below.coeff_monomial(x), below.coeff_monomial(1)
    return (a - c * w) ** 2 / (a * d - b * c)


def _at_least_0(w: Any) -> Any:
    """A value that rounding may have carried over the turning point."""
    return atoms.Choose(w, w, sympy.Integer(0))


# As text ------------------------------------------------------------------------------------------------------------


def text_of(expr: Any) -> str:
    """An expression without parameters as text that the language reads."""
    if expr == x:
        return "x"
    if expr.is_Integer:
        return f"({int(expr)})"
    if not expr.has(x):
        return f"({number(expr)!r})"
    if isinstance(expr, atoms.Choose) and expr.args[2] == 0:
        return f"max({text_of(expr.args[0])}, 0)"
    arguments = [text_of(a) for a in expr.args]
    if isinstance(expr, sympy.Add):
        return f"({' + '.join(arguments)})"
    if isinstance(expr, sympy.Mul):
        return f"({'*'.join(arguments)})"
    if isinstance(expr, sympy.Pow):
        return f"({'**'.join(arguments)})"
    return f"{expr.text}({', '.join(arguments)})"
