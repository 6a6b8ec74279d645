"""A formula's pieces as Python source for one target: a table from atom to text, and these few rules.

- A subexpression that occurs twice is computed once.
- A number is one float literal with all its digits.
- A piece is computed at x clamped to its interval where it could overflow outside it, so that neither the
  value nor the derivative of a branch that is not taken can spoil the one that is (inf * 0 is nan).
- In a product, a factor that has vanished (exp(-800) = 0) wins over one that is infinite.
- nan goes to nan: comparisons with nan are false, so it arrives at the last piece, which is guarded if it
  would not carry it on.
- +-inf go to the limit, where plain arithmetic would give inf/inf or inf - inf.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import Variable, has_x, split_product, x
from nonlin.language.evaluate import number
from nonlin.language.formula import Formula, Orders
from nonlin.language.limits import limit_at
from nonlin.language.pieces import Pieces


@dataclass(frozen=True)
class Target:
    """How a target spells things; templates use {0}, {1}, ... for their arguments."""

    functions: Mapping[type, str]
    where: str = "where({0}, {1}, {2})"
    at_most: str = "minimum({0}, {1})"
    at_least: str = "maximum({0}, {1})"
    magnitude: str = "abs({0})"
    prepare: Callable[[Any], Any] = lambda expr: expr  # rearranges a smooth expression before it is printed
    branches: bool = False  # whether `if` chooses between pieces: a scalar function


def argument_names(formula: Formula) -> list[str]:
    """The names of the printed function's arguments: x, then the parameters, which cannot clash with temporaries."""
    return ["x", *(f"p_{p.name}" for p in formula.parameters)]


def source(formula: Formula, orders: Orders, target: Target, name: str = "f") -> str:
    """The text of a Python function of x and the parameters that computes a derivative of the formula."""
    pieces = _merged(formula.pieces(orders))
    printer = _Printer(formula, target)
    body = printer.with_branches(pieces) if target.branches else printer.with_selects(pieces)
    return "\n".join([f"def {name}({', '.join(argument_names(formula))}):", *(f"    {line}" for line in body), ""])


