"""The measure itself: errors in ulp against numpy.spacing, one input at a time, and what counts as something else."""

import math

import ml_dtypes
import numpy as np
import pytest

from nonlin.measure.ulps import FORMATS, Errors

KINDS = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
every_dtype = pytest.mark.parametrize("dtype", FORMATS)


def found(dtype, got, true, at=1.0, **more):
    """What is recorded of one result."""
    kind = KINDS[dtype]
    errors = Errors(dtype)
    errors.add(np.array([at], kind), np.array([got]).astype(kind), np.array([true]), **more)
    return errors.summary()


@every_dtype
def test_formats_are_those_of_the_dtypes(dtype):
    info, form = ml_dtypes.finfo(KINDS[dtype]), FORMATS[dtype]
    assert form.smallest == float(info.smallest_normal)
    assert form.step == float(info.smallest_subnormal)
    assert form.largest == float(info.max)
    assert form.top_step == float(info.max) - float(np.nextafter(info.max, info.dtype.type(0)))


@every_dtype
def test_the_error_in_ulp_is_the_distance_by_the_spacing(dtype):
    kind, form = KINDS[dtype], FORMATS[dtype]
    random = np.random.default_rng(0)
    span = min(-math.log2(form.smallest), 1000.0)
    true = np.exp2(random.uniform(-span, span, 2000)) * random.choice([-1, 1], 2000)
    true[:200] = np.exp2(np.round(np.log2(np.abs(true[:200])))) * (
        1 - 2.0 ** -(form.digits + random.integers(-1, 5, 200))
    )
    true = true[(np.abs(true) >= form.smallest) & (np.abs(true) < form.largest / 2)]
    rounded = true.astype(kind)
    spacing = np.spacing(np.abs(rounded)).astype(np.float64)
    got = (rounded.astype(np.float64) + random.integers(-3, 4, true.size) * spacing).astype(kind)
    want = np.abs(got.astype(np.float64) - true) / spacing
    errors = Errors(dtype)
    errors.add(np.ones(true.size, kind), got, true)
    summary = errors.summary()
    assert summary["ulp"] == want.max()
    assert summary["above_1"] == (want > 1).mean()
    assert summary["above_2"] == (want > 2).mean()
    for value, result, error in zip(true[:300], got, want, strict=False):
        assert found(dtype, result, value)["ulp"] == error


def test_what_a_float64_lacks_of_the_true_value_counts():
    assert found("float64", 1.0, 1.0, tail=np.array([0.375]))["ulp"] == 0.375
    assert found("float64", 1e-300, 1e-300, tail=np.array([-0.25]))["ulp"] == 0.25


@every_dtype
def test_beyond_the_largest_number_inf_is_the_next_one(dtype):
    form = FORMATS[dtype]
    assert found(dtype, math.inf, math.inf)["ulp"] == 0
    assert found(dtype, form.largest, math.inf)["ulp"] == 1
    assert found(dtype, -math.inf, -form.largest)["ulp"] == 1
    assert found(dtype, math.inf, form.largest)["nonfinite"] == 0
    far = found(dtype, math.inf, form.largest * 0.75)
    assert far["nonfinite"] == 1 and far["nonfinite_at"] == 1.0
    assert found(dtype, math.inf, -form.largest)["nonfinite"] == 1
    assert found(dtype, math.nan, 1.0)["nonfinite"] == 1
    assert found(dtype, math.nan, math.inf)["nonfinite"] == 1


@every_dtype
def test_a_zero_for_a_normal_value_is_lost_and_for_a_subnormal_one_flushed(dtype):
    form = FORMATS[dtype]
    lost = found(dtype, 0.0, form.smallest)
    assert (lost["lost"], lost["flushed"]) == (1, 0) and lost["ulp"] == 2.0**form.digits
    flushed = found(dtype, 0.0, 3 * form.step)
    assert (flushed["lost"], flushed["flushed"], flushed["subnormal_steps"]) == (0, 1, 0)
    assert found(dtype, 4 * form.step, 3 * form.step)["subnormal_steps"] == 1


@every_dtype
def test_the_limits_are_looked_at(dtype):
    nan, inf = math.nan, math.inf
    for at, true, wrong in ((nan, nan, 1.0), (inf, inf, 1.0), (-inf, inf, -inf), (inf, nan, 1.0)):
        summary = found(dtype, wrong, true, at)
        assert (summary["special"], summary["special_at"]) == (1, str(at))
        assert found(dtype, true, true, at)["special"] == 0
    for at in (-inf, inf):  # a finite limit is a value like others, rounded once
        assert found(dtype, 0.3, 0.3, at)["ulp"] <= 0.5
        assert found(dtype, nan, 0.3, at)["nonfinite"] == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_near_a_zero_the_error_is_absolute(dtype):
    for near in ({"zeros": np.array([-3.0, 1.1])}, {"bend": np.array([-1.0])}):
        at_zero = found(dtype, 0.0, 2.0**-20, **near)
        assert (at_zero["near_zero"], at_zero["ulp"], at_zero["lost"]) == (2.0**-20, 0, 0)
    for far in ({"zeros": np.array([-3.0, 1.3])}, {"bend": np.array([-(2.0**-20)])}):
        assert found(dtype, 0.0, 2.0**-20, **far)["lost"] == 1
