"""The normal form is the same function: values, sides, and derivatives interval by interval."""

import hypothesis.strategies as st
import pytest
import sympy
from hypothesis import given, settings

from nonlin.language.atoms import PIECEWISE, x
from nonlin.language.evaluate import exact
from nonlin.language.formula import Formula, value_at
from nonlin.language.parameters import Parameter

P = Parameter


def normal_form(text, *parameters):
    formula = Formula(text, parameters)
    return formula.pieces(formula.orders())


@pytest.mark.parametrize(
    ("text", "breaks", "exprs"),
    [
        ("max(0, 1 - abs(x - 1))", [0, 1, 2], [0, x, 2 - x, 0]),
        ("x*max(0, min(x + 3, 6))/6", [-3, 3], [0, x * (x + 3) / 6, x]),
        ("max(x - 1, min(x + 1, 0), 0)", [1], [0, x - 1]),
        ("abs(abs(x))", [0], [-x, x]),
        ("max(x, x)", [], [x]),
        ("x if x > 0 else x", [], [x]),
        ("x if x >= 1 and x < 2 else 0", [1, 2], [0, x, 0]),
        ("0 if x > 1 or x < -1 else 1", [-1, 1], [0, 1, 0]),
    ],
)
def test_known_normal_forms(text, breaks, exprs):
    pieces = normal_form(text)
    assert list(pieces.breaks) == breaks
    assert list(pieces.exprs) == exprs


def test_breaks_may_hold_parameters_whose_order_is_known():
    low, high = P("low", -1.0, "<= high"), P("high", 1.0)
    pieces = normal_form("min(max(x, low), high)", low, high)
    assert [str(b) for b in pieces.breaks] == ["low", "high"]
    assert [str(e) for e in pieces.exprs] == ["low", "x", "high"]


def test_what_depends_on_a_parameter_stays_a_choice():
    pieces = normal_form("max(x, a*x)", P("a", 0.25))
    assert pieces.breaks == ()
    assert pieces.exprs[0].has(*PIECEWISE)


lines = st.sampled_from(["x", "1 - x", "x + 2", "2*x - 1", "0", "1", "x**2 - 1", "tanh(x)", "x*sigmoid(x)", "sign(x)"])


def combined(inner):
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda t: f"max({t[0]}, {t[1]})"),
        two.map(lambda t: f"min({t[0]}, {t[1]})"),
        inner.map(lambda t: f"abs({t})"),
        two.map(lambda t: f"({t[0]} + {t[1]})"),
        two.map(lambda t: f"({t[0]})*({t[1]})"),
        two.map(lambda t: f"({t[0]} if x > 1 else {t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} >= {t[2]} else 1)"),
    )


formulas = st.recursive(lines, combined, max_leaves=5)


@given(formulas, st.lists(st.floats(-4, 4), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_the_normal_form_has_the_same_values(text, points):
    formula = Formula(text)
    pieces = formula.pieces(formula.orders())
    edges = [float(exact(b, {})) for b in pieces.breaks]
    exactly = [e for e, b in zip(edges, pieces.breaks, strict=True) if b.is_Rational and sympy.Rational(e) == b]
    for point in [*points, *exactly]:
        if any(abs(point - e) < 1e-12 and point not in exactly for e in edges):
            continue  # an irrational breakpoint is only known to the nearest float
        want, got = exact(formula.expr, {x: point}), value_at(pieces, point, {})
        assert abs(want - got) <= 1e-25 * (1 + abs(want)), (text, point, pieces)


@given(formulas)
@settings(max_examples=60, deadline=None)
def test_breaks_are_sorted(text):
    formula = Formula(text)
    pieces = formula.pieces(formula.orders())
    edges = [float(exact(b, {})) for b in pieces.breaks]
    assert edges == sorted(set(edges))
    assert len(pieces.exprs) == len(pieces.closed) + 1 == len(edges) + 1
