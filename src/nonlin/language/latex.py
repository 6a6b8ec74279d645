"""A formula for people: in LaTeX, in matplotlib's mathtext, or as one line of text, with its cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.formula import Formula
from nonlin.language.pieces import Pieces

_NAMES = {
    atoms.Sigmoid: r"\sigma",
    atoms.NormalCdf: r"\Phi",
    atoms.NormalPdf: r"\varphi",
    atoms.Tanh: r"\tanh",
    atoms.Sin: r"\sin",
    atoms.Cos: r"\cos",
    atoms.Tan: r"\tan",
    atoms.Atan: r"\arctan",
    atoms.Sinh: r"\sinh",
    atoms.Cosh: r"\cosh",
    atoms.Log: r"\log",
    atoms.Erf: r"\operatorname{erf}",
    atoms.Erfc: r"\operatorname{erfc}",
    atoms.Sign: r"\operatorname{sign}",
}
# Stable forms, written as people write them. Order matters: each may hold what a later one replaces.
_WRITTEN: dict[type, Callable[..., Any]] = {
    atoms.HypotSlope: lambda u, v: 1 + u / atoms.Hypot(u, v),
    atoms.HypotSum: lambda u, v: u + atoms.Hypot(u, v),
    atoms.Hypot: lambda u, v: atoms.Sqrt(u**2 + (v.args[0] if isinstance(v, atoms.Sqrt) else v**2)),
    atoms.TanhGap: lambda u: u - atoms.Tanh(u),
    atoms.Sech2: lambda u: 1 / atoms.Cosh(u) ** 2,
    atoms.Softplus: lambda u: atoms.Log(1 + atoms.Exp(u)),
    atoms.Log1p: lambda u: atoms.Log(1 + u),
    atoms.Expm1: lambda u: atoms.Exp(u) - 1,
}


def latex(formula: Formula, fixed: Mapping[str, float], order: int = 0) -> str:
    """The formula, or its derivative of that order by x, in LaTeX; `fixed` are parameters to put in as numbers."""
    pieces = _pieces(formula, fixed, order)
    printer = _Latex()
    if not pieces.breaks:
        return printer.doprint(pieces.exprs[0])
    rows = [f"{printer.doprint(e)} & {c}" for e, c in zip(pieces.exprs, _conditions(pieces, printer), strict=True)]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def mathtext(formula: Formula, fixed: Mapping[str, float], order: int = 0) -> str:
    """The same for matplotlib's mathtext, which has no cases: they stand in one line."""
    pieces = _pieces(formula, fixed, order)
    printer = _Mathtext()
    if not pieces.breaks:
        return printer.doprint(pieces.exprs[0])
    rows = zip(pieces.exprs, _conditions(pieces, printer), strict=True)
    return r";\ \ ".join(rf"{printer.doprint(e)}\ \ ({c})" for e, c in rows)


def text(formula: Formula, fixed: Mapping[str, float], order: int = 0) -> str:
    """The same as one line of text in the formula language's spelling."""
    pieces = _pieces(formula, fixed, order)
    printer = _Text()
    found = printer.doprint(pieces.exprs[-1])
    for i in reversed(range(len(pieces.breaks))):
        relation = "<" if pieces.closed[i] == "right" else "<="
        found = f"{printer.doprint(pieces.exprs[i])} if x {relation} {printer.doprint(pieces.breaks[i])} else {found}"
    return found


def expression_text(expr: Any) -> str:
    """One expression as text that the language reads."""
    return _Text().doprint(expr)


def _pieces(formula: Formula, fixed: Mapping[str, float], order: int) -> Pieces:
    pieces = formula.pieces(formula.orders(order))
    if any(e.has(*atoms.PIECEWISE) for e in pieces.exprs):
        # not all conditions could be resolved: then the formula as it was written reads better than half of them
        pieces = Pieces((), (), (_whole(formula, order),))
    at = {formula.symbols[name]: sympy.Rational(str(value)) for name, value in fixed.items()}
    exprs = [written(e.xreplace(at)) for e in pieces.exprs]
    keep = [i for i in range(len(pieces.breaks)) if exprs[i] != exprs[i + 1]]
    return Pieces(
        tuple(_short(pieces.breaks[i].xreplace(at)) for i in keep),
        tuple(pieces.closed[i] for i in keep),
        (*(_short(exprs[i]) for i in keep), _short(exprs[-1])),
    )


def _whole(formula: Formula, order: int) -> Any:
    formula, (by_x, *_) = formula.reduced(formula.orders(order))
    return formula.expr.diff(x, by_x) if by_x else formula.expr


def _short(expr: Any) -> Any:
    """Fractions that read better so as decimals of at most six digits, which print as symbols do."""

    def decimal(value: Any) -> Any:
        sign = -1 if value < 0 else 1
        return sign * sympy.Symbol(f"{abs(float(value)):.6g}", positive=True)

    return expr.replace(lambda e: bool(e.is_Rational) and (e.q > 12 or e.q in (5, 10)), decimal)


def written(expr: Any) -> Any:
    """An expression as people write it; a logistic sigmoid that stands alone is written out."""
    for atom, form in _WRITTEN.items():
        expr = expr.replace(atom, form)
    if isinstance(expr, atoms.Sigmoid):
        return 1 / (1 + atoms.Exp(-expr.args[0]))
    return expr


