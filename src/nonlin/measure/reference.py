"""The true value of an activation or its derivative at a float, by arithmetic of as many digits as it takes.

An expression is evaluated with 128 and with 256 bits, and with twice as many until two results agree: where it
cancels, that shows. gmpy2, if installed, makes mpmath a few times faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import mpmath
import sympy

from nonlin.activation import Activation
from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact

_FIRST_BITS, _MOST_BITS = 128, 1 << 14
_AGREE = 75  # so many bits must be the same twice: 2^-75 is 2^-22 ulp of a float64
_VANISHED = -1140  # 2^-1140 is nothing beside the smallest subnormal float64, 2^-1074


class Truth:
    """The derivative of some order at an activation's parameters: called with a float, it gives an mpmath number.

    Its expressions are those that the kernels are made of. `by_definition` is independent of how they came about.
    """

    nothing = mpmath.ldexp(1, _VANISHED)  # what two values may differ by that are both as good as 0

    def __init__(self, activation: Activation, order: int):
        rule = activation.rule
        self.order = order
        self._numbers = dict(zip(rule.symbols.values(), activation.parameters.values(), strict=True))
        self._pieces = rule.pieces(rule.orders(order))
        self._edges = [exact(edge, self._numbers, 1024) for edge in self._pieces.breaks]
        # what by_definition differentiates, and how often
        self._text, self._differences = (
            (rule.expr, order) if not order or rule.slope is None else (rule.slope.expr, order - 1)
        )
        self._programs: dict[tuple[Any, int], Program] = {}

    def __call__(self, point: float) -> Any:
        expr = self._pieces.exprs[self._piece(point)]
        if not expr.has(x):
            return self._program(expr, 2 * _FIRST_BITS)(0.0)
        return self._settled(lambda bits: self._program(expr, bits)(point))

    def nearest(self, point: float) -> tuple[float, float]:
        """The true value as the nearest float64, and what that lacks in its ulp."""
        true = self(point)
        if not mpmath.isfinite(true):
            return float(true), 0.0
        rounded = float(true)
        if math.isinf(rounded):
            return rounded, 0.0
        return rounded, float(mpmath.ldexp(true - rounded, 1 - math.frexp(math.ulp(rounded))[1]))

    def by_definition(self, point: float) -> Any:
        """f or its surrogate, or the limit of difference quotients of it, from the formula as its author wrote it.

        The step is so small that the third derivative does not show; at a break both places are on the side that
        holds there.
        """
        program = self._text
        if self._differences == 0:
            return self._settled(lambda bits: self._program(program, bits)(point))
        if self._differences > 1:
            raise ValueError(f"order of a difference quotient: {self._differences}: 0 or 1")
        size = abs(point)
        power = min(math.frexp(size)[1], -math.frexp(size)[1]) - 150 if size else -1200
        sides = [side for edge, side in zip(self._edges, self._pieces.closed, strict=True) if edge == point]
        ends = {"right": (1, 2), "left": (-2, -1)}[sides[0]] if sides else (-1, 1)

        def quotient(bits: int) -> Any:
            f = self._program(program, bits)
            mp = f.mp
            step = mp.ldexp(mp.mpf(1), power)
            low, high = (f(mp.fadd(point, end * step, exact=True)) for end in ends)
            return (high - low) / ((ends[1] - ends[0]) * step)

        return self._settled(quotient)

    def _piece(self, point: float) -> int:
        for i, (edge, side) in enumerate(zip(self._edges, self._pieces.closed, strict=True)):
            if point < edge or (point == edge and side != "right"):
                return i
        return len(self._edges)

    def _program(self, expr: Any, bits: int) -> Program:
        if (expr, bits) not in self._programs:
            self._programs[expr, bits] = Program(expr, self._numbers, bits)
        return self._programs[expr, bits]

    def _settled(self, value: Callable[[int], Any]) -> Any:
        bits, mag = _FIRST_BITS, mpmath.mp.mag
        last = value(bits)
        while bits < _MOST_BITS:
            bits *= 2
            now = value(bits)
            if now != now:
                return now
            if not now or not last:  # what a cancellation left, unless so many bits say it again
                settled = now == last and bits > -2 * _VANISHED
            else:
                size = mag(now)
                settled = now == last or size < _VANISHED > mag(last) or mag(now - last) < size - _AGREE
            if settled:
                return now
            last = now
        return last


class Program:
    """An expression in x as a list of operations on mpmath numbers, each subexpression once."""

    def __init__(self, expr: Any, numbers: dict[Any, float], bits: int):
        self.mp: Any = mpmath.MPContext()
        self.mp.prec = bits
        self._known: dict[Any, int] = {x: 0}
        self._start: list[Any] = [None]
        self._steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = []
        for symbol, number in numbers.items():
            self._constant(symbol, self.mp.mpf(number))
        self._result = self._visit(expr)

    def __call__(self, point: Any) -> Any:
        values = self._start.copy()
        values[0] = +self.mp.convert(point)  # rounded, as all else is: what does not show in x+h must not in f(x+h)
        for slot, function, operands in self._steps:
            try:
                values[slot] = function(*[values[i] for i in operands])
            except (ZeroDivisionError, ValueError, OverflowError):
                values[slot] = self.mp.nan
        return values[self._result]

    def _constant(self, expr: Any, value: Any) -> int:
        self._known[expr] = len(self._start)
        self._start.append(value)
        return self._known[expr]

    def _visit(self, expr: Any) -> int:
        if expr in self._known:
            return self._known[expr]
        if isinstance(expr, sympy.Rational):
            return self._constant(expr, self.mp.mpf(int(expr.p)) / int(expr.q))
        if not expr.args:
            return self._constant(expr, self.mp.mpf(sympy.N(expr, int(self.mp.prec * 0.31) + 5)))
        operands = tuple(map(self._visit, expr.args))
        slot = self._constant(expr, None)
        self._steps.append((slot, self._functions[type(expr)], operands))
        return slot

    @cached_property
    def _functions(self) -> dict[type, Callable[..., Any]]:
        mp = self.mp
        one, root_2, root_2pi = mp.mpf(1), mp.sqrt(2), mp.sqrt(2 * mp.pi)

        def power(base: Any, exponent: Any) -> Any:
            value = base ** int(exponent) if exponent == int(exponent) else mp.power(base, exponent)
            return mp.nan if isinstance(value, mp.mpc) else value

        def normal_cdf(u: Any) -> Any:
            if abs(u) < 1000:
                return mp.erfc(-u / root_2) / 2
            tail = mp.exp(-u * u / 2) / (root_2pi * abs(u))  # 2^-720000: its leading term, for erfc takes long here
            return tail if u < 0 else one - tail

        def hypot(u: Any, v: Any) -> Any:
            return mp.sqrt(u * u + v * v)

        def where(kind: Any, c: Any, a: Any, b: Any) -> Any:
            return a if {1: c > 0, 2: c >= 0, 3: c == 0}[int(kind)] else b

        def choose(c: Any, p: Any, q: Any) -> Any:
            return p if c > 0 else q if c < 0 else min(p, q, key=abs)

        return {
            sympy.Add: lambda *terms: sum(terms[1:], terms[0]),
            sympy.Mul: lambda *factors: math.prod(factors[1:], start=factors[0]),
            sympy.Pow: power,
            atoms.Exp: mp.exp,
            atoms.Expm1: mp.expm1,
            atoms.Log: mp.log,
            atoms.Log1p: mp.log1p,
            atoms.Sqrt: mp.sqrt,
            atoms.Sin: mp.sin,
            atoms.Cos: mp.cos,
            atoms.Tan: mp.tan,
            atoms.Atan: mp.atan,
            atoms.Sinh: mp.sinh,
            atoms.Cosh: mp.cosh,
            atoms.Tanh: mp.tanh,
            atoms.Sech2: lambda u: mp.sech(u) ** 2,
            atoms.TanhGap: lambda u: u - mp.tanh(u),
            atoms.Sigmoid: lambda u: one / (one + mp.exp(-u)),
            atoms.Softplus: lambda u: mp.log1p(mp.exp(u)),
            atoms.NormalCdf: normal_cdf,
            atoms.NormalPdf: lambda u: mp.exp(-u * u / 2) / root_2pi,
            atoms.Erf: mp.erf,
            atoms.Erfc: mp.erfc,
            atoms.Hypot: hypot,
            atoms.HypotSum: lambda u, v: u + hypot(u, v),
            atoms.HypotSlope: lambda u, v: one + u / hypot(u, v),
            atoms.Sign: mp.sign,
            atoms.Choose: choose,
            atoms.Where: where,
        }
