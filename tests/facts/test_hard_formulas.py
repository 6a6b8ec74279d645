"""Formulas with poles, ends of their domain, endless kinks, and growth that no number holds."""

import math

import pytest

import nonlin as nl
from nonlin.errors import ParameterError

INF = math.inf


def facts(formula, **parameters):
    return nl.define("hard", formula, **parameters).facts


def test_pole():
    found = facts("1/x")
    assert found.range == (-INF, INF)
    assert found.kinks == (0,)
    assert (found.lipschitz, found.second_moment, found.gain) == (INF, INF, 0)
    assert not found.monotonic


def test_poles_without_end():
    found = facts("tan(x)")
    assert found.lipschitz == INF
    assert found.kinks == pytest.approx([(k + 0.5) * math.pi for k in range(-4, 4)])
    assert not found.monotonic


def test_end_of_the_domain():
    found = facts("log(x)")
    assert found.range == (-INF, INF)
    assert found.zeros == (1,)
    assert found.monotonic
    assert [p.low for p in found.pieces] == [0]
    assert math.isnan(found.gain)


def test_slope_without_bound_at_a_point():
    found = facts("sqrt(abs(x))")
    assert (found.range, found.lipschitz, found.kinks) == ((0, INF), INF, (0,))
    assert found.second_moment == pytest.approx(math.sqrt(2 / math.pi), rel=1e-12)  # E |z|


def test_removable_singularity():
    found = facts("sin(x)/x")
    assert found.kinks == ()
    assert found.range[1] == 1
    assert 0 not in found.zeros


def test_kinks_without_end():
    found = facts("abs(sin(x))")
    assert found.range == pytest.approx((0, 1), abs=1e-12)
    assert found.kinks == pytest.approx([k * math.pi for k in range(-3, 4)], abs=1e-12)
    assert found.gain == pytest.approx(nl.sine.facts.gain, rel=1e-12)


def test_swings_that_grow():
    found = facts("x*sin(x)")
    assert found.range == (-INF, INF)
    assert all(map(math.isnan, found.limits))


def test_far_and_narrow_turning_point():
    found = facts("exp(-(x - 200)**2)")
    assert found.range == pytest.approx((0, 1))
    assert [p.high for p in found.pieces] == pytest.approx([200, INF])


def test_double_zero():
    found = facts("(x - 0.3)**2 * (x - 1)")
    assert found.zeros == pytest.approx([0.3, 1])


def test_values_that_no_number_holds():
    assert facts("exp(exp(x)) - exp(x)").limits[0] == 1


def test_sharp_transition():
    found = facts("x*sigmoid(1000*x)")
    assert found.pieces[0].high == pytest.approx((-1.2784645427610738) / 1000)


@pytest.mark.parametrize("formula", ["0*x + 2", "-3"])
def test_constant(formula):
    found = facts(formula)
    assert found.monotonic
    assert (found.lipschitz, found.kinks, found.zeros) == (0, (), ())


def test_parameters_without_a_value():
    activation = nl.define("hard", "sin(a*x)/a", a=1.0)
    with pytest.raises(ParameterError, match=r"a=0\.0"):
        _ = activation.bind(a=0.0).facts
    with pytest.raises(ParameterError, match="a=inf"):
        _ = activation.bind(a=INF).facts
