"""Laws of Keras' tensors on the engine of this process: values, dtypes, symbolic shapes, gradients."""

import keras
import numpy as np
import pytest
from keras import ops

import nonlin as nl
from nonlin.errors import DtypeError
from nonlin.language.evaluate import exact

HARD = [1e-30, 1e-8, 1e-3, 0.5, 1.0, 2.0, 3.0, 5.5, 6.0, 13.0, 20.0, 30.0, 87.0, 89.0, 1e4, 1e19]
HARD = np.array([0.0, *HARD, *(-p for p in HARD), np.nan, -np.inf, np.inf])
ENGINE = keras.config.backend()


def points_of(activation):
    rule = activation.rule
    return np.append(HARD, [float(exact(b, rule.samples[0])) for b in rule.pieces(rule.orders(1)).breaks])


def gradient(function, *inputs):
    """The gradient of sum(function(*inputs)) by each input, as the engine takes it."""
    tensors = [ops.convert_to_tensor(i) for i in inputs]
    if ENGINE == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = ops.sum(function(*tensors))
        found = tape.gradient(total, tensors)
    elif ENGINE == "jax":
        import jax

        found = jax.grad(lambda *t: ops.sum(function(*t)), argnums=tuple(range(len(tensors))))(*tensors)
    else:
        import torch

        leaves = [t.detach().cpu().requires_grad_() for t in tensors]
        found = torch.autograd.grad(function(*leaves).sum(), leaves)
    return [ops.convert_to_numpy(g) for g in found]


def near(got, want, slack=0.0):
    got, tiny = np.asarray(got, np.float64), np.finfo("float32").tiny
    with np.errstate(invalid="ignore", over="ignore"):
        good = (np.abs(got - want) <= 1e-5 * np.abs(want) + slack) | (got == np.float32(want))
    good |= (np.isnan(got) & np.isnan(want)) | ((np.abs(want) < tiny) & (np.abs(got) <= tiny))
    assert good.all(), [*zip(got[~good], want[~good], strict=True)]


def near_a_zero(activation, points):
    """Where f' has a zero within 0.25: it changes its sign, or is much larger on both sides."""
    left, here, right = (activation.derivative(points + d) for d in (-0.25, 0.0, 0.25))
    return (np.sign(left) * np.sign(right) < 0) | (10 * abs(here) < np.minimum(abs(left), abs(right)))


@pytest.mark.parametrize("order", [0, 1])
def test_values_and_slopes(activation, order):
    points = points_of(activation).astype("float32")
    tensor, wide = ops.convert_to_tensor(points), points.astype("float64")
    got = activation.derivative(tensor, order=order)
    assert type(got) is type(tensor) and got.dtype == tensor.dtype
    slack = 1.2e-7 * near_a_zero(activation, wide) if order else 0.0
    near(ops.convert_to_numpy(got), activation.derivative(wide, order=order), slack)


def test_the_gradient_is_the_derivative_at_kinks_too(activation):
    points = points_of(activation).astype("float32")
    (got,) = gradient(activation, points)
    np.testing.assert_array_equal(got, ops.convert_to_numpy(activation.derivative(ops.convert_to_tensor(points))))
    (got,) = gradient(activation.derivative, points)
    near(got, activation.derivative(points.astype("float64"), order=2), slack=1e-6)


def test_gradients_by_parameters_that_are_tensors(activation):
    points = np.array([-2.9, -0.8, -0.3, 0.2, 0.7, 2.6], "float32")
    base = dict(activation.parameters)
    for name, value in base.items():
        column = np.array([[value], [value * 1.25]], "float32")
        by_x, by_p = gradient(lambda x, p, name=name: activation(x, **{**base, name: p}), points, column)
        wide = {**base, name: column.astype("float64")}
        want = activation.derivative(points.astype("float64"), **wide).sum(0)
        np.testing.assert_allclose(by_x, want, rtol=2e-5, atol=1e-5)
        want = activation.derivative(points.astype("float64"), wrt=name, **wide).sum(1, keepdims=True)
        np.testing.assert_allclose(by_p, want, rtol=2e-5, atol=1e-5)