def _conditions(pieces: Pieces, printer: Any) -> list[str]:
    """What x has to be for each piece."""
    edges = [printer.doprint(b) for b in pieces.breaks]
    below = ["<" if side == "right" else r"\leq" for side in pieces.closed]
    above = r"\geq" if below[-1] == "<" else ">"
    found = [f"x {below[0]} {edges[0]}"]
    for i in range(1, len(edges)):
        found.append(f"{edges[i - 1]} {_flipped(below[i - 1])} x {below[i]} {edges[i]}")
    return [*found, f"x {above} {edges[-1]}"]


def _flipped(relation: str) -> str:
    return r"\leq" if relation == "<" else "<"


def _choice(expr: Any) -> tuple[str, tuple[Any, ...]]:
    """A condition that stayed in the expression: "abs", "max", "min" with arguments, or "cases"."""
    c, p, q = expr.args
    if c == p and q == -p:
        return "abs", (p,)
    if sympy.expand(c - (p - q)) == 0:
        return "max", (p, q)
    return ("min", (p, q)) if sympy.expand(c + (p - q)) == 0 else ("cases", (c, p, q))


def _relation(c: Any) -> tuple[Any, Any]:
    """The two sides of c > 0 with what is subtracted on the right."""
    right = [-t for t in sympy.Add.make_args(sympy.expand(c)) if t.could_extract_minus_sign()]
    return sympy.expand(c) + sympy.Add(*right), sympy.Add(*right)


class _Latex(LatexPrinter):
    def __init__(self) -> None:
        super().__init__({"mul_symbol": r" \, "})

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        name = expr.name
        if len(name) == 1 or name[0].isdigit():
            return name
        greek = super()._print_Symbol(sympy.Symbol(name))
        return greek if greek.startswith("\\") else rf"\mathrm{{{name}}}".replace("_", r"\_")

    def _print_Variable(self, expr: Any) -> str:
        return expr.name

    def _print_Exp(self, expr: Any, exp: Any = None) -> str:
        power = f"e^{{{self._print(expr.args[0])}}}"
        return power if exp is None else rf"\left({power}\right)^{{{exp}}}"

    def _print_Sqrt(self, expr: Any, exp: Any = None) -> str:
        root = rf"\sqrt{{{self._print(expr.args[0])}}}"
        return root if exp is None else rf"{root}^{{{exp}}}"

    def _print_Choose(self, expr: Any, exp: Any = None) -> str:
        kind, arguments = _choice(expr)
        shown = [self._print(a) for a in arguments]
        if kind == "abs":
            body = f"|{shown[0]}|"
        elif kind == "cases":
            body = self.cases(self.relation(expr.args[0], ">"), shown[1], shown[2])
        else:
            body = rf"\{kind}\left({', '.join(shown)}\right)"
        return body if exp is None else rf"{{{body}}}^{{{exp}}}"

    def _print_Where(self, expr: Any, exp: Any = None) -> str:
        kind, c, a, b = expr.args
        relation = {atoms.GREATER: ">", atoms.GREATER_EQUAL: r"\geq", atoms.EQUAL: "="}[kind]
        body = self.cases(self.relation(c, relation), self._print(a), self._print(b))
        return body if exp is None else rf"{{{body}}}^{{{exp}}}"

    def relation(self, c: Any, sign: str) -> str:
        left, right = _relation(c)
        return f"{self._print(left)} {sign} {self._print(right)}"

    def cases(self, condition: str, a: str, b: str) -> str:
        return rf"\begin{{cases}} {a} & {condition} \\ {b} & \text{{otherwise}} \end{{cases}}"

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{_NAMES[type(expr)]}{power}\left({self._print(expr.args[0])}\right)"


class _Mathtext(_Latex):
    def cases(self, condition: str, a: str, b: str) -> str:
        return rf"\left({a}\ \mathrm{{if}}\ {condition}\ \mathrm{{else}}\ {b}\right)"


class _Text(StrPrinter):
    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        if expr.exp.is_number and expr.exp.is_negative and expr.exp != -1:
            return f"1/{self.parenthesize(1 / expr, PRECEDENCE['Mul'])}"
        return super()._print_Pow(expr, rational=rational)

    def _print_Choose(self, expr: Any) -> str:
        kind, arguments = _choice(expr)
        shown = [self._print(a) for a in arguments]
        if kind == "cases":
            return f"({shown[1]} if {self.relation(expr.args[0], '>')} else {shown[2]})"
        return f"{kind}({', '.join(shown)})"

    def _print_Where(self, expr: Any) -> str:
        kind, c, a, b = expr.args
        relation = {atoms.GREATER: ">", atoms.GREATER_EQUAL: ">=", atoms.EQUAL: "=="}[kind]
        return f"({self._print(a)} if {self.relation(c, relation)} else {self._print(b)})"

    def relation(self, c: Any, sign: str) -> str:
        left, right = _relation(c)
        return f"{self._print(left)} {sign} {self._print(right)}"

    def _print_Function(self, expr: Any) -> str:
        return f"{expr.text}({', '.join(map(self._print, expr.args))})"
