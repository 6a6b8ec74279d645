"""Laws of the JAX backend, for every activation: value, derivatives, dtypes, and the edges of the input."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import nonlin as nl
from nonlin.errors import DtypeError
from nonlin.language.evaluate import exact

HARD = [1e-30, 1e-8, 1e-3, 0.5, 1.0, 1.278, 2.0, 2.4, 3.0, 4.97, 5.5, 6.0, 9.1, 13.0, 17.4, 20.0, 30.0, 80.0, 87.0]
HARD += [88.0, 89.0, 89.7, 500.0, 1e4, 1e10, 1e19]
HARD = np.array([0.0, *HARD, *(-p for p in HARD), np.nan, -np.inf, np.inf])
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
SLACK = {"float32": 1.2e-7, "float64": 2.3e-16}  # near a zero of f' between two floats, where digits cancel


@pytest.fixture(autouse=True)
def float64_exists():
    with jax.enable_x64(True):
        yield


def points_of(activation):
    """Hard points, nan, infinities, and every kink."""
    rule = activation.rule
    return np.append(HARD, [float(exact(b, rule.samples[0])) for b in rule.pieces(rule.orders(1)).breaks])


def near_a_zero(activation, points):
    """Where f' has a zero within 0.25: it changes its sign, or is much larger on both sides."""
    left, here, right = (activation.derivative(points + d) for d in (-0.25, 0.0, 0.25))
    return (np.sign(left) * np.sign(right) < 0) | (10 * abs(here) < np.minimum(abs(left), abs(right)))


@pytest.mark.parametrize(
    ("order", "dtype"), [(0, "float32"), (1, "float32"), (2, "float32"), (0, "float64"), (1, "float64")]
)
def test_values_and_derivatives_at_hard_points_and_kinks(activation, dtype, order):
    points = points_of(activation).astype(dtype)
    got = activation.derivative(jnp.asarray(points), order=order)
    assert got.dtype == dtype
    got, wide = np.asarray(got, np.float64), points.astype(np.float64)
    want = activation.derivative(wide, order=order)
    info = np.finfo(dtype)
    with np.errstate(invalid="ignore"):
        allowed = TOLERANCE[dtype] * np.abs(want)
        if order == 1:
            allowed += SLACK[dtype] * near_a_zero(activation, wide)
    if order == 2:
        allowed += 1e-6
    with np.errstate(invalid="ignore"):  # inf - inf: they must be equal
        good = (np.abs(got - want) <= allowed) | (got == want) | (np.isfinite(want) & (np.abs(want) > info.max))
    good |= np.isnan(got) & np.isnan(want)
    good |= (np.abs(want) < info.tiny) & (np.abs(got) <= info.tiny)  # XLA flushes subnormal results to 0
    assert good.all(), [*zip(points[~good], got[~good], want[~good], strict=True)]


def test_gradients_are_the_derivatives_at_kinks_too(activation):
    points = jnp.asarray(points_of(activation))
    slope = jax.vmap(jax.grad(activation))
    np.testing.assert_array_equal(slope(points), activation.derivative(points))
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(activation))))
    np.testing.assert_allclose(curvature(points), activation.derivative(points, order=2), rtol=1e-14, atol=1e-300)


def test_half_precision_is_float32_rounded_once(activation):
    for dtype in (np.float16, ml_dtypes.bfloat16):
        every = jnp.asarray(np.arange(0, 65536, 7, dtype=np.uint16).view(dtype))
        got, want = activation(every), activation(every.astype(jnp.float32)).astype(dtype)
        assert got.dtype == dtype
        np.testing.assert_array_equal(np.asarray(got, np.float32), np.asarray(want, np.float32))
        assert jax.grad(activation)(every[5]).dtype == dtype


def test_integers_become_the_default_float(activation):
    whole = jnp.arange(-4, 5, dtype=jnp.int32)
    assert activation(whole).dtype == jnp.float64
    np.testing.assert_array_equal(activation(whole), activation(whole.astype(jnp.float64)))
    with jax.enable_x64(False):
        assert activation(jnp.arange(3)).dtype == jnp.float32


def test_shape_and_weak_types(activation):
    for shape in ((), (0,), (2, 0, 3), (2, 3)):
        assert activation(jnp.ones(shape)).shape == shape
    weak = jax.eval_shape(lambda x: activation(x), 1.5)
    assert weak.weak_type and weak.dtype == jnp.float64
    strong = jax.eval_shape(lambda x: activation(x) + activation(jnp.float32(1.0)), jnp.float32(1.5))
    assert strong.dtype == jnp.float32 and not strong.weak_type


def test_gradients_by_array_parameters(activation):
    points = jnp.asarray([-2.9, -0.8, -0.3, 0.2, 0.7, 2.6])
    base = dict(activation.parameters)
    for name, value in base.items():
        column = jnp.array([[value], [value * 1.25]])
        given = {**base, name: column}
        want = activation.derivative(np.asarray(points), wrt=name, **{**base, name: np.asarray(column)})
        assert want.shape == (2, 6)
        np.testing.assert_allclose(activation.derivative(points, wrt=name, **given), want, rtol=1e-12, atol=1e-14)
        got = jax.grad(lambda p, name=name: activation(points, **{**base, name: p}).sum())(column)
        np.testing.assert_allclose(got, want.sum(1, keepdims=True), rtol=1e-12, atol=1e-14)
        by_x = jax.grad(lambda x, given=given: activation(x, **given).sum())(points)
        np.testing.assert_allclose(by_x, activation.derivative(points, **given).sum(0), rtol=1e-12, atol=1e-14)


def test_bad_input_is_one_line():
    for bad in (jnp.array([1j]), jax.random.key(0)):
        with pytest.raises(DtypeError, match=r"dtype .*: convert") as caught:
            nl.relu(bad)
        assert "\n" not in str(caught.value)
