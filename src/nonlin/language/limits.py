"""The limit of an expression as x goes to +-inf, found with numbers of many digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath

from nonlin.language.atoms import x
from nonlin.language.evaluate import exact
from nonlin.language.formula import Formula

_BITS = 1200
_FAR = ("1e20", "1e40", "1e80", "1e160")


@lru_cache(maxsize=4096)
def limit_at(formula: Formula, expr: Any, sign: str) -> float | None:
    """The limit at "+" or "-" infinity if arithmetic with an infinite x does not give it by itself, else None.

    None too where there is no limit, as for a sine, or where it depends on the parameters.
    """
    if not expr.has(x):
        return None
    infinite = math.inf if sign == "+" else -math.inf
    if all(not _is_nan(exact(expr, {**values, x: infinite})) for values in formula.samples):
        return None
    found = {approach(expr, values, sign) for values in formula.samples}
    limit = found.pop() if len(found) == 1 else None
    return None if limit is None or math.isnan(limit) else limit


def approach(expr: Any, parameters: Any, sign: str) -> float:
    """The limit at "+" or "-" infinity for given parameters; nan where the values do not settle."""
    far = [exact(expr, {**parameters, x: float(sign + p)}, _BITS) for p in _FAR]
    if any(map(_is_nan, far)):
        return math.nan
    last, before = far[-1], far[-2]
    if abs(last - before) <= 1e-30 * max(1, abs(last)):
        return 0.0 if abs(last) < 1e-35 else float(last)
    if abs(last) > 10 * abs(before) and abs(before) > 1e10:
        return math.copysign(math.inf, last)
    return math.nan


def _is_nan(value: Any) -> bool:
    return bool(value != value)


@dataclass(frozen=True)
class Asymptote:
    """The line slope*x + offset that an expression has reached at `place`, and keeps to from there on."""

    place: float
    slope: float
    offset: float


_END = 800.0  # exp(-800) is below every float64


@lru_cache(maxsize=4096)
def asymptote(expr: Any, sign: str, relative: int, absolute: int) -> Asymptote | None:
    """Where an expression has come to its asymptote but for a relative error of 2^relative or an absolute 2^absolute.

    None where it has none or comes to it later than exponentials do, or where it depends on parameters.
    """
    if expr.free_symbols != {x}:
        return None
    side = float(sign + "1")
    far = [(side * _END * 4**k, exact(expr, {x: side * _END * 4**k}, _BITS)) for k in range(4)]
    if any(_is_nan(y) for _, y in far):
        return None
    (a, first), *_, (b, last) = far
    slope = _float((last - first) / (b - a))
    offset = None if slope is None else _float(last - slope * b)
    if slope is None or offset is None:
        return None

    def reached(point: float, value: Any) -> bool:
        line = slope * point + offset
        return bool(abs(value - slope * point - offset) <= max(abs(line) * 2.0**relative, mpmath.ldexp(1, absolute)))

    if not all(reached(*place) for place in far):
        return None
    place, step = _END, 0.5
    while step > 1e-3 and place > 1:  # down in steps of a half, a quarter ... for as long as that holds
        nearer = place * (1 - step)
        if reached(side * nearer, exact(expr, {x: side * nearer}, _BITS)):
            place = nearer
        else:
            step /= 2
    return Asymptote(side * place, slope, offset)


def _float(value: Any) -> float | None:
    """The float that a number of many digits is, if it is one but for those digits' own error."""
    near = 0.0 if abs(value) < 1e-40 else float(value)
    return near if abs(value - near) <= 1e-25 * abs(near) + 1e-40 else None
