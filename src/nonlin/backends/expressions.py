"""A smooth expression as Python source for one target: a table from atom to text, and these few rules.

- A subexpression that occurs twice is computed once.
- Where the target fuses, a product in a sum is not rounded on its own; a product of quotients is divided once.
- A number is one float literal with all its digits.
- In a product, a factor that has vanished (exp(-800) = 0) wins over one that is infinite.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import sympy

from nonlin.backends.bounds import Bounds
from nonlin.backends.target import Target, carries_nan
from nonlin.language import atoms
from nonlin.language.atoms import has_x, split_product, x
from nonlin.language.evaluate import number
from nonlin.language.formula import Formula
from nonlin.language.limits import approach


class Expressions:
    """Prints expressions one after the other; what they share is assigned to names, in `lines`.

    `ends` holds "-" and "+" where x is clamped before an expression meets an infinity.
    """

    def __init__(self, formula: Formula, target: Target):
        self.formula, self.target = formula, target
        self.lines: list[str] = []
        self.known: dict[Any, str] = {x: "x"}
        self.known.update({symbol: f"p_{name}" for name, symbol in formula.symbols.items()})
        self.repeated: set[Any] = set()
        self.temporaries = 0
        self.ends: set[str] = set()
        self.bounds = Bounds()

    def select(self, condition: str, a: str, b: str) -> str:
        return self.target.where.format(condition, a, b)

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
        if (halves := self.target.quotients.get(type(expr))) and not isinstance(halves, tuple):
            return halves.whole(self, expr)
        two = self.within(expr)
        template = " * ".join(filter(None, two)) if two else self.target.functions[type(expr)]
        text = template.format(*self.arguments(expr, template))
        return f"({text})" if two else text

    def within(self, atom: Any) -> tuple[str, str] | None:
        """What computes the atom in fewer steps where its argument lies; None where there is nothing."""
        shorter = self.target.within.get(type(atom))
        if not shorter:
            return None
        low, high = self.bounds.interval(atom.args[0])
        return next((two for (first, last), two in shorter if first <= low and high <= last), None)

    def arguments(self, atom: Any, template: str) -> list[str]:
        """The texts of an atom's arguments, each of them a name if the template uses it more than once."""
        if type(atom) in self.target.paired and self.target.pair:
            return [", ".join(self.target.pair(self, atom.args[0]))]
        return [self.name(a) if template.count(f"{{{i}}}") > 1 else self.text(a) for i, a in enumerate(atom.args)]

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
            lifted = self.within(base) or self.target.lifted.get(type(base))
            halves = self.target.quotients.get(type(base))
            if lifted and not alone:
                up, down = self.templates(base, lifted)
                above += [up] * power
                last += [down] * power if down else []
            elif halves and not alone:
                top, bottom = self.templates(base, halves) if isinstance(halves, tuple) else halves(self, base)
                above += [top] * power
                below += [bottom] * power
            elif _is_reciprocal(f):
                below.append(self.text(1 / f))
            else:
                above.append(self.text(f))
        return above + last, below

    def templates(self, atom: Any, two: tuple[str, str]) -> tuple[str, str]:
        """Two templates filled with the same arguments."""
        names = self.arguments(atom, two[0] * 2)
        return two[0].format(*names), two[1].format(*names)

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
