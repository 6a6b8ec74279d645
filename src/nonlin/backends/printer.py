"""A formula's pieces as Python source for one target: expressions.py prints each, and these rules put them together.

- A piece is computed at x clamped to its interval where it could overflow outside it, so that neither the
  value nor the derivative of a branch that is not taken can spoil the one that is (inf * 0 is nan).
- nan goes to nan: comparisons with nan are false, so it arrives at the last piece, which is guarded if it
  would not carry it on.
- +-inf go to the limit, where plain arithmetic would give inf/inf or inf - inf.
- An even or odd function is computed at |x|, if that leaves pieces out: x/(1 + |x|) is one division, not two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy

from nonlin.backends.expressions import Expressions
from nonlin.backends.target import Target, breaks_outside, carries_nan
from nonlin.language.atoms import Variable, x
from nonlin.language.formula import Formula, Orders
from nonlin.language.limits import Asymptote, asymptote, limit_at
from nonlin.language.pieces import Pieces, at_values, merged
from nonlin.language.symmetry import right_half


def argument_names(formula: Formula) -> list[str]:
    """The names of the printed function's arguments: x, then the parameters, which cannot clash with temporaries."""
    return ["x", *(f"p_{p.name}" for p in formula.parameters)]


def low_names(formula: Formula) -> list[str]:
    """The names of what the rounding of each parameter lost, which a target with pairs takes as arguments too."""
    return [f"l_{p.name}" for p in formula.parameters]


def source(formula: Formula, orders: Orders, target: Target, name: str = "f", default: bool = False) -> str:
    """The text of a Python function of x and the parameters that computes a derivative of the formula.

    With `default` the parameters are put in as the numbers that they are by default, and the arguments are not used.
    """
    pieces = formula.pieces(orders)
    pieces = merged(at_values(pieces, formula.samples[0]) if default else pieces)
    half = right_half(pieces) if target.signed else None
    if half is None:
        body = _Printer(formula, target).with_selects(pieces)
    else:
        body = _Printer(formula, target, "-").with_selects(half[0])
        result = body.pop().removeprefix("return ")
        signed = target.signed.format(result, "given") if half[1] < 0 else result
        body = ["given = x", f"x = {target.magnitude.format('given')}", *body, f"return {signed}"]
    arguments = argument_names(formula) + (low_names(formula) if target.pair else [])
    return "\n".join([f"def {name}({', '.join(arguments)}):", *(f"    {line}" for line in body), ""])


def function(text: str, name: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """A function from printed source: text that this file wrote from a tree of atoms, never a user's text.

    This is the one step of nonlin where text becomes code. `namespace` is what the table's templates name.
    """
    namespace["INF"] = math.inf
    exec(compile(text, f"<nonlin {name}>", "exec"), namespace)
    return namespace[name]


class _Printer(Expressions):
    """Prints pieces; `never` holds "-" if x is never negative."""

    def __init__(self, formula: Formula, target: Target, never: str = ""):
        super().__init__(formula, target)
        self.never = never

    def with_selects(self, pieces: Pieces) -> list[str]:
        """All pieces computed, nested selects between them."""
        exprs: list[Any] = []
        count = len(pieces.breaks)
        lines: dict[int, Asymptote] = {}
        for i, expr in enumerate(pieces.exprs):
            prepared = self.target.prepare(expr)
            if self.is_total(prepared):
                self.ends.update("-+")
            elif breaks_outside(expr):
                ends = [
                    None if i or "-" in self.never else self.end(expr, "-"),
                    self.end(expr, "+") if i == count else None,
                ]
                low = pieces.breaks[i - 1] if i else ends[0] and sympy.Float(ends[0].place)
                high = pieces.breaks[i] if i < count else ends[1] and sympy.Float(ends[1].place)
                prepared = self.target.prepare(expr.subs(x, self.clamped(low, high)))
                drifts = self.target.drifts(prepared)
                kept = {j: e for j, e in zip((-1, 1), ends, strict=True) if e and (e.slope or (e.offset and drifts))}
                lines.update(kept)
            exprs.append(prepared)
        self.note_repeated([*exprs, *pieces.breaks])
        texts = [self.text(e) for e in exprs]
        result = self.at_infinity(self.on_line(texts[-1], lines.get(1), ">"), pieces.exprs[-1], "+")
        if not carries_nan(pieces.exprs[-1]):
            result = self.select("x == x", result, "x")
        if not count:
            result = self.on_line(result, lines.get(-1), "<")
        for i in reversed(range(count)):
            text = texts[i]
            if i == 0:
                text = self.at_infinity(self.on_line(text, lines.get(-1), "<"), pieces.exprs[i], "-")
            result = self.select(self.is_left(pieces, i), text, result)
        if not pieces.breaks:
            result = self.at_infinity(result, pieces.exprs[0], "-")
        return [*self.lines, f"return {result}"]

    def is_total(self, prepared: Any) -> bool:
        """Whether the target computes the expression by one function that needs no guard, of x or -x, or minus that."""
        function = -prepared if isinstance(prepared, sympy.Mul) else prepared
        return type(function) in self.target.total and function.args[0] in (x, -x)

    def end(self, expr: Any, sign: str) -> Asymptote | None:
        """Where the expression is a line already, for a target that computes faster with a clamp than with a guard."""
        line = asymptote(expr, sign, *self.target.harmless) if self.target.harmless else None
        if line is not None:
            self.ends.add(sign)
        return line

    def on_line(self, text: str, line: Asymptote | None, beyond: str) -> str:
        """The line itself beyond the place from which on the expression is one; where the clamp does not reach it."""
        if line is None:
            return text
        terms = [("x" if line.slope == 1 else f"{self.literal(line.slope)} * x") if line.slope else ""]
        terms += [self.literal(line.offset)] if line.offset else []
        value = f"({' + '.join(filter(None, terms))})"
        return self.select(f"x {beyond} {self.literal(line.place)}", value, text)

    def is_left(self, pieces: Pieces, i: int) -> str:
        return f"x {'<' if pieces.closed[i] == 'right' else '<='} {self.text(pieces.breaks[i])}"

    def clamped(self, low: Any, high: Any) -> Any:
        """A symbol for x clamped to an interval."""
        text = "x"
        if low is not None:
            text = self.target.at_least.format(text, self.text(low))
            if high is not None:
                text = self.assign(text)
        if high is not None:
            text = self.target.at_most.format(text, self.text(high))
        if text == "x":
            return x
        symbol = Variable(self.assign(text))
        self.known[symbol] = symbol.name
        self.bounds.clamp(symbol, low, high)
        return symbol

    def at_infinity(self, text: str, expr: Any, sign: str) -> str:
        """The limit in place of a nan that plain arithmetic would give at an infinite x."""
        limit = limit_at(self.formula, expr, sign)
        if limit is None or sign in self.ends or sign in self.never:
            return text
        return self.select(f"x == {self.literal(float(sign + 'inf'))}", self.literal(limit), text)
