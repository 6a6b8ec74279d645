"""What figures mark: each kink and jump with the value that holds there, and where no gradient comes through."""

import itertools

import numpy as np
import pytest

import nonlin as nl
from nonlin.explore.chosen import read
from nonlin.explore.marks import dots, steepest, zones
from nonlin.slopes import DELTA
from nonlin.slopes import steepest as compiled_steepest

LOW, HIGH = -12.0, 12.0


@pytest.mark.parametrize("order", [0, 1])
def test_a_full_dot_is_the_value_and_an_open_one_is_the_limit_of_a_side(activation, order):
    for dot in dots(activation, LOW, HIGH, order):
        if dot.taken:
            assert activation.derivative(dot.x, order=order) == pytest.approx(dot.y, rel=1e-12, abs=1e-12)
        else:
            sides = activation.derivative(np.array([dot.x - 1e-9, dot.x + 1e-9]), order=order)
            assert np.abs(sides - dot.y).min() < 1e-6
            assert abs(activation.derivative(dot.x, order=order) - dot.y) > 1e-6


def test_every_kink_has_one_full_dot(activation):
    full = [dot.x for dot in dots(activation, LOW, HIGH) if dot.taken]
    assert full == [kink for kink in activation.facts.kinks if LOW <= kink <= HIGH]


def test_a_jump_has_an_open_dot_wherever_the_derivative_is_cut(activation):
    """At each place where f' jumps, as the values on both sides tell."""
    places = np.array([kink for kink in activation.facts.kinks if LOW <= kink <= HIGH])
    if places.size:
        left, right = (activation.derivative(places + step) for step in (-1e-9, 1e-9))
        jumps = set(places[np.abs(left - right) > 1e-6])
        assert {dot.x for dot in dots(activation, LOW, HIGH, 1) if not dot.taken} == jumps


@pytest.mark.parametrize(
    ("formula", "order", "expected"),
    [
        ("sign(x)", 0, {(0, 0, True), (0, -1, False), (0, 1, False)}),
        ("1 if x == 0 else 0", 0, {(0, 1, True), (0, 0, False)}),
        ("x if x > 1/4 else 0", 0, {(0.25, 0, True), (0.25, 0.25, False)}),
        ("1/x", 0, set()),
        ("tan(x)", 0, set()),
        ("abs(x)", 1, {(0, -1, True), (0, 1, False)}),
        ("max(0, x)**2", 2, {(0, 0, True), (0, 2, False)}),
    ],
)
def test_hard_places(formula, order, expected):
    assert {tuple(dot) for dot in dots(read(formula), -4, 4, order)} == expected


def test_zones_are_where_the_slope_is_small(activation):
    """Inside, outside, and at the ends, which are found to more than a grid's step."""
    most = compiled_steepest(activation)
    assert steepest(activation) == pytest.approx(most, rel=1e-12)
    found = zones(activation, LOW, HIGH)
    assert found == sorted(found)
    assert all(a.high <= b.low for a, b in itertools.pairwise(found))
    for zone in found:
        inside = np.abs(activation.derivative(np.linspace(zone.low, zone.high, 99)[1:-1]))
        assert np.all(inside == 0) if zone.kind == "dead" else np.all((inside > 0) & (inside < DELTA * most))
        for end, step in ((zone.low, -1e-6), (zone.high, 1e-6)):
            if LOW < end < HIGH:
                assert abs(activation.derivative(end + step)) >= (
                    0.999 * DELTA * most if zone.kind != "dead" else 1e-300
                )


def test_what_is_flat_is_in_a_zone(activation):
    """But for turning points, which are as narrow as a line."""
    xs = np.linspace(LOW, HIGH, 2001)
    flat = np.abs(activation.derivative(xs)) < 0.999 * DELTA * compiled_steepest(activation)
    for zone in zones(activation, LOW, HIGH):
        flat &= (xs < zone.low) | (xs > zone.high)
    runs = "".join("x" if each else " " for each in flat).split()
    assert max(map(len, runs), default=0) <= 0.01 * len(xs) + 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [(-12, 0, "dead")]),
        ("hard_shrink", [(-0.5, 0.5, "dead")]),
        ("step", [(-12, 12, "dead")]),
        ("linear", []),
        ("sigmoid", [(-12, -8.2935, "saturated"), (8.2935, 12, "saturated")]),
    ],
)
def test_known_zones(name, expected):
    found = zones(nl.get(name), LOW, HIGH)
    assert [zone.kind for zone in found] == [kind for *_, kind in expected]
    ends = [end for zone in found for end in zone[:2]]
    assert ends == pytest.approx([end for *both, _ in expected for end in both], abs=1e-3)
