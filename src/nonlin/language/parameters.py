"""Parameters of a formula: a name, a default, and the values that make sense."""

from __future__ import annotations

import itertools
import keyword
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nonlin.errors import FormulaError, ParameterError

_TESTS = {">": operator.gt, ">=": operator.ge, "!=": operator.ne, "<=": operator.le, "<": operator.lt}
_CONSTRAINT = re.compile(r"(>=?|<=?|!=) (-?\d+(\.\d+)?|[A-Za-z]\w*)")
RESERVED = {"x", "pi", "out", "where", "dtype", "order", "wrt", "axis", "name", "formula", "reference"}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its default and its constraint, a comparison with a number or with another parameter.

    >>> Parameter("beta", 1.0, "> 0")
    Parameter(name='beta', default=1.0, constraint='> 0')
    """

    name: str
    default: float
    constraint: str | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.isascii() or keyword.iskeyword(self.name):
            raise FormulaError(f"not a parameter name: {self.name!r}: use letters, digits and underscores")
        if self.name in RESERVED or self.name.startswith("_"):
            raise FormulaError(f"parameter name that is taken: {self.name!r}: choose another")
        if isinstance(self.default, bool) or not isinstance(self.default, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(f"default of {self.name} is not a number: {self.default!r}: give a number")
        if not math.isfinite(self.default):
            raise ParameterError(f"default of {self.name} is not finite: {self.default!r}: give a finite number")
        if self.constraint is not None and not _CONSTRAINT.fullmatch(self.constraint):
            raise ParameterError(f"constraint on {self.name}: {self.constraint!r}: write it like '> 0' or '<= other'")

    @property
    def bound(self) -> tuple[str, str] | None:
        """The constraint as (operator, right side)."""
        if self.constraint is None:
            return None
        sign, right = self.constraint.split()
        return sign, right

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise ParameterError if the value of this parameter breaks its constraint; works on arrays."""
        if self.bound is None:
            return
        sign, right = self.bound
        limit = values[right] if right in values else float(right)
        holds = _TESTS[sign](values[self.name], limit)
        if not (holds if isinstance(holds, bool) else bool(holds.all())):
            raise ParameterError(f"{self.name} must be {self.constraint}: {values[self.name]!r}")

    def inside(self, values: Mapping[str, float]) -> bool:
        """Whether the value keeps clear of its limit: equality, allowed by ">=", counts as outside here."""
        if self.bound is None:
            return True
        sign, right = self.bound
        strict = _TESTS["!=" if sign == "!=" else sign[0]]
        return strict(values[self.name], values[right] if right in values else float(right))


def samples(parameters: Sequence[Parameter]) -> list[dict[str, float]]:
    """Values that the constraints allow, the defaults first: enough to see what holds for all of them.

    Each parameter takes its default, its double, its half, a value of its own and the negatives, in all
    combinations for few parameters; what a constraint forbids is left out.
    """
    if not parameters:
        return [{}]

    def candidates(index: int, p: Parameter) -> list[float]:
        own = 0.37 + 0.61 * index
        spread = [p.default * 2, p.default / 2, own, own + 1.7, -own, -p.default]
        return [p.default, *(v for v in spread if v != 0)]

    found: list[dict[str, float]] = []
    grids = [candidates(i, p) for i, p in enumerate(parameters)]
    for combination in itertools.islice(itertools.product(*grids), 400):
        values = {p.name: v for p, v in zip(parameters, combination, strict=True)}
        if all(p.inside(values) for p in parameters):
            found.append(values)
    if not found:
        named = {p.name: p.default for p in parameters}
        for p in parameters:
            p.check(named)
    return found
