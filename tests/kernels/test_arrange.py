"""What kernels rearrange is the same function, and is printed whatever stands beside it; lines are reached early."""

import pytest

import nonlin as nl
from nonlin.backends.kernels.arrange import arranged
from nonlin.backends.kernels.text import target
from nonlin.backends.printer import source
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact
from nonlin.language.limits import asymptote

POINTS = (-90.5, -17.25, -3.5, -1.2784, -0.01, 0.0, 1e-8, 0.7, 2.5, 11.0, 60.0)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_what_is_arranged_is_the_same_function(activation, order):
    rule = activation.rule
    for expr in rule.pieces(rule.orders(order)).exprs:
        for values in rule.samples:
            for point in POINTS:
                at = {**values, x: point}
                was, now = exact(expr, at, 400), exact(arranged(expr), at, 400)
                assert was == now or abs(now - was) <= abs(was) * 2.0**-100 or was != was, (expr, point)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("sign", ["-", "+"])
def test_beyond_its_place_an_expression_keeps_to_its_line(activation, order, sign):
    pieces = activation.rule.pieces(activation.rule.orders(order))
    expr = pieces.exprs[0 if sign == "-" else -1]
    line = asymptote(expr, sign, -30, -151)
    if line is None:
        pytest.skip("no line, or one that depends on a parameter")
    for factor in (1.0, 1.01, 1.5, 3.0, 100.0, 1e6):
        point = line.place * factor
        there = line.slope * point + line.offset
        error = abs(exact(expr, {x: point}, 1200) - line.slope * point - line.offset)
        assert error <= max(abs(there) * 2.0**-30, 2.0**-151), point


@pytest.mark.parametrize("cut", ["({}) if x < 1 else x", "0 if x < -2 else ({})"])
def test_a_part_of_a_formula_is_printed_too(activation, cut):
    """Where the rest begins an expression ends before it has settled: other rules apply to its products."""
    part = nl.define("part", cut.format(activation.formula), **activation.parameters)
    for order in (0, 1, 2):
        for grade in ("single", "mixed", "double"):
            assert "return" in source(part.rule, part.rule.orders(order), target(grade), "point", False)
