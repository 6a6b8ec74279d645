"""Means over z ~ N(0, 1): what a unit of normalised pre-activations gives on average."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

from nonlin.language.atoms import x
from nonlin.language.curve import Curve
from nonlin.language.evaluate import number, on_grid

_REACH = 38.0  # the density underflows beyond
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_HALVINGS = 60
_MOST_PANELS = 5000
_ROOT_2PI = math.sqrt(2 * math.pi)


def moments(curve: Curve) -> tuple[float, float, float]:
    """E f(z), E f(z)^2 and E f'(z)^2; a jump of f does not count in f'.

    In closed form where every piece is a polynomial, else by Gauss-Legendre quadrature on panels that are halved
    until both halves agree with the whole to 15 digits. nan where f is not defined or the mean does not exist.
    """
    means = _closed if curve.is_polynomial else _quadrature
    # the pieces of a curve that oscillates for ever hold within its window only, the whole expression everywhere
    whole = (curve.expr, curve.slope)
    parts = [means(*(whole if curve.oscillates else i.exprs[:2]), float(i.low), float(i.high)) for i in curve.intervals]
    first, second, slope = (sum(p[k] for p in parts) for k in range(3))
    return first, second, slope


def stillness(curve: Curve, order: int) -> float:
    """The probability that f(z), or a derivative, is 0, counting the intervals on which it is."""

    def below(place: float) -> float:
        return math.erfc(-place / math.sqrt(2)) / 2

    still = [i for i in curve.intervals if i.exprs[order] == 0]
    return math.fsum(below(float(i.high)) - below(float(i.low)) for i in still)


def _closed(value: Any, slope: Any, low: float, high: float) -> tuple[float, float, float]:
    first, second, squared_slope = (_polynomial(e, low, high) for e in (value, value**2, slope**2))
    return first, second, squared_slope


def _polynomial(expr: Any, low: float, high: float) -> float:
    """The integral of a polynomial times the density, by m_k = a^(k-1) p(a) - b^(k-1) p(b) + (k-1) m_(k-2)."""
    coefficients = [number(c) for c in sympy.Poly(expr, x).all_coeffs()[::-1]]

    def edge(place: float, power: int) -> float:
        return 0.0 if math.isinf(place) else place**power * math.exp(-place * place / 2) / _ROOT_2PI

    def mass() -> float:
        if low > 0:  # the upper tails keep the digits there
            return (math.erfc(low / math.sqrt(2)) - math.erfc(high / math.sqrt(2))) / 2
        return (math.erfc(-high / math.sqrt(2)) - math.erfc(-low / math.sqrt(2))) / 2

    integrals = [mass(), edge(low, 0) - edge(high, 0)]
    for k in range(2, len(coefficients)):
        integrals.append(edge(low, k - 1) - edge(high, k - 1) + (k - 1) * integrals[k - 2])
    return math.fsum(c * m for c, m in zip(coefficients, integrals, strict=False))


def _quadrature(value: Any, slope: Any, low: float, high: float) -> tuple[float, float, float]:
    low, high = max(low, -_REACH), min(high, _REACH)
    if not low < high:
        return 0.0, 0.0, 0.0
    edges = np.linspace(low, high, 2 + int(2 * (high - low)))
    a, b = edges[:-1], edges[1:]
    total = np.zeros(3)
    whole = _gauss(value, slope, a, b)
    size = np.abs(whole).sum(axis=1, keepdims=True)
    for _ in range(_HALVINGS):
        middle = (a + b) / 2
        left, right = _gauss(value, slope, a, middle), _gauss(value, slope, middle, b)
        with np.errstate(invalid="ignore"):
            open_ = np.any(np.abs(left + right - whole) > 1e-15 * size, axis=0)
        total += (left + right)[:, ~open_].sum(axis=1)
        if not open_.any():
            return float(total[0]), float(total[1]), float(total[2])
        if open_.sum() > _MOST_PANELS:
            break
        a, b = np.concatenate([a[open_], middle[open_]]), np.concatenate([middle[open_], b[open_]])
        whole = np.concatenate([left[:, open_], right[:, open_]], axis=1)
    # still growing at a pole after so many halvings
    rest = np.abs(whole).sum(axis=1)
    first, second, third = np.where(rest > 1e-9 * np.abs(total), (math.nan, math.inf, math.inf), total + rest)
    return float(first), float(second), float(third)


def _gauss(value: Any, slope: Any, low: Any, high: Any) -> Any:
    """The integrals of f, f^2 and f'^2 times the density over each panel, as three rows."""
    half = (high - low)[:, None] / 2
    places = (high + low)[:, None] / 2 + half * _NODES
    f, df = on_grid(value, {x: places}), on_grid(slope, {x: places})
    with np.errstate(all="ignore"):
        weights = half * _WEIGHTS * np.exp(-places * places / 2) / _ROOT_2PI
        return np.stack([(g * weights).sum(axis=1) for g in (f, f * f, df * df)])
