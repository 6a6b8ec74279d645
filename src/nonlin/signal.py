"""What becomes of a signal's variance, and of its gradient, in a deep network whose weights are scaled by the gain.

Pre-activations of variance q give those of the next layer the variance V(q) = E f(sqrt(q) z)^2 / E f(z)^2, z ~ N(0, 1)
(Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli 2016: Exponential expressivity in deep neural networks through transient
chaos. NeurIPS). The gain makes 1 a fixed point of this map; its slope there says whether the variance stays there.
A gradient's mean square is multiplied by gain^2 E f'(sqrt(q) z)^2 (Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017:
Deep information propagation. ICLR).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from nonlin.errors import ParameterError
from nonlin.facts import facts
from nonlin.language.atoms import x
from nonlin.language.curve import Curve, curve
from nonlin.language.evaluate import on_grid
from nonlin.language.formula import Formula
from nonlin.language.gaussian import moments

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(500)
_FAR = 12.0  # the density is 1e-32 there
_SMALL, _LARGE = 1e-3, 1e3
_STEPS = 2000
_ROUNDING = 1e-12
_LEAST, _MOST = 1e-300, 1e300  # variances whose squares and roots float64 can work with


@lru_cache(maxsize=512)
def gain(formula: Formula, values: tuple[float, ...]) -> float:
    """1/sqrt(E f(z)^2), which keeps the second moment of a signal; ParameterError where there is no such number."""
    second = facts(formula, values).second_moment
    if math.isnan(second):
        raise ParameterError(f"no gain: {formula.text} has no value at some inputs: take one that has")
    if second == 0 or math.isinf(second):
        raise ParameterError(f"no gain: E f(z)^2 of {formula.text} is {second:g}: take one whose signal is finite")
    return 1 / math.sqrt(second)


class VarianceMap:
    """V, for a formula at given parameter values.

    `slope` is V'(1) = (E z^2 f(z)^2 / E f(z)^2 - 1)/2: below 1 a deviation shrinks from layer to layer, at 1 it stays
    (as for every f with f(ax) = a f(x)), above 1 it grows, and no scale of the weights makes 1 a place to stay.
    """

    def __init__(self, formula: Formula, values: tuple[float, ...]):
        self.gain = gain(formula, values)
        self._curve = curve(formula, values)
        self.slope = (self.gain**2 * moments(Curve(x * self._curve.expr))[1] - 1) / 2

    def __call__(self, q: float) -> float:
        """The variance after a layer, of one of q before."""
        return self.gain**2 * _mean_square(self._curve, self._curve.expr, q)

    def destination(self, q: float) -> float:
        """Where the variance goes from q: 0 or inf, or the fixed point that it settles at."""
        for _ in range(_STEPS):
            before, q = q, self(q)
            if not _SMALL < q < _LARGE:
                return 0.0 if q < 1 else math.inf
            if abs(q - before) < 1e-9 * q:
                break
        return q

    @property
    def verdict(self) -> str:
        """One sentence on whether the variance stays near 1, and why."""
        if abs(self.slope - 1) < 1e-3:
            return f"stays, up to chance: V'(1) = {self.slope:.3f}: a deviation neither grows nor shrinks"
        if self.slope < 1:
            return f"stays: V'(1) = {self.slope:.3f}: a deviation shrinks by that factor each layer"
        ends = " or ".join(_told(self.destination(q)) for q in (0.9, 1.1))
        return f"cannot stay: V'(1) = {self.slope:.3f}: a deviation grows by that factor each layer, to {ends}"


@lru_cache(maxsize=512)
def variance_map(formula: Formula, values: tuple[float, ...]) -> VarianceMap:
    """The variance map of a formula at given parameter values."""
    return VarianceMap(formula, values)


class Propagated(NamedTuple):
    """By layer, the input first: the variance of the pre-activations, and the norm of the gradient that comes back
    from the last layer, where it is 1."""

    variance: tuple[float, ...]
    gradient: tuple[float, ...]


def propagated(
    formula: Formula, values: tuple[float, ...], layers: int, gain: float, variance: float = 1.0
) -> Propagated:
    """A signal N(0, variance) through so many layers of weights of variance gain^2 / fan-in, of very many units each.

    0 or inf from where float64 cannot hold it any more. The gradient of a surrogate goes by that.
    """
    line = curve(formula, values)
    slope = (line, line.slope) if formula.slope is None else ((own := curve(formula.slope, values)), own.expr)
    signal, factors = [variance], list[float]()
    for _ in range(layers):
        q = min(max(signal[-1], _LEAST), _MOST)
        after = gain**2 * _mean_square(line, line.expr, q)
        # a fixed point, which rounding would leave where a deviation grows
        signal.append(q if abs(after - q) < _ROUNDING * q else after)
        factors.append(gain * math.sqrt(_mean_square(*slope, q)))
    back = accumulate(reversed(factors), lambda norm, factor: norm * factor, initial=1.0)
    return Propagated(tuple(signal), tuple(back)[::-1])


def _mean_square(line: Curve, expr: Any, q: float) -> float:
    """E g(sqrt(q) z)^2, z ~ N(0, 1), of an expression that is smooth between the curve's breaks."""
    breaks = np.array([float(b) for b in line.breaks]) / math.sqrt(q)
    edges = np.unique(np.clip([-_FAR, 0.0, *breaks, _FAR], -_FAR, _FAR))
    half = np.diff(edges)[:, None] / 2
    places = edges[:-1, None] + half * (1 + _NODES)
    weights = half * _WEIGHTS * np.exp(-places * places / 2) / math.sqrt(2 * math.pi)
    with np.errstate(over="ignore"):
        return float(np.sum(weights * on_grid(expr, {x: math.sqrt(q) * places}) ** 2))


def _told(q: float) -> str:
    return "0" if q == 0 else "infinity" if math.isinf(q) else f"{q:.3g}"
