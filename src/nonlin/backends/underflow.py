"""Expressions rearranged for targets that flush subnormal numbers to 0, as XLA and TensorFlow do.

x*sigmoid(x) at -89 is 2e-37 in float32, a normal number, but sigmoid(-89) is subnormal and would be 0. So a factor
f that vanishes is written as root*(root*rest) with the root of f, which keeps half of its exponent. In a sum all of
whose terms vanish, as in sigmoid(x) + x*sigmoid(x)*sigmoid(-x), the terms are scaled by a power of two as well:
otherwise one term would be lost where the other is not.
"""

from __future__ import annotations

from typing import Any

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import Atom, split_product


def _named(name: str, *arities: int) -> type[Atom]:
    return type(name, (Atom,), {"text": name, "nargs": arities})


RootSigmoid, RootSoftplus, Sech = _named("RootSigmoid", 1), _named("RootSoftplus", 1), _named("Sech", 1)
RootNormalPdf, RootNormalCdf = _named("RootNormalPdf", 1), _named("RootNormalCdf", 1)
RootSmall = _named("RootSmall", 2)  # of f(y), where f is the identity near 0, given the root of y
Product, ScaledProduct = _named("Product", 2), _named("ScaledProduct", 3)  # root^2 rest, and times a scale
Scale = _named("Scale", 1)
Larger = _named("Larger", 2)

_ROOTS: dict[type, type[Atom]] = {
    atoms.Sigmoid: RootSigmoid,
    atoms.Softplus: RootSoftplus,
    atoms.Sech2: Sech,
    atoms.NormalPdf: RootNormalPdf,
    atoms.NormalCdf: RootNormalCdf,
}
_IDENTITY_NEAR_0 = (atoms.Tanh, atoms.Expm1, atoms.Log1p, atoms.Sinh, atoms.Atan)


def rearranged(expr: Any) -> Any:
    """The same function, whose printed form keeps normal results normal."""
    if not expr.has(*atoms.VANISHING):
        return expr
    if isinstance(expr, sympy.Mul):
        first, rest = split_product(expr)
        root = _root_of_product(first)
        if root is not None:
            return Product(root, rearranged(rest))
    if isinstance(expr, sympy.Add):
        terms = [_factored(term) for term in expr.args]
        if all(terms):
            return _scaled_sum([t for t in terms if t])
    return expr.func(*map(rearranged, expr.args))


def _scaled_sum(terms: list[tuple[Any, Any]]) -> Any:
    largest = terms[0][0]
    for root, _ in terms[1:]:
        largest = Larger(largest, root)
    scale = Scale(largest)
    return sympy.Mul(sympy.Add(*(ScaledProduct(root, rest, scale) for root, rest in terms)), 1 / scale)


def _factored(term: Any) -> tuple[Any, Any] | None:
    """A term as (root, rest) with term = root^2 rest; None where nothing in it vanishes."""
    factors = term.args if isinstance(term, sympy.Mul) else (term,)
    roots = {f: r for f in factors if (r := _root(f)) is not None}
    if not roots:
        return None
    return sympy.Mul(*roots.values()), rearranged(sympy.Mul(*(f for f in factors if f not in roots)))


def _root_of_product(factors: list[Any]) -> Any:
    roots = [_root(f) for f in factors]
    return None if not roots or None in roots else sympy.Mul(*roots)


def _root(factor: Any) -> Any:
    """The square root of a factor that vanishes at one end, else None."""
    if isinstance(factor, sympy.Pow):
        root = _root(factor.base) if factor.exp.is_Integer and factor.exp.is_positive else None
        return None if root is None else root**factor.exp
    if not isinstance(factor, Atom) or not atoms.has_x(factor):
        return None
    (u, *_) = factor.args
    if isinstance(factor, atoms.Exp):
        return atoms.Exp(u / 2)
    if isinstance(factor, _IDENTITY_NEAR_0):
        root = _root(u)
        return None if root is None else RootSmall(factor, root)
    kind = _ROOTS.get(type(factor))
    return None if kind is None else kind(u)
