"""Sums, products and calls that lose digits as written, replaced by the atom that keeps them.

A user writes `log(1 + exp(x))`, `1/(1 + exp(-x))` or `0.5*x*(1 + tanh(...))`; computed as written these
overflow or cancel. `combine` looks at one node whose parts are already in stable form. The rules hold for any
argument: no activation is named here.
"""

from __future__ import annotations

from typing import Any

import sympy

from nonlin.language.atoms import (
    Cosh,
    Erf,
    Erfc,
    Exp,
    Expm1,
    Hypot,
    HypotSum,
    Log,
    Log1p,
    NormalCdf,
    Sech2,
    Sigmoid,
    Sinh,
    Softplus,
    Sqrt,
    Tanh,
    TanhGap,
)

_ROOT2 = sympy.sqrt(2)
BESIDE_ONE = {
    # 1 + f(u) and 1 - f(u)
    (Tanh, 1): lambda u: 2 * Sigmoid(2 * u),
    (Tanh, -1): lambda u: 2 * Sigmoid(-2 * u),
    (Erf, 1): lambda u: 2 * NormalCdf(_ROOT2 * u),
    (Erf, -1): lambda u: Erfc(u),
    (Sigmoid, -1): lambda u: Sigmoid(-u),
    (NormalCdf, -1): lambda u: NormalCdf(-u),
    (Exp, -1): lambda u: -Expm1(u),
    (Sigmoid, -2): lambda u: -Tanh(u / 2),
}


def combine(expr: Any) -> Any:
    """The stable form of a node; the node itself where no rule applies."""
    if isinstance(expr, sympy.Add):
        return _sum(expr)
    if isinstance(expr, sympy.Mul):
        return _product(expr)
    if isinstance(expr, sympy.Pow):
        return _power(expr)
    if isinstance(expr, Log):
        return _log(expr.args[0])
    if isinstance(expr, Log1p) and isinstance(expr.args[0], Exp):
        return Softplus(*expr.args[0].args)
    if isinstance(expr, Sqrt):
        return _root(expr)
    return expr


def _sum(expr: Any) -> Any:
    terms = list(expr.args)
    for i, term in enumerate(terms):
        coefficient, atom = term.as_coeff_Mul()
        rest = terms[:i] + terms[i + 1 :]
        if coefficient == 2 and isinstance(atom, Sigmoid) and -1 in rest:
            return sympy.Add(Tanh(atom.args[0] / 2), *_without(rest, sympy.Integer(-1)))
        others = sympy.Add(*rest)
        if isinstance(atom, Exp) and coefficient == 1 and -1 in rest:
            return sympy.Add(Expm1(*atom.args), *_without(rest, sympy.Integer(-1)))
        if isinstance(atom, Exp):
            for sign, function in ((1, Cosh), (-1, Sinh)):
                if coefficient == 1 and others == sign * Exp(-atom.args[0]):
                    return 2 * function(atom.args[0])
        if (type(atom), coefficient) in BESIDE_ONE and 1 in rest:
            mended = BESIDE_ONE[type(atom), coefficient](*atom.args)
            return sympy.Add(mended, *_without(rest, sympy.Integer(1)))
        if isinstance(atom, Tanh) and others == -coefficient * atom.args[0]:
            return -coefficient * TanhGap(*atom.args)
        if isinstance(atom, Hypot) and coefficient == 1 and others in (atom.args[0], -atom.args[0]):
            return HypotSum(others, atom.args[1])
    return expr


def _without(terms: list[Any], one: Any) -> list[Any]:
    left = list(terms)
    left.remove(one)
    return left


def _product(expr: Any) -> Any:
    factors = list(expr.args)
    for factor in factors:
        rest = [f for f in factors if f is not factor]
        # exp(u) / (1 + exp(u)): the second factor has become sigmoid(-u) already
        if isinstance(factor, Exp) and Sigmoid(-factor.args[0]) in rest:
            return sympy.Mul(Sigmoid(*factor.args), *_without(rest, Sigmoid(-factor.args[0])))
        if isinstance(factor, Sinh) and 1 / Cosh(*factor.args) in rest:
            return sympy.Mul(Tanh(*factor.args), *_without(rest, 1 / Cosh(*factor.args)))
        stable = _power(factor) if isinstance(factor, sympy.Pow) else factor
        if stable != factor:
            return combine(sympy.Mul(stable, *rest))
    return expr


def _power(expr: Any) -> Any:
    base, exponent = expr.args
    if isinstance(base, Exp):
        return Exp(exponent * base.args[0])
    if isinstance(base, Cosh) and exponent == -2:
        return Sech2(*base.args)
    if isinstance(base, Sqrt) and exponent == 2:
        return base.args[0]
    if exponent.is_integer and exponent.is_negative and isinstance(base, sympy.Add) and len(base.args) == 2:
        one, other = base.args
        if one == 1 and isinstance(other, Exp):
            return Sigmoid(-other.args[0]) ** -exponent
    return expr


def _log(u: Any) -> Any:
    if isinstance(u, sympy.Add) and sympy.Integer(1) in u.args:
        return combine(Log1p(u - 1))
    return Log(u)


def _root(expr: Any) -> Any:
    (u,) = expr.args
    if isinstance(u, sympy.Add) and len(u.args) == 2:
        for square, constant in (u.args, u.args[::-1]):
            if (
                isinstance(square, sympy.Pow)
                and square.exp == 2
                and constant.is_positive
                and not constant.has(square.base)
            ):
                return Hypot(square.base, sympy.sqrt(constant) if constant.is_number else Sqrt(constant))
    return expr
