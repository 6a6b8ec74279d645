"""The limit of an expression as x goes to +-inf, found with numbers of many digits."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

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


_END = 800.0  # exp(-800) is below every float64


@lru_cache(maxsize=4096)
def settled(expr: Any, sign: str) -> float | None:
    """The x from which on an expression is its finite limit to float64's last digit; None where that is far off.

    Computed at that x in place of larger ones, an expression meets no overflow and no 0 times infinity.
    """
    if not expr.has(x) or expr.free_symbols != {x}:
        return None
    far = [exact(expr, {x: float(sign + "1") * _END * 4**k}, 400) for k in range(4)]
    if any(map(_is_nan, far)):
        return None
    limit = 0 if abs(far[-1]) < 1e-323 else far[-1]
    slack = 1e-25 * abs(limit) if limit else 1e-323
    return float(sign + "1") * _END if all(abs(f - limit) <= slack for f in far) else None
