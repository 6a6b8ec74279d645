"""A formula: its text, its parameters, and the derivatives of any order that follow from them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal
from weakref import WeakValueDictionary

import sympy

from nonlin.language.atoms import x
from nonlin.language.evaluate import exact
from nonlin.language.grammar import parse
from nonlin.language.parameters import Parameter, samples
from nonlin.language.pieces import Pieces, Side, Splitter, differentiate

Orders = tuple[int, ...]  # how often to differentiate by x and by each parameter in turn
Kinks = Literal["smaller", "left", "right"]


@dataclass(frozen=True)
class Formula:
    """A real function of x and parameters.

    `kinks` states which side's slope holds at a kink: "smaller" (the side with the smaller |slope|, at the
    parameters' defaults), "left" or "right". `surrogate` is the text of a formula that stands for the derivative by x
    (see `reduced`). Two formulas with the same texts, parameters and kinks are equal.
    `key` is this object's alone in this process: a compiler that traces a call takes text for constant, not objects.
    """

    text: str
    parameters: tuple[Parameter, ...] = ()
    kinks: Kinks = "smaller"
    surrogate: str = ""
    key: str = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(next(_numbers)))
        object.__setattr__(self, "_hash", hash((self.text, self.parameters, self.kinks, self.surrogate)))
        _by_key[self.key] = self

    def __hash__(self) -> int:
        return self._hash  # kernels are found by it at each call

    def __reduce__(self) -> Any:
        return Formula, (self.text, self.parameters, self.kinks, self.surrogate)

    @cached_property
    def symbols(self) -> dict[str, Any]:
        """The parameters' symbols, with what the constraints say of their sign."""
        return {p.name: _symbol(p) for p in self.parameters}

    @cached_property
    def expr(self) -> Any:
        """The expression in atoms, max, abs and conditions still inside."""
        return parse(self.text, self.symbols)

    @cached_property
    def samples(self) -> list[dict[Any, float]]:
        """Values that the parameters may take, by symbol; the defaults first."""
        return [{self.symbols[k]: v for k, v in s.items()} for s in samples(self.parameters)]

    def orders(self, order: int = 0, wrt: str = "x") -> Orders:
        """The multi-index of the derivative of that order by x or by a parameter."""
        names = ["x", *self.symbols]
        return tuple(order if name == wrt else 0 for name in names)

    def pieces(self, orders: Orders) -> Pieces:
        """The normal form of a derivative: sorted breakpoints and one smooth expression an interval."""
        return _pieces(*self.reduced(orders))

    def reduced(self, orders: Orders) -> tuple[Formula, Orders]:
        """A formula without a surrogate and the orders of its derivative that is meant by this one's of these orders.

        A derivative by x is that of the surrogate, an order lower. By a parameter that only moves the places where f
        jumps, a threshold, it is minus the surrogate times the speed of these places: f is a function of their
        distance from x. By any other parameter it is f's own.
        """
        return _reduced(self, orders) if self.surrogate and any(orders) else (self, orders)

    @cached_property
    def slope(self) -> Formula | None:
        """The surrogate as a formula; None where f's own derivative is the slope."""
        return Formula(self.surrogate, self.parameters, self.kinks) if self.surrogate else None

    @cached_property
    def rectifies(self) -> bool:
        """Whether it is max(0, x), however it is spelled: its slope at its output is its slope, to the last bit."""
        value = self.pieces(self.orders())
        return value.exprs == (0, x) and value.breaks == (0,) and not self.surrogate

    def at_default(self, orders: Orders, point: float, bits: int = 160) -> Any:
        """The value of a derivative at x = point and default parameters, as an mpmath number."""
        return value_at(self.pieces(orders), point, self.samples[0], bits)


_numbers = itertools.count()
_by_key: WeakValueDictionary[str, Formula] = WeakValueDictionary()


def by_key(key: str) -> Formula:
    """The formula of that key, which somebody holds."""
    return _by_key[key]


def value_at(pieces: Pieces, point: float, parameters: Mapping[Any, float], bits: int = 160) -> Any:
    """The value of a piecewise expression at one point, as an mpmath number; nan at nan."""
    for boundary, side, expr in zip(pieces.breaks, pieces.closed, pieces.exprs[:-1], strict=True):
        edge = exact(boundary, parameters, bits)
        if point < edge or (point == edge and side != "right"):
            return exact(expr, {**parameters, x: point}, bits)
    return exact(pieces.exprs[-1], {**parameters, x: point}, bits)


def _symbol(parameter: Parameter) -> Any:
    sign: dict[str, Any] = {}
    if parameter.bound is not None and not parameter.bound[1].isidentifier():
        operator, right = parameter.bound
        zero = float(right)
        if operator == ">" and zero >= 0:
            sign = {"positive": True}
        elif operator == ">=" and zero >= 0:
            sign = {"nonnegative": True}
        elif operator == "!=" and zero == 0:
            sign = {"nonzero": True}
    return sympy.Symbol(parameter.name, real=True, **sign)


@lru_cache(maxsize=1024)
def _reduced(formula: Formula, orders: Orders) -> tuple[Formula, Orders]:
    first = next(i for i, n in enumerate(orders) if n)
    lower = tuple(n - (i == first) for i, n in enumerate(orders))
    if first == 0:
        return Formula(formula.surrogate, formula.parameters, formula.kinks), lower
    plain = Formula(formula.text, formula.parameters, formula.kinks)
    value = plain.pieces(plain.orders())
    symbol = list(formula.symbols.values())[first - 1]
    speeds = {b.diff(symbol) for b in value.breaks}
    if len(speeds) != 1 or any(e.diff(symbol) != 0 for e in value.exprs):
        return plain, orders
    from nonlin.language.latex import expression_text  # which knows what a formula is

    moved = f"-({expression_text(speeds.pop())})*({formula.surrogate})"
    return Formula(moved, formula.parameters, formula.kinks), lower


@lru_cache(maxsize=4096)
def _pieces(formula: Formula, orders: Orders) -> Pieces:
    if not any(orders):
        return Splitter(formula.samples).split(formula.expr)
    # one order less, by the last symbol that is differentiated by: each order is computed once
    last = max(i for i, n in enumerate(orders) if n)
    before = tuple(n - (i == last) for i, n in enumerate(orders))
    symbol = [x, *formula.symbols.values()][last]
    derived = differentiate(_pieces(formula, before), symbol)
    return Pieces(derived.breaks, _sides(formula, orders), derived.exprs)


@lru_cache(maxsize=1024)
def _slopes(formula: Formula) -> Pieces:
    return differentiate(formula.pieces(formula.orders()), x)


def _sides(formula: Formula, orders: Orders) -> tuple[Side, ...]:
    """Whose each breakpoint is: decided once, by the slopes at the default parameters, for every order."""
    value = formula.pieces(formula.orders())
    if not any(orders):
        return value.closed
    if formula.kinks != "smaller":
        return (formula.kinks,) * len(value.breaks)
    slopes = _slopes(formula)
    chosen: list[Side] = []
    for point, left, right, side in zip(slopes.breaks, slopes.exprs, slopes.exprs[1:], value.closed, strict=False):
        at = {**formula.samples[0], x: exact(point, formula.samples[0])}
        a, b = abs(exact(left, at)), abs(exact(right, at))
        own: Side = side if side in ("left", "right") else "left"
        chosen.append(own if abs(a - b) < 1e-30 else "left" if a < b else "right")
    return tuple(chosen)
