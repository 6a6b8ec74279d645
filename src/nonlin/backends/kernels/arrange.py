"""A smooth expression, rearranged for a kernel: fewer roundings and fewer divisions than as it was derived."""

from __future__ import annotations

from typing import Any

import sympy

from nonlin.backends.kernels.rational import quotients
from nonlin.language.atoms import (
    GREATER,
    Atom,
    Cos,
    HypotSum,
    NormalCdf,
    NormalPdf,
    Sin,
    Softplus,
    Variable,
    Where,
    has_x,
)


class NormalRamp(Atom):
    """u normal_cdf(u)."""

    text = "normal_ramp"
    nargs = (1,)

    def written_out(self) -> Any:
        return self.args[0] * NormalCdf(self.args[0])


class NormalRampSlope(Atom):
    """normal_cdf(u) + u normal_pdf(u), which cancels as written."""

    text = "normal_ramp_slope"
    nargs = (1,)

    def written_out(self) -> Any:
        return NormalCdf(self.args[0]) + self.args[0] * NormalPdf(self.args[0])


def arranged(expr: Any) -> Any:
    """The expression with common factors of each sum in front.

    silu' = s(x) + x s(x) s(-x) becomes s(x) (1 + x s(-x)): of two large terms that cancel, a small one is left, and
    only its rounding counts.
    """
    if not expr.has(Atom):
        # x/6 + 1/2 cancels beside -3, (x + 3)/6 does not
        return _monic(expr) if _is_polynomial(expr) else expr
    expr = expr.replace(lambda e: isinstance(e, sympy.Add | sympy.Mul), _normal)
    expr = expr.replace(lambda e: isinstance(e, sympy.Add), _square)
    factored = quotients(expr).replace(lambda e: isinstance(e, sympy.Add), _factored)
    return factored.replace(lambda e: isinstance(e, sympy.Mul), _product)


def _normal(expr: Any) -> Any:
    """u normal_cdf(u) and its slope as one function of u."""
    for f in expr.args:
        if isinstance(f, NormalCdf):
            u = f.args[0]
            partner = u if isinstance(expr, sympy.Mul) else u * NormalPdf(u)
            if partner in expr.args:
                rest = [g for g in expr.args if g not in (f, partner)]
                return expr.func((NormalRamp if isinstance(expr, sympy.Mul) else NormalRampSlope)(u), *rest)
    return expr


def _square(total: Any) -> Any:
    """c + 2 c sin(u) cos(u) as c (sin(u) + cos(u))^2, which keeps its digits next to its zeros."""
    for term in total.args:
        waves = [f for f in sympy.Mul.make_args(term) if isinstance(f, Sin | Cos)]
        if len(waves) == 2 and {type(f) for f in waves} == {Sin, Cos} and waves[0].args == waves[1].args:
            c = term / (2 * waves[0] * waves[1])
            if c in total.args:
                rest = [t for t in total.args if t not in (c, term)]
                return sympy.Add(c * (waves[0] + waves[1]) ** 2, *rest)
    return total


def _is_polynomial(expr: Any) -> bool:
    """Whether an expression is a polynomial in x (or in x clamped) and nothing else."""
    return len(expr.free_symbols) == 1 and all(
        isinstance(s, Variable) and expr.is_polynomial(s) for s in expr.free_symbols
    )


def _monic(polynomial: Any) -> Any:
    """A polynomial as factors with 1 in front of their highest power: (2*x - 1)/2 overflows, x - 1/2 does not."""
    variable = polynomial.free_symbols.pop()
    number, factors = sympy.factor_list(polynomial)
    monic = [(sympy.Poly(f, variable).LC(), f, k) for f, k in factors]
    number *= sympy.Mul(*(c**k for c, _, k in monic))
    product = sympy.Mul(*(sympy.expand(f / c) ** k for c, f, k in monic))
    return product if number == 1 else sympy.Mul(number, *sympy.Mul.make_args(product), evaluate=False)


def _factored(total: Any) -> Any:
    """A sum with the atoms that all its terms share in front."""
    terms = [sympy.Mul.make_args(t) for t in total.args]
    shared = [f for f in terms[0] if isinstance(f, Atom) and all(f in t for t in terms[1:])]
    if not shared:
        return total
    rest = sympy.Add(*(sympy.Mul(*(f for f in t if f not in shared)) for t in terms))
    return sympy.Mul(*shared, rest, evaluate=False)


def _product(product: Any) -> Any:
    """c (u + sqrt(u^2 + v^2)) with c inside: the sum of two large numbers would overflow where c times it does not."""
    number, rest = product.as_coeff_Mul()
    if number.is_positive and isinstance(rest, HypotSum):
        return HypotSum(*(number * a for a in rest.args))
    for f in product.args:
        if isinstance(f, Softplus) and not (c := product / f).is_number and not has_x(c):
            u = f.args[0]  # which overflows before c u does: from 1000 on softplus(u) is u
            return Where(GREATER, u - 1000, c * u, product)
    return product
