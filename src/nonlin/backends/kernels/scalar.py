"""The atoms as scalar functions for Numba, in float64; float32 is computed in float64 and rounded once.

Each says why it keeps its digits. A library call (`math.exp`, `math.erfc`) is within an ulp or so of the true
value at its argument; what is mended here is what the argument or the arithmetic around the call would lose.
"""

from __future__ import annotations

import math

from numba import njit

from nonlin.backends.stable import TANH_GAP

_ROOT_HALF = math.sqrt(0.5)
_ROOT_HALF_LOW = -4.833646656726457e-17  # sqrt(1/2) - float(sqrt(1/2))
_ROOT_2PI = math.sqrt(2 * math.pi)
_SPLITTER = 134217729.0  # 2^27 + 1: Veltkamp's constant, which cuts a float64 in two halves of 26 bits

function = njit(error_model="numpy", nogil=True)


@function
def sigmoid(u: float) -> float:
    e = math.exp(-abs(u))  # never overflows; both branches keep the small side exact
    return e / (1.0 + e) if u < 0.0 else 1.0 / (1.0 + e)


@function
def softplus(u: float) -> float:
    return (u if u > 0.0 else 0.0) + math.log1p(math.exp(-abs(u))) if u == u else u


@function
def sech2(u: float) -> float:
    e = math.exp(-2.0 * abs(u))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


@function
def tanh_gap(u: float) -> float:
    """u - tanh(u); the difference would cancel near 0, so the series there."""
    if abs(u) > 0.25:
        return u - math.tanh(u)
    v = u * u
    s = 0.0
    for c in TANH_GAP:
        s = s * v + c
    return u * v * s


@function
def normal_pdf(u: float) -> float:
    """exp(-u^2/2)/sqrt(2 pi): the rounding of u^2 would cost u^2/2 ulp, so u is cut in two and h^2 is exact."""
    if not abs(u) < 40.0:
        return 0.0 if u == u else u
    c = _SPLITTER * u
    h = c - (c - u)
    return math.exp(-0.5 * h * h) * math.exp(-0.5 * (u - h) * (u + h)) / _ROOT_2PI


@function
def normal_cdf(u: float) -> float:
    """erfc(-u/sqrt 2)/2: in the left tail an error d in the argument s becomes a factor exp(-2 s d), put right here."""
    s = -u * _ROOT_HALF
    if not 1.0 < s < 28.0:
        return 0.5 * math.erfc(s)
    c = _SPLITTER * u
    uh = c - (c - u)
    ul = u - uh
    c = _SPLITTER * _ROOT_HALF
    rh = c - (c - _ROOT_HALF)
    rl = _ROOT_HALF - rh
    lost = (((-uh * rh - s) - uh * rl) - ul * rh) - ul * rl - u * _ROOT_HALF_LOW  # Dekker's exact product
    return 0.5 * math.erfc(s) * (1.0 - 2.0 * s * lost)


@function
def sign(u: float) -> float:
    return 1.0 if u > 0.0 else -1.0 if u < 0.0 else u


@function
def hypot_sum(u: float, v: float) -> float:
    h = math.hypot(u, v)
    return v * (v / (h - u)) if u < 0.0 else u + h


@function
def hypot_slope(u: float, v: float) -> float:
    h = math.hypot(u, v)
    return (v / h) * (v / (h - u)) if u < 0.0 else 1.0 + u / h
