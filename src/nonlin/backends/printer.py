"""A formula's pieces as Python source for one target: a table from atom to text, and these few rules.

- A subexpression that occurs twice is computed once.
- Where the target fuses, a product in a sum is not rounded on its own; a product of quotients is divided once.
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
from collections.abc import Callable
from typing import Any

import sympy

from nonlin.backends.target import Target, breaks_outside, carries_nan
from nonlin.language import atoms
from nonlin.language.atoms import Variable, has_x, split_product, x
from nonlin.language.evaluate import number
from nonlin.language.formula import Formula, Orders
from nonlin.language.limits import approach, limit_at, settled
from nonlin.language.pieces import Pieces, merged


def argument_names(formula: Formula) -> list[str]:
    """The names of the printed function's arguments: x, then the parameters, which cannot clash with temporaries."""
    return ["x", *(f"p_{p.name}" for p in formula.parameters)]


def source(formula: Formula, orders: Orders, target: Target, name: str = "f") -> str:
    """The text of a Python function of x and the parameters that computes a derivative of the formula."""
    pieces = merged(formula.pieces(orders))
    printer = _Printer(formula, target)
    body = printer.with_selects(pieces)
    return "\n".join([f"def {name}({', '.join(argument_names(formula))}):", *(f"    {line}" for line in body), ""])


