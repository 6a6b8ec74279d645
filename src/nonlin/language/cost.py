"""What an element of an expression costs, counted from the expression."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import sympy

from nonlin.language import atoms
from nonlin.language.atoms import x
from nonlin.language.curve import Curve


class Cost(NamedTuple):
    """Operations an element, as written: of the costliest piece, and a comparison for each breakpoint.

    `exponentials` are exp, log, erf, sin and the like; `arithmetic` is the rest.
    """

    arithmetic: int
    comparisons: int
    exponentials: int


# Of one call each: arithmetic, exponentials.
_ATOM_COST: dict[type, tuple[int, int]] = {
    atoms.Sigmoid: (2, 1),
    atoms.Softplus: (2, 2),
    atoms.Tanh: (3, 1),
    atoms.TanhGap: (4, 1),
    atoms.NormalCdf: (2, 1),
    atoms.Sqrt: (1, 0),
    atoms.Hypot: (4, 0),
    atoms.HypotSum: (5, 0),
    atoms.Sign: (1, 0),
}


def cost(f: Curve) -> Cost:
    """The cost of an element of a curve."""
    arithmetic, exponentials = max(_operations(i.exprs[0]) for i in f.intervals)
    if f.oscillates:
        comparisons = len(f.expr.atoms(*atoms.PIECEWISE))
    else:
        comparisons = sum(a.exprs[0] != b.exprs[0] for a, b in pairwise(f.intervals))
    return Cost(arithmetic, comparisons, exponentials)


def _operations(expr: Any) -> tuple[int, int]:
    """Arithmetic and exponentials of an expression, each subexpression computed once."""
    arithmetic = exponentials = 0
    for node in set(sympy.preorder_traversal(expr)):
        if not node.has(x) or node == x:
            continue
        if isinstance(node, sympy.Add | sympy.Mul):
            arithmetic += len(node.args) - 1
        elif isinstance(node, sympy.Pow):
            arithmetic += int(abs(node.exp)).bit_length() if node.exp.is_integer else 1
        else:
            more, exps = _ATOM_COST.get(type(node), (0, 1))
            arithmetic, exponentials = arithmetic + more, exponentials + exps
    return arithmetic, exponentials
