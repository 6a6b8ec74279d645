"""Formulas as data that a page's JavaScript computes with: no text becomes code there either.

An expression is a number, the name of a symbol, null where it is undefined, or a list of a head and its arguments:
"+", "*", "^", the name of an atom, "choose", or "where" with its comparison first. The page has one small function for
each atom; what is known *about* the atoms (derivatives, stable forms, what vanishes) goes there as `tables`, so that a
formula typed into the page is read and differentiated as it is here.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import sympy

from nonlin.backends.stable import MILLS, TANH_GAP
from nonlin.language import atoms, grammar
from nonlin.language.evaluate import number
from nonlin.language.formula import Formula
from nonlin.language.pieces import Pieces, merged
from nonlin.language.rewrite import BESIDE_ONE

Tree = float | str | list[Any] | None
_COMPARISONS = {atoms.GREATER: ">", atoms.GREATER_EQUAL: ">=", atoms.EQUAL: "=="}
_HEADS: dict[Any, str] = {sympy.Add: "+", sympy.Mul: "*", sympy.Pow: "^"}
_U, _V = sympy.symbols("u v", real=True)
_NODES = 20  # of a panel of Gauss and Legendre's quadrature


def tree(expr: Any) -> Tree:
    """An expression as data. Constants are rounded once, to float64."""
    if isinstance(expr, sympy.Symbol):
        return expr.name
    if expr is sympy.nan:
        return None
    if not expr.free_symbols and not expr.has(*atoms.PIECEWISE):
        return number(expr)
    if isinstance(expr, atoms.Where):
        return [expr.text, _COMPARISONS[expr.args[0]], *map(tree, expr.args[1:])]
    head = expr.text if isinstance(expr, atoms.Atom) else _HEADS[expr.func]
    return [head, *map(tree, expr.args)]


def pieces_as_data(pieces: Pieces) -> dict[str, Any]:
    """Breakpoints, whose each is ("left" or "right"), and the expression on each interval."""
    found = merged(pieces)
    return {
        "breaks": [tree(b) for b in found.breaks],
        "closed": ["right" if side == "right" else "left" for side in found.closed],
        "exprs": [tree(e) for e in found.exprs],
    }


def derivatives(formula: Formula, highest: int = 2) -> list[dict[str, Any]]:
    """The pieces of f and of its derivatives by x."""
    return [pieces_as_data(formula.pieces(formula.orders(order))) for order in range(highest + 1)]


def tables() -> dict[str, Any]:
    """What the page has to know of the language: its functions, its atoms, its bounds."""
    known = [a for a in vars(atoms).values() if _is_atom(a)]
    smooth = [a for a in known if a not in (atoms.Choose, atoms.Where)]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return {
        "functions": {name: tree(make(*_arguments(name))) for name, make in grammar.FUNCTIONS.items()},
        "constants": {name: number(value) for name, value in grammar.CONSTANTS.items()},
        "slopes": {a.text: [tree(s) for s in a(*_symbols(a)).slopes()] for a in smooth},
        "beside_one": [[a.text, sign, tree(form(_U))] for (a, sign), form in BESIDE_ONE.items()],
        "vanishing": _texts(atoms.VANISHING),
        "bounded": _texts(atoms.BOUNDED),
        "zero_at_zero": _texts(atoms.ZERO_AT_ZERO),
        "bounds": {
            "length": grammar.MAX_LENGTH,
            "nesting": grammar.MAX_NESTING,
            "digits": grammar.MAX_DIGITS,
            "exponent": grammar.MAX_EXPONENT,
            "degree": grammar.MAX_DEGREE,
        },
        "mills": list(MILLS),
        "tanh_gap": list(TANH_GAP),
        "quadrature": {"nodes": nodes.tolist(), "weights": weights.tolist()},
        "root_2pi": math.sqrt(2 * math.pi),
    }


def _is_atom(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, atoms.Atom) and value is not atoms.Atom


def _symbols(atom: Any) -> tuple[Any, ...]:
    return (_U, _V)[: atom.nargs.args[0]]


def _arguments(name: str) -> tuple[Any, ...]:
    """What stands for a function's arguments; of those that take many, two, since they fold."""
    return (_U, _V) if name in grammar.FOLDED else (_U,)


def _texts(group: tuple[Any, ...]) -> list[str]:
    return [atom.text for atom in group]
