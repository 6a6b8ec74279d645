"""The number that an expression stands for: in arbitrary precision (mpmath), or on a float64 grid (NumPy).

The reference that everything else is measured against, and what `facts` and the search for kinks compute with.
It is slow and exact; the code that users run is in `backends/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy

from nonlin.language import atoms
from nonlin.language.atoms import split_product

Values = Mapping[Any, Any]
_MOST_BITS = 10_000


def _mp_table(mp: Any) -> dict[type, Callable[..., Any]]:
    def sigmoid(u: Any) -> Any:
        return 1 / (1 + mp.exp(-u)) if u >= 0 else mp.exp(u) / (1 + mp.exp(u))

    def softplus(u: Any) -> Any:
        return (u if u > 0 else 0) + mp.log1p(mp.exp(-abs(u)))

    def pdf(u: Any) -> Any:
        return mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)

    def hypot(u: Any, v: Any) -> Any:
        return mp.sqrt(u * u + v * v)

    return {
        atoms.Exp: mp.exp,
        atoms.Expm1: mp.expm1,
        atoms.Log: mp.log,
        atoms.Log1p: mp.log1p,
        atoms.Sqrt: mp.sqrt,
        atoms.Sin: mp.sin,
        atoms.Cos: mp.cos,
        atoms.Tan: mp.tan,
        atoms.Atan: mp.atan,
        atoms.Sinh: mp.sinh,
        atoms.Cosh: mp.cosh,
        atoms.Tanh: mp.tanh,
        atoms.Sech2: lambda u: 4 * mp.exp(-2 * abs(u)) / (1 + mp.exp(-2 * abs(u))) ** 2,
        atoms.TanhGap: lambda u: u - mp.tanh(u),
        atoms.Sigmoid: sigmoid,
        atoms.Softplus: softplus,
        atoms.NormalCdf: lambda u: mp.erfc(-u / mp.sqrt(2)) / 2,
        atoms.NormalPdf: pdf,
        atoms.Erf: mp.erf,
        atoms.Erfc: mp.erfc,
        atoms.Hypot: hypot,
        atoms.HypotSum: lambda u, v: v * v / (hypot(u, v) - u) if u < 0 else u + hypot(u, v),
        atoms.HypotSlope: lambda u, v: v * v / (hypot(u, v) * (hypot(u, v) - u)) if u < 0 else 1 + u / hypot(u, v),
        atoms.Sign: mp.sign,
    }


@lru_cache(maxsize=8)
def _context(bits: int) -> tuple[Any, dict[type, Callable[..., Any]]]:
    mp = mpmath.MPContext()
    mp.prec = bits
    return mp, _mp_table(mp)


def exact(expr: Any, values: Values, bits: int = 160) -> Any:
    """The value as an mpmath number with about `bits` bits; nan where it is not a real number.

    `values` maps symbols to numbers (float, int, Fraction-like strings are not read). Infinite x is allowed: the
    result is then what exact arithmetic with infinities gives, nan for inf - inf and inf/inf.
    """
    mp, table = _context(bits)
    known: dict[Any, Any] = {symbol: mp.mpf(value) for symbol, value in values.items()}
    nan = mp.nan

    def real(value: Any) -> Any:
        return nan if isinstance(value, mp.mpc) else value

    def within_reach(value: Any) -> Any:
        # exp(exp(1e20)) would be worked out to its 1e20 digits
        huge = mp.isfinite(value) and value != 0 and mp.mag(value) > _MOST_BITS
        return mp.sign(value) * mp.inf if huge else value

    def power(base: Any, exponent: Any) -> Any:
        if base == 0 and exponent < 0:
            return mp.inf
        return real(mp.power(base, exponent))

    def product(expr: Any) -> Any:
        first, rest = split_product(expr)
        if not first:
            return mp.fprod(map(visit, expr.args))
        vanished = mp.fprod(map(visit, first))
        return vanished if vanished == 0 else vanished * visit(rest)

    def where(expr: Any) -> Any:
        kind, c, a, b = expr.args
        value = visit(c)
        holds = value > 0 or (kind == atoms.GREATER_EQUAL and value == 0)
        return visit(a) if (value == 0 if kind == atoms.EQUAL else holds) else visit(b)

    def choose(expr: Any) -> Any:
        c, p, q = expr.args
        value = visit(c)
        if value == 0 or mp.isnan(value):
            return min(visit(p), visit(q), key=abs)
        return visit(p) if value > 0 else visit(q)

    def compute(expr: Any) -> Any:
        if isinstance(expr, sympy.Add):
            return mp.fsum(map(visit, expr.args))
        if isinstance(expr, sympy.Mul):
            return product(expr)
        if isinstance(expr, sympy.Pow):
            return power(visit(expr.base), visit(expr.exp))
        if isinstance(expr, atoms.Where):
            return where(expr)
        if isinstance(expr, atoms.Choose):
            return choose(expr)
        function = table.get(type(expr))
        if function is not None:
            arguments = [within_reach(visit(a)) for a in expr.args]
            return nan if any(map(mp.isnan, arguments)) else real(function(*arguments))
        if isinstance(expr, sympy.Rational):
            return mp.mpf(int(expr.p)) / int(expr.q)
        if isinstance(expr, atoms.Atom):
            return visit(expr.written_out())
        if expr is sympy.nan:
            return nan
        return mp.mpf(sympy.N(expr, int(bits * 0.31) + 5))

    def visit(expr: Any) -> Any:
        if expr not in known:
            try:
                known[expr] = compute(expr)
            except (ZeroDivisionError, ValueError, OverflowError):
                known[expr] = nan
        return known[expr]

    return visit(expr)


def number(expr: Any) -> float:
    """A constant expression as the nearest float."""
    return float(exact(expr, {}))


_np_erfc = np.vectorize(math.erfc, otypes=[float])
_np_erf = np.vectorize(math.erf, otypes=[float])


def _np_sigmoid(u: Any) -> Any:
    e = np.exp(-np.abs(u))
    return np.where(u < 0, e, 1.0) / (1.0 + e)


def _np_sech2(u: Any) -> Any:
    e = np.exp(-2 * np.abs(u))
    return 4 * e / (1 + e) ** 2


def _np_tanh_gap(u: Any) -> Any:
    series = u**3 / 3 - 2 * u**5 / 15 + 17 * u**7 / 315 - 62 * u**9 / 2835
    return np.where(np.abs(u) < 0.05, series, u - np.tanh(u))


def _np_hypot_slope(u: Any, v: Any) -> Any:
    h = np.hypot(u, v)
    return np.where(u < 0, v * v / (h * (h + np.abs(u))), 1 + u / h)


_NP: dict[type, Callable[..., Any]] = {
    atoms.Exp: np.exp,
    atoms.Expm1: np.expm1,
    atoms.Log: np.log,
    atoms.Log1p: np.log1p,
    atoms.Sqrt: np.sqrt,
    atoms.Sin: np.sin,
    atoms.Cos: np.cos,
    atoms.Tan: np.tan,
    atoms.Atan: np.arctan,
    atoms.Sinh: np.sinh,
    atoms.Cosh: np.cosh,
    atoms.Tanh: np.tanh,
    atoms.Sech2: _np_sech2,
    atoms.TanhGap: _np_tanh_gap,
    atoms.Sigmoid: _np_sigmoid,
    atoms.Softplus: lambda u: np.logaddexp(0.0, u),
    atoms.NormalCdf: lambda u: _np_erfc(-u / math.sqrt(2)) / 2,
    atoms.NormalPdf: lambda u: np.exp(-u * u / 2) / math.sqrt(2 * math.pi),
    atoms.Erf: _np_erf,
    atoms.Erfc: _np_erfc,
    atoms.Hypot: np.hypot,
    atoms.HypotSum: lambda u, v: np.where(u < 0, v * v / (np.hypot(u, v) + np.abs(u)), u + np.hypot(u, v)),
    atoms.HypotSlope: _np_hypot_slope,
    atoms.Sign: np.sign,
}


def on_grid(expr: Any, values: Values) -> Any:
    """The value in float64 for arrays in `values`, broadcast; silent about overflow, nan where undefined."""
    known: dict[Any, Any] = {symbol: np.asarray(value, dtype=float) for symbol, value in values.items()}

    def compute(expr: Any) -> Any:
        if isinstance(expr, sympy.Add):
            return sum(map(visit, expr.args[1:]), visit(expr.args[0]))
        if isinstance(expr, sympy.Mul):
            first, rest = split_product(expr)
            if not first:
                return math.prod(map(visit, expr.args), start=np.float64(1.0))
            vanished = math.prod(map(visit, first), start=np.float64(1.0))
            return np.where(vanished == 0, 0.0, vanished * visit(rest))
        if isinstance(expr, sympy.Pow):
            return np.power(visit(expr.base), visit(expr.exp))
        if isinstance(expr, atoms.Where):
            c, a, b = map(visit, expr.args[1:])
            test = {atoms.GREATER: np.greater, atoms.GREATER_EQUAL: np.greater_equal, atoms.EQUAL: np.equal}
            return np.where(test[expr.args[0]](c, 0), a, b)
        if isinstance(expr, atoms.Choose):
            c, p, q = map(visit, expr.args)
            return np.where(c > 0, p, np.where(c < 0, q, np.where(np.abs(p) <= np.abs(q), p, q)))
        function = _NP.get(type(expr))
        if function is not None:
            return function(*map(visit, expr.args))
        return np.float64(number(expr))

    def visit(expr: Any) -> Any:
        if expr not in known:
            known[expr] = compute(expr)
        return known[expr]

    with np.errstate(all="ignore"):
        shape = np.broadcast_shapes(*(v.shape for v in known.values())) if known else ()
        return np.broadcast_to(visit(expr), shape).astype(float)
