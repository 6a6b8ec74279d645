"""JAX's transformations over an activation: what one gives, the others give too."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import nonlin as nl

POINTS = jnp.linspace(-3.3, 3.3, 8)
CUBED = [nl.get(n) for n in ("mish", "elu", "squareplus", "hard_silu")] + [nl.define("own", "x*tanh(exp(x/2))")]


@pytest.fixture(params=CUBED, ids=str)
def activation(request):
    return request.param


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6)


def test_jit_and_vmap_change_nothing(activation):
    np.testing.assert_array_equal(jax.jit(activation)(POINTS), activation(POINTS))
    np.testing.assert_array_equal(jax.vmap(activation)(POINTS), activation(POINTS))
    nested = jax.vmap(jax.vmap(activation, in_axes=1), in_axes=0)
    np.testing.assert_array_equal(nested(POINTS.reshape(2, 2, 2)), activation(POINTS.reshape(2, 2, 2)).swapaxes(1, 2))


def test_the_third_derivative_by_grad(activation):
    third = jax.vmap(jax.grad(jax.grad(jax.grad(activation))))
    close(third(POINTS), activation.derivative(POINTS, order=3))


def test_jacobians_and_the_hessian(activation):
    slopes = jnp.diag(activation.derivative(POINTS))
    close(jax.jacfwd(activation)(POINTS), slopes)
    close(jax.jacrev(activation)(POINTS), slopes)
    curvatures = jnp.diag(activation.derivative(POINTS, order=2))
    close(jax.jit(jax.hessian(lambda x: activation(x).sum()))(POINTS), curvatures)


def test_linearize_and_jvp(activation):
    value, along = jax.linearize(activation, POINTS)
    direction = jnp.ones_like(POINTS) * 2
    close(along(direction), 2 * activation.derivative(POINTS))
    close(jax.jvp(activation, (POINTS,), (direction,))[1], along(direction))
    close(value, activation(POINTS))


def test_checkpoint_and_scan(activation):
    def thrice(x):
        return jax.lax.scan(lambda c, _: (jax.checkpoint(activation)(c), None), x, length=3)[0]

    plain = jax.vmap(jax.grad(lambda x: activation(activation(activation(x)))))
    close(jax.vmap(jax.grad(thrice))(POINTS), plain(POINTS))


def test_export_round_trip(activation):
    exported = jax.export.export(jax.jit(activation))(jax.ShapeDtypeStruct(POINTS.shape, POINTS.dtype))
    again = jax.export.deserialize(exported.serialize())
    np.testing.assert_array_equal(again.call(POINTS), activation(POINTS))


def test_mixed_derivatives_by_x_and_a_parameter():
    swish = nl.swish
    mixed = jax.grad(jax.grad(lambda x, b: swish(x, beta=b), argnums=0), argnums=1)
    close(mixed(0.7, 1.3), jax.grad(lambda b: swish.derivative(0.7 + 0 * b, beta=b))(1.3))
    step = 1e-3
    by_hand = (swish.derivative(0.7, beta=1.3 + step) - swish.derivative(0.7, beta=1.3 - step)) / (2 * step)
    assert mixed(0.7, 1.3) == pytest.approx(by_hand, rel=1e-4)


def test_one_operation_serves_every_value_of_a_parameter():
    compiled = jax.jit(lambda x, b: nl.swish(x, beta=b))
    close(compiled(POINTS, 2.0), nl.swish(POINTS, beta=2.0))
    close(compiled(POINTS, 3.0), nl.swish(POINTS, beta=3.0))
    assert compiled._cache_size() == 1


def test_functions_of_an_axis(vector_activation):
    block = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4, 2)), jnp.float32)
    for axis in (1, -1):
        got = jax.jit(vector_activation, static_argnames="axis")(block, axis=axis)
        assert got.dtype == jnp.float32
        close(got, vector_activation(np.asarray(block, np.float64), axis=axis))
    if vector_activation.definition.along_axis:
        close(vector_activation(block, axis=None), vector_activation(np.asarray(block, np.float64), axis=None))
    assert vector_activation(block.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    assert vector_activation(jnp.ones((0, 4))).shape[0] == 0
    assert vector_activation(jnp.arange(4)).dtype == jnp.float32


def test_gradients_of_functions_of_an_axis(vector_activation):
    with jax.enable_x64(True):
        block = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4)))
        check_grads(jax.jit(vector_activation), (block,), order=1)


def test_gradients_by_numbers(activation):
    with jax.enable_x64(True):
        check_grads(jax.jit(activation), (POINTS.astype(jnp.float64) + 0.05,), order=2)
