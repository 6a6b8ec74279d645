"""The measures are one definition for NumPy, PyTorch and JAX: pure functions of pre-activations and their slopes."""

import numpy as np
import pytest
import torch

import nonlin as nl
from nonlin.health.measures import WIDE, around, dormancy, outputs, slopes
from nonlin.health.record import Record
from nonlin.slopes import steepest

Z = np.random.default_rng(0).normal(size=(500, 7)) * [1, 1, 5, 20, 0.1, 1, 1] - [0, 1, 9, 0, 0, 30, -30]
PLACES = np.arange(-WIDE, WIDE + 1.0)[:, None]


def measured(activation, z, places):
    """Everything that is made of one sample, as NumPy arrays of float64."""
    h, slope = activation(z), activation.derivative(z)
    counted, sums = slopes(slope, steepest(activation)), outputs(h)
    found = (*counted, *sums, dormancy(sums.magnitude / len(Z)), around(z, places))
    return [np.asarray(v, np.float64) for v in found]


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "leaky_relu"])
def test_numpy_torch_and_jax_give_the_same_numbers(name):
    jax = pytest.importorskip("jax")
    activation, narrow = nl.get(name), Z.astype("float32")
    want = measured(activation, narrow, PLACES.astype("float32"))
    for array in (torch.from_numpy, jax.numpy.asarray):
        got = measured(activation, array(narrow), array(PLACES.astype("float32")))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-4)
    counts = want[0].astype(int)
    if name == "relu":
        np.testing.assert_array_equal(counts, (narrow > 0).sum(0))


def test_measures_under_jit_and_of_a_gradient():
    """A training step of JAX may return them: nothing of them leaves the device."""
    jax = pytest.importorskip("jax")

    @jax.jit
    def step(z):
        slope = nl.tanh.derivative(z)
        return (*slopes(slope, 1.0), *outputs(nl.tanh(z))), (slope * slope).mean() ** 0.5

    found, size = step(jax.numpy.asarray(Z))
    slope = nl.tanh.derivative(Z)
    for a, b in zip(found, (*slopes(slope, 1.0), *outputs(nl.tanh(Z))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)
    assert float(size) == pytest.approx(np.sqrt(np.mean(slope**2)), rel=1e-5)


def test_a_long_training_is_remembered_in_bounded_memory():
    record = Record()
    layer = record.layer("0", nl.relu, "Linear")
    for step in range(5000):
        layer.differentiated(step, 1.0)
        record.updated("0", step, 0.1)
        layer.seen(step, 300, np.ones((6, 3)))
    histories = [[step for step, _ in layer.gradients], [step for step, _ in layer.updates]]
    for steps in (*histories, [window.first for window in layer.windows]):
        assert 150 < len(steps) < 500 and steps == sorted(steps) and steps[0] == 0 and steps[-2:] == [4998, 4999]
