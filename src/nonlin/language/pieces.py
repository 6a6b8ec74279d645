"""The normal form of a formula: sorted breakpoints, and one smooth expression on each interval between them.

max, abs, sign and `a if c else b` are resolved from the inside out: the pieces of the parts are laid over each
other, the places where a condition changes its sign are found, and on each interval between them the sign of
the condition at one point says which branch is meant. Derivatives are then taken interval by interval.

A breakpoint may hold parameters, if its order among the others is the same for every allowed value. What cannot
be resolved (a sign that depends on a parameter, infinitely many kinks) stays in the expression as a `Where` or
`Choose`, which differentiates branch by branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact
from nonlin.language.roots import Unresolved, roots

Side = Literal["left", "right", "either", "middle"]
Sample = Mapping[Any, float]


@dataclass(frozen=True)
class Pieces:
    """`exprs[i]` holds between `breaks[i-1]` and `breaks[i]`; `closed[i]` says whose the point `breaks[i]` is.

    "either": the function is continuous there and the choice is open; "middle": the value there is of neither
    side, as sign(0) is, until the sum it stands in turns out continuous.
    """

    breaks: tuple[Any, ...]
    closed: tuple[Side, ...]
    exprs: tuple[Any, ...]


class Splitter:
    """Splits expressions for one set of parameters; `values` are sample values, the defaults first."""

    def __init__(self, values: Sequence[Sample]):
        self.values = values

    def split(self, expr: Any) -> Pieces:
        """The normal form of an expression."""
        try:
            pieces = self._split(expr)
            closed: list[Side] = [self._owner(expr, pieces, i) for i in range(len(pieces.breaks))]
        except Unresolved:
            return Pieces((), (), (expr,))
        return Pieces(pieces.breaks, tuple(closed), pieces.exprs)

    def _owner(self, whole: Any, pieces: Pieces, i: int) -> Side:
        """Whose a breakpoint is, by the value there: conditions that meet in one point may make the function jump."""
        side, point, (left, right) = pieces.closed[i], pieces.breaks[i], pieces.exprs[i : i + 2]
        if side in ("left", "right"):
            return side
        meets_left, meets_right = (self.meets(whole, point, expr) for expr in (left, right))
        if side == "middle" and not (meets_left and meets_right):
            raise Unresolved
        if meets_left and meets_right:
            return side
        if not (meets_left or meets_right):
            raise Unresolved
        return "left" if meets_left else "right"

    def meets(self, whole: Any, point: Any, *sides: Any) -> bool:
        """Whether an expression has the value of each side at a breakpoint, for every sample."""
        for value in self.values:
            place = self.at(point, value)
            here = self.at(whole, value, place)
            if any(abs(self.at(side, value, place) - here) > 1e-25 * (1 + abs(here)) for side in sides):
                return False
        return True

    def at(self, expr: Any, value: Sample, point: Any = 0) -> Any:
        return exact(expr, {**value, x: point})

    # From the inside out -------------------------------------------------------------------------------------

    def _split(self, expr: Any) -> Pieces:
        if not expr.has(*atoms.PIECEWISE):
            return Pieces((), (), (expr,))
        parts = [self._split(a) for a in expr.args]
        breaks, closed = self._overlay(parts)
        exprs: list[Pieces] = []
        for i in range(len(breaks) + 1):
            low = breaks[i - 1] if i else -sympy.oo
            high = breaks[i] if i < len(breaks) else sympy.oo
            here = [self._part_on(p, low, high) for p in parts]
            exprs.append(self._node(expr.func, here, low, high))
        return self._join(expr, breaks, closed, exprs)

    def _overlay(self, parts: Sequence[Pieces]) -> tuple[list[Any], list[Side]]:
        """The breakpoints of all parts, sorted, and whose each is."""
        breaks: list[Any] = []
        closed: list[Side] = []
        for part in parts:
            for point, side in zip(part.breaks, part.closed, strict=True):
                index = next((i for i, b in enumerate(breaks) if not self.less(b, point)), len(breaks))
                if index == len(breaks) or self.less(point, breaks[index]):
                    breaks.insert(index, point)
                    closed.insert(index, side)
                else:
                    closed[index] = _merge(closed[index], side)
        return breaks, closed

    def less(self, a: Any, b: Any) -> bool:
        """a < b for every sample; Unresolved where it depends on the parameters."""
        if sympy.simplify(a - b) == 0 if (a - b).free_symbols else a == b:
            return False
        if a == -sympy.oo or b == sympy.oo:
            return True
        if b == -sympy.oo or a == sympy.oo:
            return False
        order = {bool(self.at(a, v) < self.at(b, v)) for v in self.values}
        if len(order) > 1:
            raise Unresolved
        return order.pop()

    def _part_on(self, part: Pieces, low: Any, high: Any) -> Any:
        """The expression of a part on (low, high), which lies inside one of its intervals."""
        for point, expr in zip(part.breaks, part.exprs[:-1], strict=True):
            if high != sympy.oo and not self.less(point, high):
                return expr
        return part.exprs[-1]

    def _node(self, func: Any, args: list[Any], low: Any, high: Any) -> Pieces:
        """The pieces of one node on (low, high), its arguments being smooth there."""
        if not issubclass(func, atoms.PIECEWISE):
            return Pieces((), (), (func(*args),))
        place = 1 if func is atoms.Where else 0
        condition = args[place]
        if condition.is_polynomial(x) and not condition.has(atoms.Atom):
            # (1 - a)*x keeps its sign at an infinite x, x - a*x has none there
            args = [*args[:place], sympy.factor(condition), *args[place + 1 :]]
        whole = Pieces((), (), (func(*args),))
        if func is atoms.Where and args[0] == atoms.EQUAL:
            return whole
        try:
            points = [p for p in roots(condition) if self._inside(p, low, high)]
            breaks, _ = self._overlay([Pieces((p,), ("either",), (0, 0)) for p in points])
            edges = [low, *breaks, high]
            signs = [self._sign(condition, a, b) for a, b in pairwise(edges)]
        except Unresolved:
            return whole
        closed: list[Side] = [_side(func, args[0], before, after) for before, after in pairwise(signs)]
        return Pieces(tuple(breaks), tuple(closed), tuple(_branch(func, args, s) for s in signs))

    def _inside(self, point: Any, low: Any, high: Any) -> bool:
        return self.less(low, point) and self.less(point, high)

    def _sign(self, condition: Any, low: Any, high: Any) -> int:
        """The sign of a condition without zeros on (low, high)."""
        found: set[int] = set()
        for value in self.values:
            if low == -sympy.oo:
                point = 0 if high == sympy.oo else self.at(high, value) - 1
            elif high == sympy.oo:
                point = self.at(low, value) + 1
            else:
                point = (self.at(low, value) + self.at(high, value)) / 2
            at_point = self.at(condition, value, point)
            found.add(int(at_point > 0) - int(at_point < 0))
        if len(found) != 1:
            raise Unresolved
        return found.pop()

    def _join(self, whole: Any, breaks: list[Any], closed: list[Side], inner: list[Pieces]) -> Pieces:
        """Pieces of neighbouring intervals in one list; a breakpoint between equal expressions is none."""
        all_breaks: list[Any] = []
        all_closed: list[Side] = []
        exprs = [inner[0].exprs[0]]
        for i, piece in enumerate(inner):
            points = [*(breaks[i - 1 : i] if i else ()), *piece.breaks]
            sides: list[Side] = [*(closed[i - 1 : i] if i else ()), *piece.closed]
            for expr, point, side in zip(piece.exprs[i == 0 :], points, sides, strict=True):
                if expr != exprs[-1]:
                    all_breaks.append(point)
                    all_closed.append(side)
                    exprs.append(expr)
                elif side == "middle" and not self.meets(whole, point, expr):
                    raise Unresolved  # abs(sign(x)): 1 on both sides and 0 between them
        return Pieces(tuple(all_breaks), tuple(all_closed), tuple(exprs))


def _merge(a: Side, b: Side) -> Side:
    if "either" in (a, b):
        return b if a == "either" else a
    if a != b:
        raise Unresolved
    return a


def _side(func: Any, kind: Any, before: int, after: int) -> Side:
    """Whose the point is where the condition is 0."""
    if func is atoms.Sign:
        return "middle"
    if func is atoms.Choose:
        return "either"
    if before == after:
        raise Unresolved  # the condition touches 0 and turns back: a point of its own
    false_is_left = before < 0
    return "left" if false_is_left == (kind == atoms.GREATER) else "right"


def _branch(func: Any, args: list[Any], sign: int) -> Any:
    if func is atoms.Sign:
        return sympy.Integer(sign)
    if func is atoms.Choose:
        _, p, q = args
        return q if sign < 0 else p  # where the condition is 0 all along, both are the same
    holds = sign > 0 or (sign == 0 and args[0] == atoms.GREATER_EQUAL)
    return args[2] if holds else args[3]


def merged(pieces: Pieces) -> Pieces:
    """Without the breakpoints between equal expressions: all of them, for the second derivative of a ramp."""
    keep = [i for i in range(len(pieces.breaks)) if pieces.exprs[i] != pieces.exprs[i + 1]]
    return Pieces(
        tuple(pieces.breaks[i] for i in keep),
        tuple(pieces.closed[i] for i in keep),
        (*(pieces.exprs[i] for i in keep), pieces.exprs[-1]),
    )


def at_values(pieces: Pieces, values: Sample) -> Pieces:
    """With numbers for the parameters: each as the fraction that its shortest decimal is."""
    numbers = {symbol: sympy.Rational(str(value)) for symbol, value in values.items()}
    return Pieces(
        tuple(b.xreplace(numbers) for b in pieces.breaks),
        pieces.closed,
        tuple(e.xreplace(numbers) for e in pieces.exprs),
    )


def tidy(expr: Any) -> Any:
    """A rational function in factors: x/(1 + x) differentiates to a difference that cancels, 1/(1 + x)^2 does not."""
    if expr.has(atoms.Atom) or not expr.is_rational_function(x) or expr.is_polynomial(x):
        return expr
    return sympy.factor(sympy.together(expr))


def differentiate(pieces: Pieces, symbol: Any) -> Pieces:
    """The derivative interval by interval; the breakpoints keep their sides."""
    return Pieces(pieces.breaks, pieces.closed, tuple(tidy(e.diff(symbol)) for e in pieces.exprs))
