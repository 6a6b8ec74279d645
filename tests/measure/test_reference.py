"""The reference: its value is that of the definition, and its digits suffice where expressions cancel or vanish."""

import math

import mpmath
import numpy as np
import pytest

import nonlin as nl
from nonlin.measure.points import breaks, every, hard, sample
from nonlin.measure.reference import Truth

HARD = [
    -1e300,
    -745.0,
    -40.0,
    -2.4,
    -1.0,
    -1e-3,
    -1e-30,
    -5e-324,
    5e-324,
    1e-18,
    0.3,
    1.0,
    6.0,
    17.4,
    710.0,
    1e18,
    1e308,
]


@pytest.mark.parametrize("order", [0, 1])
def test_the_reference_is_what_the_definition_says(activation, order):
    truth = Truth(activation, order)
    for point in {*HARD, *breaks(activation)}:
        a, b = truth(point), truth.by_definition(point)
        assert abs(a - b) <= abs(a) * 2.0**-64 + truth.nothing, point


def test_digits_suffice_where_they_cancel():
    gap = Truth(nl.get("tanh_shrink"), 0)
    assert gap(1e-60) == pytest.approx(mpmath.mpf("1e-180") / 3, rel=1e-20)
    tail = Truth(nl.get("squareplus"), 0)
    assert float(tail(-1e200)) == pytest.approx(1e-200, rel=1e-15)
    one = Truth(nl.define("nearly", "sqrt(1 + x) - 1"), 0)
    assert float(one(1e-300)) == pytest.approx(5e-301, rel=1e-15)


def test_the_nearest_float64_and_what_it_lacks():
    truth = Truth(nl.get("exponential"), 0)
    for point in (1.0, -700.3, 1e-9):
        value, tail = truth.nearest(point)
        assert abs(tail) <= 0.5
        assert float(truth(point) - value) == pytest.approx(tail * math.ulp(value), rel=1e-12)
    assert truth.nearest(1e4) == (math.inf, 0.0)


@pytest.mark.parametrize(("dtype", "bits"), [("float16", np.uint16), ("bfloat16", np.uint16)])
def test_every_float_is_every_float(dtype, bits):
    seen = np.concatenate(list(every(dtype)))
    np.testing.assert_array_equal(seen.view(bits), np.arange(1 << 16, dtype=bits))


def test_a_stride_takes_its_points_from_the_whole():
    seen = np.concatenate(list(every("float32", 104729))).view(np.uint32)
    np.testing.assert_array_equal(seen, np.arange(0, 1 << 32, 104729))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_hard_points_have_both_signs_and_every_special_value(activation, dtype):
    values = hard(activation, dtype).astype(np.float64)
    assert np.isnan(values).any() and {-math.inf, math.inf, 0.0} <= set(values.tolist())
    assert np.signbit(values[values == 0]).tolist() == [False, True]
    for place in (*breaks(activation), *activation.facts.kinks):
        assert np.nanmin(np.abs(values - place)) <= 2.0**-8 * abs(place)


def test_a_sample_is_the_same_each_time(activation):
    first = sample(activation, 1000)
    assert np.isfinite(first).all() and first.size > 900
    np.testing.assert_array_equal(first, sample(activation, 1000))
