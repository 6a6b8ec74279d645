"""Text to expression: a parser for formulas that can neither run code nor hang.

    formula    := sums, products, quotients and powers of numbers, x, parameters, pi and function calls,
                  `a if condition else b`, conditions joined by and, or, not
    functions  := exp expm1 log log1p sqrt abs sign max min sin cos tan atan tanh sinh cosh erf erfc
                  sigmoid softplus normal_cdf normal_pdf

Python's own `ast` reads the text, since the syntax is Python's; a whitelist of nodes turns it into atoms, and
nothing is ever evaluated. Numbers are read from their digits, exactly. Length, nesting, exponents and degree are
bounded, and a result that is not a real function of x is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NoReturn

import sympy

from nonlin.errors import FormulaError, nearest
from nonlin.language import atoms
from nonlin.language.evaluate import exact
from nonlin.language.rewrite import combine

MAX_LENGTH, MAX_NESTING, MAX_DIGITS, MAX_EXPONENT, MAX_DEGREE = 1000, 50, 60, 32, 64
CONSTANTS = {"pi": sympy.pi}


def _maximum(a: Any, b: Any) -> Any:
    return a if a == b else atoms.Choose(a - b, a, b)


def _minimum(a: Any, b: Any) -> Any:
    return a if a == b else atoms.Choose(b - a, a, b)


def _fold(pick: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def folded(*args: Any) -> Any:
        result = args[0]
        for arg in args[1:]:
            result = pick(result, arg)
        return result

    return folded


def _sqrt(u: Any) -> Any:
    return sympy.sqrt(u) if u.is_number and u.is_nonnegative else atoms.Sqrt(u)


_ONE_ARGUMENT: dict[str, Callable[[Any], Any]] = {
    "exp": atoms.Exp,
    "expm1": atoms.Expm1,
    "log": atoms.Log,
    "log1p": atoms.Log1p,
    "sqrt": _sqrt,
    "abs": lambda u: atoms.Choose(u, u, -u),
    "sign": atoms.Sign,
    "sin": atoms.Sin,
    "cos": atoms.Cos,
    "tan": atoms.Tan,
    "atan": atoms.Atan,
    "tanh": atoms.Tanh,
    "sinh": atoms.Sinh,
    "cosh": atoms.Cosh,
    "erf": atoms.Erf,
    "erfc": atoms.Erfc,
    "sigmoid": atoms.Sigmoid,
    "softplus": atoms.Softplus,
    "normal_cdf": atoms.NormalCdf,
    "normal_pdf": atoms.NormalPdf,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {**_ONE_ARGUMENT, "max": _fold(_maximum), "min": _fold(_minimum)}
FOLDED = ("max", "min")
_COMPARISONS: dict[type, tuple[Any, int]] = {
    # (kind, sign): the condition holds where sign * (left - right) is of that kind
    ast.Gt: (atoms.GREATER, 1),
    ast.GtE: (atoms.GREATER_EQUAL, 1),
    ast.Lt: (atoms.GREATER, -1),
    ast.LtE: (atoms.GREATER_EQUAL, -1),
    ast.Eq: (atoms.EQUAL, 1),
}


def parse(text: str, parameters: Mapping[str, Any]) -> Any:
    """The expression that `text` stands for, in atoms; `parameters` maps names to their symbols.

    Raises FormulaError, which names the token and its column.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  callers pass anything
        raise FormulaError(f"a formula is text, like 'max(0, x)': {text!r}")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters: keep it under {MAX_LENGTH}")
    stripped = text.strip()
    if not stripped:
        raise FormulaError("empty formula: write one in x, like 'max(0, x)'")
    _check_nesting(stripped)
    try:
        tree = ast.parse(stripped, mode="eval")
    except SyntaxError as error:
        column = error.offset or 1
        raise FormulaError(f"not a formula at column {column}: {stripped!r}: {error.msg}", column) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError(f"not a formula: {stripped[:60]!r}") from None
    try:
        result = _Reader(stripped, parameters).read(tree.body)
        _check_real(result, stripped)
    except RecursionError:
        raise FormulaError(f"nested too deeply: {stripped[:60]!r}: write it flatter") from None
    return result


def _check_nesting(text: str) -> None:
    depth = 0
    for column, char in enumerate(text, 1):
        depth += (char in "([{") - (char in ")]}")
        if depth > MAX_NESTING:
            raise FormulaError(f"nested too deeply at column {column}: keep it under {MAX_NESTING} levels", column)


def _check_real(expr: Any, text: str) -> None:
    if expr.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        raise FormulaError(f"not a real number: {text!r}: it divides by 0 or takes the root of a negative number")
    for part in sympy.preorder_traversal(expr):
        if part.is_Function and not part.free_symbols:
            value = exact(part, {})
            if not abs(value) < 1e300:
                raise FormulaError(f"not a finite real number: {text!r}: a part without x comes to {value}")


def _degree(expr: Any) -> float:
    """A bound on the power of x, counted as a polynomial would be; keeps products of powers small."""
    if isinstance(expr, sympy.Mul):
        return sum(map(_degree, expr.args))
    if isinstance(expr, sympy.Pow):
        return _degree(expr.base) * (abs(float(expr.exp)) if expr.exp.is_number else 1)
    if not expr.args:
        return 1
    return max(map(_degree, expr.args))


