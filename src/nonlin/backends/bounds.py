"""Where the variables of a printed expression lie: x clamped to an interval, or one end of it open."""

from __future__ import annotations

import math
from typing import Any

from nonlin.language.evaluate import number

Interval = tuple[float, float]
_ANYWHERE = (-math.inf, math.inf)


class Bounds(dict[Any, Interval]):
    """The interval of each variable that stands for x clamped; an end is infinite where it is open or no number."""

    def clamp(self, variable: Any, low: Any, high: Any) -> None:
        """The variable is clamped to these expressions; None where it is open."""
        self[variable] = (
            number(low) if low is not None and not low.free_symbols else -math.inf,
            number(high) if high is not None and not high.free_symbols else math.inf,
        )

    def holds(self, expr: Any) -> bool:
        """Whether all that an expression depends on lies between numbers."""
        return all(math.isfinite(end) for s in expr.free_symbols for end in self.get(s, _ANYWHERE))

    def interval(self, expr: Any) -> Interval:
        """Where a multiple of a variable lies, as far as that is known."""
        factor, variable = expr.as_independent(*self, as_Add=False)
        ends = self.get(variable, _ANYWHERE)
        if factor.is_number:
            scaled = [end and number(factor) * end for end in ends]  # no multiple of an end at 0 is nan
        elif factor.is_positive:
            scaled = [end and math.copysign(math.inf, end) for end in ends]
        else:
            return _ANYWHERE
        return min(scaled), max(scaled)
