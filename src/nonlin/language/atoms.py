"""The atoms of the formula language: a small set of functions, closed under differentiation.

SymPy's own functions are not used, because they rewrite themselves into forms that lose digits: its `tanh`
differentiates to `1 - tanh**2`, which is 0 from x = 9 on in float32, and `exp(-x)*exp(x)` becomes 1. An atom
here has no automatic evaluation: what is written stays as it is written, and its derivative is the stable form.

The last four are piecewise. `pieces.py` resolves them where it can; where a kink cannot be found in advance
(abs(sin(x)), or a kink whose place and order depend on parameters) they stay in the expression, and
differentiate branch by branch.
"""

from __future__ import annotations

from typing import Any

import sympy


class Variable(sympy.Symbol):
    """x, or x clamped to an interval: what a formula is a function of, as opposed to its parameters."""

    def __new__(cls, name: str) -> Variable:
        return super().__new__(cls, name, real=True)  # pyright: ignore[reportReturnType]


x: Any = Variable("x")


def has_x(expr: Any) -> bool:
    """Whether an expression depends on x."""
    return any(isinstance(s, Variable) for s in expr.free_symbols)


class Atom(sympy.Function):
    """A function that never rewrites itself. `slopes` gives the partial derivatives.

    `written_out` gives it in terms of others; those that `evaluate.py` knows by themselves have no need of it.
    """

    is_real = True
    is_commutative = True
    text: str  # its name in the language

    @classmethod
    def eval(cls, *_: Any) -> None:
        return None

    def slopes(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def written_out(self) -> Any:
        raise NotImplementedError

    def fdiff(self, argindex: int = 1) -> Any:
        return self.slopes()[argindex - 1]


def _atom(name: str, text: str, slope: Any) -> type[Atom]:
    def slopes(self: Atom) -> tuple[Any, ...]:
        return (slope(*self.args),)

    return type(name, (Atom,), {"slopes": slopes, "text": text, "nargs": (1,)})


Exp = _atom("Exp", "exp", lambda u: Exp(u))
Expm1 = _atom("Expm1", "expm1", lambda u: Exp(u))
Log = _atom("Log", "log", lambda u: 1 / u)
Log1p = _atom("Log1p", "log1p", lambda u: 1 / (1 + u))
Sqrt = _atom("Sqrt", "sqrt", lambda u: 1 / (2 * Sqrt(u)))
Sin = _atom("Sin", "sin", lambda u: Cos(u))
Cos = _atom("Cos", "cos", lambda u: -Sin(u))
Tan = _atom("Tan", "tan", lambda u: 1 + Tan(u) ** 2)
Atan = _atom("Atan", "atan", lambda u: 1 / (1 + u**2))
Sinh = _atom("Sinh", "sinh", lambda u: Cosh(u))
Cosh = _atom("Cosh", "cosh", lambda u: Sinh(u))
# tanh' as sech^2 = 4e/(1+e)^2 with e = exp(-2|u|), which keeps every digit where 1 - tanh^2 keeps none.
Tanh = _atom("Tanh", "tanh", lambda u: Sech2(u))
Sech2 = _atom("Sech2", "sech2", lambda u: -2 * Tanh(u) * Sech2(u))
# u - tanh(u), which is u^3/3 near 0: the difference of two nearly equal numbers if computed as written.
TanhGap = _atom("TanhGap", "tanh_gap", lambda u: Tanh(u) ** 2)
# s' = s(u) s(-u): s (1 - s) is 0 from u = 17.3 on in float32.
Sigmoid = _atom("Sigmoid", "sigmoid", lambda u: Sigmoid(u) * Sigmoid(-u))
Softplus = _atom("Softplus", "softplus", lambda u: Sigmoid(u))
NormalCdf = _atom("NormalCdf", "normal_cdf", lambda u: NormalPdf(u))
NormalPdf = _atom("NormalPdf", "normal_pdf", lambda u: -u * NormalPdf(u))
# By exp(-u^2) itself: in the normal density sqrt(2) u would be rounded, which costs u^2 ulp.
Erf = _atom("Erf", "erf", lambda u: 2 / sympy.sqrt(sympy.pi) * Exp(-(u**2)))
Erfc = _atom("Erfc", "erfc", lambda u: -2 / sympy.sqrt(sympy.pi) * Exp(-(u**2)))


class Hypot(Atom):
    """sqrt(u^2 + v^2) without overflow of the squares."""

    text = "hypot"
    nargs = (2,)

    def slopes(self) -> tuple[Any, ...]:
        return tuple(u / self for u in self.args)


class HypotSum(Atom):
    """u + sqrt(u^2 + v^2); for u < 0 as v^2/(sqrt(u^2 + v^2) - u), since the sum as written cancels there."""

    text = "hypot_sum"
    nargs = (2,)

    def slopes(self) -> tuple[Any, ...]:
        u, v = self.args
        return HypotSlope(u, v), v / Hypot(u, v)


class HypotSlope(Atom):
    """1 + u/sqrt(u^2 + v^2), the slope of `HypotSum`, without the cancellation for u < 0."""

    text = "hypot_slope"
    nargs = (2,)

    def slopes(self) -> tuple[Any, ...]:
        u, v = self.args
        return v**2 / Hypot(u, v) ** 3, -u * v / Hypot(u, v) ** 3


class Sign(Atom):
    """-1, 0 or 1; its slope is 0 everywhere, at the jump too."""

    text = "sign"
    nargs = (1,)

    def slopes(self) -> tuple[Any, ...]:
        return (sympy.Integer(0),)


class Choose(Atom):
    """Choose(c, p, q): p where c > 0, q where c < 0, and of the two the one nearer to 0 where c = 0.

    max(a, b) is Choose(a - b, a, b), whose derivative Choose(a - b, a', b') then takes the side with the
    smaller slope at a tie, which is the default of the kink rule.
    """

    text = "choose"
    nargs = (3,)

    def _eval_derivative(self, s: Any) -> Any:
        c, p, q = self.args
        dp, dq = p.diff(s), q.diff(s)
        return dp if dp == dq else Choose(c, dp, dq)


class Where(Atom):
    """Where(kind, c, a, b): a where c > 0 (kind 1), c >= 0 (kind 2) or c == 0 (kind 3), else b."""

    text = "where"
    nargs = (4,)

    def _eval_derivative(self, s: Any) -> Any:
        kind, c, a, b = self.args
        da, db = a.diff(s), b.diff(s)
        return da if da == db else Where(kind, c, da, db)


GREATER, GREATER_EQUAL, EQUAL = sympy.Integer(1), sympy.Integer(2), sympy.Integer(3)
PIECEWISE = (Sign, Choose, Where)
# Exponentially small at one end: a factor of these that has reached 0 wins over one that is infinite.
VANISHING = (Exp, Sigmoid, Softplus, Sech2, NormalCdf, NormalPdf, Erfc)
BOUNDED = (Sigmoid, Tanh, Sech2, NormalCdf, NormalPdf, Erf, Erfc, Sin, Cos, Atan, HypotSlope, Sign)
OF_NORMAL = (NormalCdf, Erf, Erfc)  # the distribution, however it is spelled
ZERO_AT_ZERO = (Tanh, Expm1, Log1p, Sinh, Atan, Erf, Sqrt, TanhGap)  # odd or increasing, 0 at 0 and only there


def _vanishes(factor: Any) -> bool:
    """Whether a factor goes to 0 at one end faster than any power of x grows."""
    if isinstance(factor, sympy.Pow):
        return bool(factor.exp.is_positive) and _vanishes(factor.base)
    if isinstance(factor, ZERO_AT_ZERO):
        return _vanishes(factor.args[0])
    return isinstance(factor, VANISHING) and has_x(factor)


def _bounded(factor: Any) -> bool:
    """Whether a factor stays finite for every x."""
    if isinstance(factor, sympy.Pow):
        return bool(factor.exp.is_positive) and _bounded(factor.base)
    return not has_x(factor) or isinstance(factor, BOUNDED)


def split_product(product: Any) -> tuple[list[Any], Any]:
    """A product as the factors that, once they are 0, make all of it 0, and the product of the others.

    No factors where no other factor could be infinite at that moment: then the product is safe as it stands.
    """
    factors = list(product.args)
    unbounded = [f for f in factors if not _bounded(f)]
    first = [f for f in factors if _vanishes(f) and _bounded(f)] or [f for f in unbounded if _vanishes(f)][:1]
    if not first or not [f for f in unbounded if f not in first]:
        return [], product
    return first, sympy.Mul(*(f for f in factors if f not in first))