def function(text: str, name: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """A function from printed source: text that this file wrote from a tree of atoms, never a user's text.

    This is the one step of nonlin where text becomes code. `namespace` is what the table's templates name.
    """
    namespace["INF"] = math.inf
    exec(compile(text, f"<nonlin {name}>", "exec"), namespace)
    return namespace[name]


def _merged(pieces: Pieces) -> Pieces:
    """Without the breakpoints between equal expressions: all of them, for the second derivative of a ramp."""
    keep = [i for i in range(len(pieces.breaks)) if pieces.exprs[i] != pieces.exprs[i + 1]]
    return Pieces(
        tuple(pieces.breaks[i] for i in keep),
        tuple(pieces.closed[i] for i in keep),
        (*(pieces.exprs[i] for i in keep), pieces.exprs[-1]),
    )


def carries_nan(expr: Any) -> bool:
    """Whether the printed expression is nan wherever x is."""
    if expr == x or isinstance(expr, atoms.Choose | atoms.Where):
        return True  # those two are printed with a guard of their own
    if isinstance(expr, sympy.Pow):
        return carries_nan(expr.base)
    return any(map(carries_nan, expr.args))


def _breaks_outside(expr: Any) -> bool:
    """Whether an expression could be nan or infinite outside the interval that it is meant for."""
    return expr.has(x) and not (expr.is_polynomial(x) and not expr.has(atoms.Atom))


class _Printer:
    def __init__(self, formula: Formula, target: Target):
        self.formula, self.target = formula, target
        self.lines: list[str] = []
        self.known: dict[Any, str] = {x: "x"}
        self.known.update({symbol: f"p_{name}" for name, symbol in formula.symbols.items()})
        self.repeated: set[Any] = set()
        self.temporaries = 0

    # Pieces ----------------------------------------------------------------------------------------------------

    def with_selects(self, pieces: Pieces) -> list[str]:
        """All pieces computed, nested selects between them."""
        exprs: list[Any] = []
        for i, expr in enumerate(pieces.exprs):
            if _breaks_outside(expr):
                low = pieces.breaks[i - 1] if i else None
                high = pieces.breaks[i] if i < len(pieces.breaks) else None
                expr = expr.subs(x, self.clamped(low, high))
            exprs.append(self.target.prepare(expr))
        self.note_repeated([*exprs, *pieces.breaks])
        texts = [self.text(e) for e in exprs]
        result = self.at_infinity(texts[-1], pieces.exprs[-1], "+")
        if not carries_nan(pieces.exprs[-1]):
            result = self.select("x == x", result, "x")
        for i in reversed(range(len(pieces.breaks))):
            text = self.at_infinity(texts[i], pieces.exprs[i], "-") if i == 0 else texts[i]
            result = self.select(self.is_left(pieces, i), text, result)
        if not pieces.breaks:
            result = self.at_infinity(result, pieces.exprs[0], "-")
        return [*self.lines, f"return {result}"]

    def with_branches(self, pieces: Pieces) -> list[str]:
        """Only the piece that holds at x is computed."""
        body: list[str] = []
        count = len(pieces.breaks)
        for i, expr in enumerate(pieces.exprs):
            scope = _Printer(self.formula, self.target)
            scope.temporaries = 100 * i  # each branch its own names
            scope.note_repeated([expr])
            result = scope.text(expr)
            result = scope.at_infinity(result, expr, "-") if i == 0 else result
            result = scope.at_infinity(result, expr, "+") if i == count else result
            if i == count and not carries_nan(expr):
                result = self.select("x == x", result, "x")
            block = [*scope.lines, f"return {result}"]
            if i < count:
                body.append(f"if {self.is_left(pieces, i)}:")
                block = [f"    {line}" for line in block]
            body.extend(block)
        return body

    def is_left(self, pieces: Pieces, i: int) -> str:
        return f"x {'<' if pieces.closed[i] == 'right' else '<='} {self.text(pieces.breaks[i])}"

    def clamped(self, low: Any, high: Any) -> Any:
        """A symbol for x clamped to an interval."""
        text = "x"
        if low is not None:
            text = self.target.at_least.format(text, self.text(low))
        if high is not None:
            text = self.target.at_most.format(text, self.text(high))
        if text == "x":
            return x
        symbol = Variable(self.assign(text))
        self.known[symbol] = symbol.name
        return symbol

    def at_infinity(self, text: str, expr: Any, sign: str) -> str:
        """The limit in place of a nan that plain arithmetic would give at an infinite x."""
        limit = limit_at(self.formula, expr, sign)
        return text if limit is None else self.select(f"x == {'-' * (sign == '-')}INF", _literal(limit), text)

    def select(self, condition: str, a: str, b: str) -> str:
        return self.target.where.format(condition, a, b)

    # Expressions -----------------------------------------------------------------------------------------------

    def note_repeated(self, exprs: list[Any]) -> None:
        """Remember which subexpressions occur more than once."""
        counts: Counter[Any] = Counter()

        def count(expr: Any) -> None:
            counts[expr] += 1
            if counts[expr] == 1:
                for arg in expr.args:
                    count(arg)

        for expr in exprs:
            count(expr)
        self.repeated = {e for e, n in counts.items() if n > 1 and e.args and e.free_symbols}

    def assign(self, text: str) -> str:
        name = f"t{self.temporaries}"
        self.temporaries += 1
        self.lines.append(f"{name} = {text}")
        return name

    def text(self, expr: Any) -> str:
        """An expression as text, in parentheses where that could matter."""
        if expr in self.known:
            return self.known[expr]
        if not expr.free_symbols:
            return _literal(number(expr))
        text = self.compound(expr)
        if expr in self.repeated:
            text = self.known[expr] = self.assign(text)
        return text

    def name(self, expr: Any) -> str:
        """A name for an expression, for templates that use it more than once."""
        text = self.text(expr)
        return text if text.isidentifier() else self.known.setdefault(expr, self.assign(text))

    def compound(self, expr: Any) -> str:
        if isinstance(expr, sympy.Add):
            return "(" + " + ".join(map(self.text, expr.args)).replace("+ -", "- ") + ")"
        if isinstance(expr, sympy.Mul):
            return self.product(expr)
        if isinstance(expr, sympy.Pow):
            return self.power(expr)
        if isinstance(expr, atoms.Where):
            return self.where(*expr.args)
        if isinstance(expr, atoms.Choose):
            return self.choose(*expr.args)
        template = self.target.functions[type(expr)]
        arguments = [self.name(a) if template.count(f"{{{i}}}") > 1 else self.text(a) for i, a in enumerate(expr.args)]
        return template.format(*arguments)

    def product(self, expr: Any) -> str:
        first, rest = split_product(expr)
        if not first:
            return self.times(list(expr.args))
        vanished = self.name(first[0]) if len(first) == 1 else self.assign(self.times(first))
        return f"({self.select(f'{vanished} == 0.0', f'0.0 * {vanished}', f'{vanished} * {self.text(rest)}')})"

    def times(self, factors: list[Any]) -> str:
        above = [f for f in factors if not _is_reciprocal(f)]
        below = [1 / f for f in factors if _is_reciprocal(f)]
        if above and above[0] == -1:
            return f"(-{self.times([*above[1:], *(1 / f for f in below)])})"
        numerator = " * ".join(map(self.text, above)) or "1.0"
        return f"({numerator})" if not below else f"({numerator} / ({' * '.join(map(self.text, below))}))"

    def power(self, expr: Any) -> str:
        if _is_reciprocal(expr):
            return f"(1.0 / {self.text(1 / expr)})"
        exponent = str(int(expr.exp)) if expr.exp.is_Integer else self.text(expr.exp)
        return f"({self.text(expr.base)}**{exponent})"

    def where(self, kind: Any, c: Any, a: Any, b: Any) -> str:
        test = {atoms.GREATER: ">", atoms.GREATER_EQUAL: ">=", atoms.EQUAL: "=="}[kind]
        condition = self.name(c)
        return self.select(self.test(f"{condition} {test} 0.0", c), self.text(a), self.guarded(condition, c, b))

    def choose(self, c: Any, p: Any, q: Any) -> str:
        condition = self.name(c)
        first, second = (self.name(e) if e.free_symbols else self.text(e) for e in (p, q))
        if p.free_symbols or q.free_symbols:
            nearer = " <= ".join(map(self.target.magnitude.format, (first, second)))
            tie = self.select(self.test(nearer, p + q), first, second)
        else:
            tie = first if abs(p) <= abs(q) else second
        tie = self.select(*((f"{condition} == {condition}", tie, condition) if has_x(c) else ("x == x", tie, "x")))
        negative = self.select(self.test(f"{condition} < 0.0", c), second, tie)
        return self.select(self.test(f"{condition} > 0.0", c), first, negative)

    def test(self, condition: str, on: Any) -> str:
        """A condition as an array of x's shape also where only parameters are compared, which may be plain numbers."""
        return condition if has_x(on) else f"(x == x) & ({condition})"

    def guarded(self, condition: str, c: Any, expr: Any) -> str:
        text, source = self.text(expr), condition if has_x(c) else "x"
        return text if carries_nan(expr) else self.select(f"{source} == {source}", text, source)


def _is_reciprocal(expr: Any) -> bool:
    return isinstance(expr, sympy.Pow) and expr.exp.is_Rational and bool(expr.exp.is_negative)


def _literal(value: float) -> str:
    if value in (math.inf, -math.inf):
        return "INF" if value > 0 else "(-INF)"
    return f"({value!r})" if value < 0 else repr(value)