def test_dtypes(activation):
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        if ENGINE == "jax" and dtype == "float64":
            continue  # JAX has it by a switch of its own
        x = ops.cast(ops.convert_to_tensor([-1.5, 0.5]), dtype)
        assert keras.backend.standardize_dtype(activation(x).dtype) == dtype
        assert activation(keras.KerasTensor((2,), dtype)).dtype == dtype
    if ENGINE != "torch":  # which has no activation of integers
        whole = activation(ops.convert_to_tensor([-2, 3], "int32"))
        np.testing.assert_allclose(ops.convert_to_numpy(whole), activation(np.array([-2.0, 3.0])), rtol=1e-5)
    half = ops.cast(ops.convert_to_tensor(np.linspace(-9, 9, 50)), "bfloat16")
    rounded = ops.cast(activation(ops.cast(half, "float32")), "bfloat16")
    np.testing.assert_array_equal(*(ops.convert_to_numpy(ops.cast(v, "float32")) for v in (activation(half), rounded)))


def test_shapes_of_real_and_symbolic_tensors(activation):
    for shape in ((), (0,), (2, 3), (2, 0, 3)):
        assert tuple(activation(ops.ones(shape)).shape) == shape
        assert activation(keras.KerasTensor(shape)).shape == shape
    symbolic = activation(keras.KerasTensor((None, 3), "float32"))
    assert isinstance(symbolic, keras.KerasTensor) and symbolic.shape == (None, 3)


@pytest.mark.parametrize("activation", ["mish", "elu(alpha=0.5)", "hard_tanh", "tent"])
def test_a_functional_model_of_bare_calls(activation):
    activation = nl.get(activation)
    inputs = keras.Input((7,))
    model = keras.Model(inputs, activation(inputs))
    points = np.linspace(-3.1, 3.2, 14, dtype="float32").reshape(2, 7)
    np.testing.assert_allclose(model.predict(points, verbose=0), activation(points), rtol=1e-5, atol=1e-7)
    again = keras.Model.from_config(model.get_config())
    np.testing.assert_array_equal(again.predict(points, verbose=0), model.predict(points, verbose=0))


def test_functions_of_an_axis(vector_activation):
    block = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    for axis in (1, -1):
        want = vector_activation(block.astype("float64"), axis=axis)
        got = ops.convert_to_numpy(vector_activation(ops.convert_to_tensor(block), axis=axis))
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        symbolic = vector_activation(keras.KerasTensor((None, 4, 2)), axis=axis)
        assert symbolic.shape == (None, *want.shape[1:])


def test_bad_input_is_one_line():
    with pytest.raises(DtypeError, match="complex64") as caught:
        nl.relu(ops.convert_to_tensor(np.array([1j], "complex64")))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(ENGINE != "tensorflow", reason="TensorFlow's own ways of running a function")
def test_tf_function_and_compilation(activation):
    import tensorflow as tf

    points = tf.constant(points_of(activation), tf.float32)
    for compiled in (False, True):

        @tf.function(jit_compile=compiled)
        def slopes(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = activation(x)
            return tape.gradient(y, x)

        near(slopes(points).numpy(), activation.derivative(points.numpy().astype("float64")), slack=1e-6)


@pytest.mark.skipif(ENGINE != "tensorflow", reason="needs TensorFlow installed")
def test_a_tensorflow_tensor_on_another_engine_names_the_remedy(monkeypatch):
    # the environment of TensorFlow has no other engine that could be started in its place
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(DtypeError, match=r"while Keras runs on jax: EagerTensor: set .*KERAS_BACKEND=tensorflow"):
        nl.relu(ops.convert_to_tensor([1.0]))
