"""sin, cos and tan: right for every number, the huge ones too, and the same wherever an element stands."""

import math
from fractions import Fraction
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nonlin as nl
from nonlin.measure.points import every

WAVES = {
    "sin": (nl.sine, np.sin, mp.sin),
    "cos": (nl.define("cosine_wave", "cos(x)"), np.cos, mp.cos),
    "tan": (nl.define("tangent_wave", "tan(x)"), np.tan, mp.tan),
}
# ulp: sin and cos have one rounding and a bit, tan is the quotient of both
LIMITS = {"sin": 1.0, "cos": 1.0, "tan": 2.75}
STRIDE = 10007
every_wave = pytest.mark.parametrize("wave", WAVES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def ulps(got, true):
    """The errors in units of the last place of the true values, which are float64 or of many digits."""
    rounded = np.array([float(t) for t in true]).astype(got.dtype)
    error = np.array([float(abs(mp.mpf(float(g)) - t)) for g, t in zip(got, true, strict=True)])
    return error / np.spacing(np.abs(rounded)).astype(np.float64)


def closest(dtype):
    """For each power of two the numbers of the dtype that come closest to a multiple of pi/2.

    They are the denominators of the continued fraction of the power over pi/2, and their largest multiples.
    """
    digits = np.finfo(dtype).nmant + 1
    found = []
    with mp.workprec(1300):
        turn = Fraction(int(mp.floor(mp.pi / 2 * mp.mpf(2) ** 1280)), 2**1280)
        for exponent in range(-digits, np.finfo(dtype).maxexp - digits + 1):
            rest, (h, before) = Fraction(2) ** exponent / turn, (1, 0)
            while rest and (multiples := (2**digits - 1) // h):
                found += [math.ldexp(h * k, exponent) for k in {1, multiples}]
                inverse = 1 / (rest - math.floor(rest)) if rest != math.floor(rest) else Fraction(0)
                h, before, rest = math.floor(inverse) * h + before, h, inverse
    return np.unique(np.array(found, np.float64)).astype(dtype)


@cache
def hard(dtype):
    """The floats beside the first multiples of pi/4, the closest ones to any, powers of two and their neighbours."""
    multiples = (np.arange(1, 2000) * (math.pi / 4)).astype(dtype)
    with np.errstate(under="ignore", over="ignore"):
        powers = np.ldexp(1.0, np.arange(np.finfo(dtype).minexp - 20, np.finfo(dtype).maxexp)).astype(dtype)
        each = np.concatenate([multiples, powers, closest(dtype)])
        around = np.concatenate([np.nextafter(each, dtype(0)), each, np.nextafter(each, dtype(np.inf))])
    around = around[np.isfinite(around) & (around != 0)]
    return np.concatenate([around, -around])


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32 if values.dtype == np.float32 else np.uint64)


@every_wave
def test_float32_is_right_for_a_part_of_all(wave):
    activation, wide, _ = WAVES[wave]
    for x in every("float32", STRIDE):
        x = x[np.isfinite(x)]
        true = wide(x.astype(np.float64))
        step = np.spacing(np.abs(true.astype(np.float32))).astype(np.float64)
        assert (np.abs(activation(x) - true) <= LIMITS[wave] * step).all()


@every_dtype
@every_wave
def test_beside_zeros_and_far_out_it_is_right(wave, dtype):
    activation, _, exact = WAVES[wave]
    x = hard(getattr(np, dtype))[::7]
    with mp.workprec(200):
        errors = ulps(activation(x), [exact(mp.mpf(v)) for v in x.astype(np.float64).tolist()])
    worst = errors.argmax()
    assert errors[worst] <= LIMITS[wave], x[worst]


@every_wave
@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(-100.0, 100.0))
@settings(max_examples=300, deadline=None)
def test_any_float64_is_right(wave, x):
    activation, _, exact = WAVES[wave]
    with mp.workprec(200):
        assert ulps(activation(np.array([x])), [exact(mp.mpf(x))])[0] <= LIMITS[wave]


@every_dtype
def test_signs_small_numbers_and_what_is_not_finite(dtype):
    kind = getattr(np, dtype)
    small = np.array([0.0, np.finfo(kind).smallest_subnormal, np.finfo(kind).tiny / 2, np.finfo(kind).tiny], kind)
    small = np.concatenate([small, -small])
    strange = np.array([np.nan, np.inf, -np.inf], kind)
    for wave, (activation, _, _) in WAVES.items():
        np.testing.assert_array_equal(bits(activation(small)), bits(np.ones_like(small) if wave == "cos" else small))
        with np.errstate(invalid="ignore"):
            assert np.isnan(activation(strange)).all()


@every_dtype
@every_wave
def test_it_is_odd_or_even(wave, dtype):
    x = hard(getattr(np, dtype))
    activation = WAVES[wave][0]
    sign = 1 if wave == "cos" else -1
    np.testing.assert_array_equal(bits(activation(-x)), bits(sign * activation(x)))


@every_dtype
@every_wave
def test_neighbours_make_no_difference(wave, dtype):
    """Ordinary and huge numbers mixed, so that a block is gone through again in one call and not in another."""
    activation = WAVES[wave][0]
    kind = getattr(np, dtype)
    random = np.random.default_rng(7)
    x = random.uniform(-300, 300, 5000).astype(kind)
    x[random.integers(0, x.size, 40)] *= kind(1e30)
    x[4100:] = x[3000:3900]  # a last block without huge ones, or with
    want = bits(activation(x))
    for i in (*range(0, 5000, 331), *np.flatnonzero(np.abs(x) > 1e6)):
        assert bits(activation(x[i : i + 1])) == want[i]
    for length in (1, 7, 1023, 1024, 1025, 2048, 4099):
        np.testing.assert_array_equal(bits(activation(x[5:][:length])), want[5:][:length])
    for step in (2, 3, -1):
        np.testing.assert_array_equal(bits(activation(x[::step])), want[::step])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max(sin(x), 0)", lambda x: np.maximum(np.sin(x), 0)),
        ("x*exp(-x*x)*cos(x)", lambda x: np.where(np.abs(x) > 40, 0, x * np.exp(-x * x) * np.cos(x))),
        ("sin(x) if x > 1 else cos(x)", lambda x: np.where(x > 1, np.sin(x), np.cos(x))),
        ("sign(sin(x))", lambda x: np.sign(np.sin(x))),
        ("x + sin(x)**2", lambda x: x + np.sin(x) ** 2),
    ],
)
def test_formulas_hold_for_huge_arguments(text, expected):
    """What `far` computes gets to the result in every kind of formula, or is of no account there."""
    x = np.concatenate([np.linspace(-50, 50, 999), 10.0 ** np.arange(3, 37), -(10.0 ** np.arange(3, 37))])
    x = x.astype(np.float32)
    with np.errstate(all="ignore"):
        want = expected(x.astype(np.float64))
        got = nl.define("huge", text)(x)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-38)