class _Reader:
    """Turns whitelisted syntax nodes into atoms, depth first."""

    def __init__(self, text: str, parameters: Mapping[str, Any]):
        self.text = text
        self.names: dict[str, Any] = {"x": atoms.x, **CONSTANTS, **parameters}

    def refuse(self, node: Any, message: str) -> NoReturn:
        token = ast.get_source_segment(self.text, node) or ""
        column = node.col_offset + 1
        shown = token if len(token) <= 40 else token[:37] + "..."
        raise FormulaError(f"{message} at column {column}: {shown}", column)

    def read(self, node: ast.expr, depth: int = 0) -> Any:
        if depth > MAX_NESTING * 2:
            self.refuse(node, "nested too deeply")
        result = self.build(node, depth + 1)
        if _degree(result) > MAX_DEGREE:
            self.refuse(node, f"power of x above {MAX_DEGREE}")
        return result

    def build(self, node: ast.expr, depth: int) -> Any:
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                value = self.read(operand, depth)
                return -value if isinstance(node.op, ast.USub) else value
            case ast.BinOp(left=left, op=op, right=right):
                return self.operation(node, op, self.read(left, depth), self.read(right, depth))
            case ast.Call():
                return self.call(node, depth)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.condition(test, self.read(body, depth), self.read(orelse, depth), depth)
            case ast.Compare() | ast.BoolOp():
                self.refuse(node, "a condition is not a number: write `a if condition else b`")
            case _:
                self.refuse(node, "not part of a formula")

    def number(self, node: ast.Constant) -> Any:
        read = node.value
        if isinstance(read, bool) or not isinstance(read, int | float):
            self.refuse(node, "not a number")
        digits = ast.get_source_segment(self.text, node) or ""
        if len(digits) > MAX_DIGITS:
            self.refuse(node, f"number of more than {MAX_DIGITS} digits")
        truly_zero = not digits.lower().partition("e")[0].strip("0._")  # 1e-999 reads as 0.0 but is not
        if not truly_zero and not 1e-300 < abs(read) < 1e300:
            self.refuse(node, "number outside 1e-300 to 1e300")
        try:
            value = Fraction(digits.replace("_", ""))
        except ValueError:
            value = Fraction(read)  # hexadecimal and the like: the integer itself
        return sympy.Rational(value.numerator, value.denominator)

    def name(self, node: ast.expr, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in FUNCTIONS:
            self.refuse(node, f"function without arguments: write {name}(...)")
        known = nearest(name, [*self.names, *FUNCTIONS])
        self.refuse(node, f"unknown name: {known or 'declare it as a parameter'}")

    def operation(self, node: ast.expr, op: ast.operator, a: Any, b: Any) -> Any:
        match op:
            case ast.Add():
                return combine(a + b)
            case ast.Sub():
                return combine(a - b)
            case ast.Mult():
                return combine(a * b)
            case ast.Div():
                if b == 0:
                    self.refuse(node, "division by 0")
                return combine(a / b)
            case ast.Pow():
                return combine(self.power(node, a, b))
            case _:
                self.refuse(node, "not an operator of formulas")

    def power(self, node: ast.expr, base: Any, exponent: Any) -> Any:
        if exponent.has(atoms.x):
            self.refuse(node, "x in an exponent: write exp(...)")
        if exponent.is_number and abs(exact(exponent, {})) > MAX_EXPONENT:
            self.refuse(node, f"exponent above {MAX_EXPONENT}")
        if base.is_zero and not exponent.is_positive:
            self.refuse(node, "0 to a power that is not positive")
        if base.is_Rational and max(abs(base.p), base.q) > 10**60:
            self.refuse(node, "power of a number that is too long")
        return base**exponent

    def call(self, node: ast.Call, depth: int) -> Any:
        if not isinstance(node.func, ast.Name):
            self.refuse(node.func, "not a function of formulas")
        name = node.func.id
        if name not in FUNCTIONS:
            known = nearest(name, FUNCTIONS)
            self.refuse(node.func, f"unknown function: {known or 'known are ' + ' '.join(FUNCTIONS)}")
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            self.refuse(node, f"{name} takes plain arguments")
        if not node.args or (len(node.args) > 1 and name not in FOLDED):
            self.refuse(node, f"{name} takes {'at least one argument' if name in FOLDED else 'one argument'}")
        return combine(FUNCTIONS[name](*(self.read(a, depth) for a in node.args)))

    def condition(self, test: ast.expr, a: Any, b: Any, depth: int) -> Any:
        """`a` where the test holds, else `b`."""
        if depth > MAX_NESTING * 2:
            self.refuse(test, "nested too deeply")
        match test:
            case ast.BoolOp(op=ast.And(), values=values):
                for value in reversed(values):
                    a = self.condition(value, a, b, depth + 1)
                return a
            case ast.BoolOp(op=ast.Or(), values=values):
                for value in reversed(values):
                    b = self.condition(value, a, b, depth + 1)
                return b
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.condition(operand, b, a, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                operands = [self.read(n, depth) for n in (left, *rights)]
                for op, p, q in reversed(list(zip(ops, operands, operands[1:], strict=False))):
                    a = self.compare(test, op, p, q, a, b)
                return a
            case _:
                self.refuse(test, "not a condition: compare with < <= > >= ==")

    def compare(self, node: ast.expr, op: ast.cmpop, p: Any, q: Any, a: Any, b: Any) -> Any:
        if isinstance(op, ast.NotEq):
            return self.compare(node, ast.Eq(), p, q, b, a)
        if type(op) not in _COMPARISONS:
            self.refuse(node, "not a comparison of formulas")
        kind, sign = _COMPARISONS[type(op)]
        return a if a == b else atoms.Where(kind, sign * (p - q), a, b)
