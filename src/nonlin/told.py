"""Facts as text for people."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nonlin.facts import Facts


def shown(value: float) -> str:
    """A number in four digits at most; "none" for nan."""
    return "none" if math.isnan(value) else f"{0.0 if value == 0 else value:.4g}"


def interval(low: float, high: float) -> str:
    """An interval as text, which does not say whether its ends belong to it."""
    return f"{shown(low)} to {shown(high)}"


def places(found: Iterable[float], intervals: Iterable[tuple[float, float]] = ()) -> str:
    """Places and intervals as text, the first few of many; "none" where there are none."""
    each = [*(interval(a, b) for a, b in intervals), *map(shown, found)]
    return ", ".join(each[:5]) + (f", ... ({len(each)})" if len(each) > 5 else "") if each else "none"


def cost(facts: Facts) -> str:
    """The operations an element, by class."""
    arithmetic, comparisons, exponentials = facts.cost
    counted = ((arithmetic, "arithmetic"), (comparisons, "comparison"), (exponentials, "exponential"))
    return ", ".join(f"{n} {name}" for n, name in counted if n) or "nothing"


def yes(value: bool) -> str:
    return "yes" if value else "no"