def function(text: str, name: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """A function from printed source: text that this file wrote from a tree of atoms, never a user's text.

    This is the one step of nonlin where text becomes code. `namespace` is what the table's templates name.
    """
    namespace["INF"] = math.inf
    exec(compile(text, f"<nonlin {name}>", "exec"), namespace)
    return namespace[name]


class _Printer:
    def __init__(self, formula: Formula, target: Target):
        self.formula, self.target = formula, target
        self.lines: list[str] = []
        self.known: dict[Any, str] = {x: "x"}
        self.known.update({symbol: f"p_{name}" for name, symbol in formula.symbols.items()})
        self.repeated: set[Any] = set()
        self.temporaries = 0
        self.ends: set[str] = set()

    # Pieces ----------------------------------------------------------------------------------------------------

    def with_selects(self, pieces: Pieces) -> list[str]:
        """All pieces computed, nested selects between them."""
        exprs: list[Any] = []
        count = len(pieces.breaks)
        for i, expr in enumerate(pieces.exprs):
            if breaks_outside(expr):
                low = pieces.breaks[i - 1] if i else self.end(expr, "-")
                high = pieces.breaks[i] if i < count else self.end(expr, "+")
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

    def end(self, expr: Any, sign: str) -> Any:
        """Where the expression is its limit already, for a target that computes faster with a clamp than a guard."""
        place = settled(expr, sign) if self.target.quotients else None
        if place is not None:
            self.ends.add(sign)
        return None if place is None else sympy.Float(place)

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
        return symbol

    def at_infinity(self, text: str, expr: Any, sign: str) -> str:
        """The limit in place of a nan that plain arithmetic would give at an infinite x."""
        limit = limit_at(self.formula, expr, sign)
        if limit is None or sign in self.ends:
            return text
        return self.select(f"x == {self.literal(float(sign + 'inf'))}", self.literal(limit), text)

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
            return self.literal(number(expr))
        text = self.compound(expr)
        if expr in self.repeated:
            text = self.known[expr] = self.assign(text)
        return text

    def literal(self, value: float) -> str:
        return self.target.literal.format(_literal(value))

    def name(self, expr: Any) -> str:
        """A name for an expression, for templates that use it more than once."""
        text = self.text(expr)
        return text if text.isidentifier() else self.known.setdefault(expr, self.assign(text))

    def compound(self, expr: Any) -> str:
        if isinstance(expr, sympy.Add):
            return self.sum(expr)
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

    def sum(self, expr: Any) -> str:
        """The terms added up; a product among them is not rounded on its own where the target can fuse it."""
        if not self.target.fused:
            return "(" + " + ".join(map(self.text, expr.args)).replace("+ -", "- ") + ")"
        products = [t for t in expr.args if self.is_plain_product(t)]
        others = [t for t in expr.args if t not in products]
        total = " + ".join(map(self.text, others or [products.pop(0)]))
        for term in products:
            first, *rest = term.args
            total = self.target.fused.format(self.text(first), self.times(rest), total)
        return f"({total})"

    def is_plain_product(self, term: Any) -> bool:
        """Whether a term is a product of factors that are printed as they are, one after the other."""
        if not isinstance(term, sympy.Mul) or not term.free_symbols or term in self.repeated or term in self.known:
            return False
        return (self.is_safe(term) or not split_product(term)[0]) and not any(self.is_quotient(f) for f in term.args)

    def is_safe(self, product: Any) -> bool:
        """Whether no factor is infinite where another has vanished, since x is clamped before it comes to that."""
        if "-" not in self.ends or "+" in self.ends:
            return "-" in self.ends
        variables = product.free_symbols
        if len(variables) != 1 or not has_x(product):
            return False
        limit = approach(product.subs(variables.pop(), x), {}, "+")
        return limit == limit and limit != 0.0

    def is_quotient(self, factor: Any) -> bool:
        base = factor.base if isinstance(factor, sympy.Pow) else factor
        return _is_reciprocal(factor) or type(base) in {**self.target.quotients, **self.target.lifted}

    def product(self, expr: Any) -> str:
        first, rest = split_product(expr)
        if not first or self.is_safe(expr):
            return self.times(list(expr.args))
        if self.target.quotients:
            return self.vanishing_product(first, rest)
        vanished = self.name(first[0]) if len(first) == 1 else self.assign(self.times(first))
        return f"({self.select(f'{vanished} == 0.0', f'0.0 * {vanished}', f'{vanished} * {self.text(rest)}')})"

    def vanishing_product(self, first: list[Any], rest: Any) -> str:
        """The same, divided last: a numerator that is scaled up is still there where the quotient has underflowed."""
        above, below = self.halves(first, whole=False)
        vanished, zero = self.assign(" * ".join(above)), self.literal(0.0)
        text = self.select(f"{vanished} == {zero}", f"{zero} * {vanished}", f"{vanished} * {self.text(rest)}")
        return f"({text} / ({' * '.join(below)}))" if below else f"({text})"

    def times(self, factors: list[Any]) -> str:
        if factors and factors[0] == -1:
            return f"(-{self.times(factors[1:])})"
        above, below = self.halves(factors)
        numerator = " * ".join(above) or self.literal(1.0)
        return f"({numerator})" if not below else f"({numerator} / ({' * '.join(below)}))"

    def halves(self, factors: list[Any], whole: bool = True) -> tuple[list[str], list[str]]:
        """The texts of a product's numerator and denominator; alone, an atom that is a quotient stays whole."""
        above: list[str] = []
        below: list[str] = []
        last: list[str] = []
        for f in factors:
            base, power = (f.base, int(f.exp)) if isinstance(f, sympy.Pow) and f.exp.is_Integer else (f, 1)
            alone = (whole and len(factors) == 1) or base in self.known or power < 1
            if type(base) in self.target.lifted and not alone:
                u = self.name(base.args[0])
                above += [self.target.lifted[type(base)][0].format(u)] * power
                last += [self.target.lifted[type(base)][1].format(u)] * power
            elif type(base) in self.target.quotients and not alone:
                u = self.name(base.args[0])
                above += [self.target.quotients[type(base)][0].format(u)] * power
                below += [self.target.quotients[type(base)][1].format(u)] * power
            elif _is_reciprocal(f):
                below.append(self.text(1 / f))
            else:
                above.append(self.text(f))
        return above + last, below

    def power(self, expr: Any) -> str:
        if _is_reciprocal(expr):
            return f"({self.literal(1.0)} / {self.text(1 / expr)})"
        if self.target.fused and expr.exp.is_Integer and 2 <= expr.exp <= 8:
            return f"({' * '.join([self.name(expr.base)] * int(expr.exp))})"
        exponent = str(int(expr.exp)) if expr.exp.is_Integer else self.text(expr.exp)
        return f"({self.text(expr.base)}**{exponent})"

    def where(self, kind: Any, c: Any, a: Any, b: Any) -> str:
        test = {atoms.GREATER: ">", atoms.GREATER_EQUAL: ">=", atoms.EQUAL: "=="}[kind]
        condition = self.name(c)
        return self.select(
            self.test(f"{condition} {test} {self.literal(0.0)}", c), self.text(a), self.guarded(condition, c, b)
        )

    def choose(self, c: Any, p: Any, q: Any) -> str:
        condition = self.name(c)
        first, second = (self.name(e) if e.free_symbols else self.text(e) for e in (p, q))
        if p.free_symbols or q.free_symbols:
            nearer = " <= ".join(map(self.target.magnitude.format, (first, second)))
            tie = self.select(self.test(nearer, p + q), first, second)
        else:
            tie = first if abs(p) <= abs(q) else second
        tie = self.select(*((f"{condition} == {condition}", tie, condition) if has_x(c) else ("x == x", tie, "x")))
        negative = self.select(self.test(f"{condition} < {self.literal(0.0)}", c), second, tie)
        return self.select(self.test(f"{condition} > {self.literal(0.0)}", c), first, negative)

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
