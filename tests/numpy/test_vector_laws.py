"""Functions of a whole axis on NumPy: what they preserve, how they treat an axis, and the edges of their input."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

import nonlin as nl
from nonlin.errors import NonlinError

FAMILY = ["softmax", "softmin", "sparsemax", "hardmax"]
rows = arrays(np.float64, st.integers(1, 12), elements=st.floats(-50, 50))


@pytest.mark.parametrize("name", FAMILY)
@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=1), elements=st.floats(-50, 50)), st.data())
@settings(deadline=None, max_examples=40)
def test_a_distribution_along_any_axis(name, x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    y = nl.get(name)(x, axis=axis)
    assert y.shape == x.shape and (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=1e-12)
    moved = nl.get(name)(np.moveaxis(x, axis, -1))
    np.testing.assert_allclose(np.moveaxis(y, axis, -1), moved, rtol=1e-14)
    np.testing.assert_allclose(nl.get(name)(x, axis=None).sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin", "sparsemax"])
@given(rows, st.floats(-100, 100))
@settings(deadline=None, max_examples=40)
def test_a_common_shift_changes_nothing(name, x, shift):
    np.testing.assert_allclose(nl.get(name)(x + shift), nl.get(name)(x), rtol=1e-9, atol=1e-11)


@given(rows)
@settings(deadline=None)
def test_definitions_against_each_other(x):
    np.testing.assert_allclose(np.exp(nl.log_softmax(x)), nl.softmax(x), rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(nl.softmin(x), nl.softmax(-x))
    assert nl.hardmax(x)[np.argmax(x)] == 1


@given(rows)
@settings(deadline=None)
def test_sparsemax_is_the_nearest_point_of_the_simplex(x):
    p = nl.sparsemax(x)
    # optimality of a projection: no vertex of the simplex lies in the direction of the remaining error
    assert ((x - p) @ (np.eye(len(x)) - p).T <= 1e-9).all()


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_huge_and_masked_inputs(name):
    f = nl.get(name)
    assert np.isfinite(f(np.array([1e300, 1e300, 1e300]))).all()
    masked = f(np.array([0.0, np.inf if name == "softmin" else -np.inf]))
    np.testing.assert_array_equal(masked, [0, -np.inf] if name == "log_softmax" else [1, 0])
    assert np.isnan(f([0.0, np.nan])).all()


def test_kind_dtype_and_empty(vector_activation):
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    for dtype in (np.float16, np.float32, np.float64):
        assert vector_activation(x.astype(dtype)).dtype == dtype
    assert vector_activation([1, 2]).dtype == np.float64
    assert vector_activation(np.empty((0, 4))).shape[0] == 0


def test_gated_units_halve_the_axis():
    x = np.random.default_rng(0).normal(size=(4, 6))
    for name, gate in (("glu", nl.sigmoid), ("swiglu", nl.silu), ("geglu", nl.gelu), ("reglu", nl.relu)):
        np.testing.assert_array_equal(nl.get(name)(x), x[:, :3] * gate(x[:, 3:]))
        np.testing.assert_array_equal(nl.get(name)(x, axis=0), x[:2] * gate(x[2:]))


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f(3.0),
        lambda f: f([1.0, 2.0], axis=1),
        lambda f: f([1.0, 2.0], axis=0.5),
        lambda f: f([1j, 2j]),
        lambda f: f(["a", "b"]),
        lambda f: f([1.0, 2.0], beta=2),
        lambda f: f.derivative([1.0, 2.0]),
        lambda f: f.facts,
    ],
)
def test_bad_input_is_one_line(vector_activation, call):
    with pytest.raises(NonlinError) as caught:
        call(vector_activation)
    assert "\n" not in str(caught.value) and ": " in str(caught.value)


def test_an_odd_axis_cannot_be_halved():
    with pytest.raises(NonlinError, match="length 3"):
        nl.glu([1.0, 2.0, 3.0])
