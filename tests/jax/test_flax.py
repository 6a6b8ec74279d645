"""The Flax door: a module for every entry, trained parameters, noise, activations of the user's own."""

import inspect

import flax.nnx as nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nonlin as nl
import nonlin.flax as door
from nonlin.errors import ParameterError

ENTRIES = list(nl.catalog.values())
X = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4)), jnp.float32)


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_a_class_for_every_entry(entry):
    kind = getattr(door, entry.definition.layer)
    assert kind.__name__ in door.__all__ and kind.__name__ in dir(door)
    assert entry.definition.text in kind.__doc__ and entry.reference in kind.__doc__
    module = kind()
    module.eval()
    np.testing.assert_array_equal(nnx.jit(module)(X), jax.jit(entry)(X))
    parameters = [p.default for p in inspect.signature(kind).parameters.values()]
    assert parameters[: len(entry.parameters)] == list(entry.parameters.values())
    learned = nnx.state(module, nnx.Param)
    assert set(learned) == set(entry.definition.learned if entry.definition.always_learned else ())


@pytest.mark.parametrize("entry", [a for a in ENTRIES if a.definition.learned], ids=str)
def test_a_trained_parameter_gets_its_gradient(entry):
    module = door.layer(entry, num_features=4, **({} if entry.definition.always_learned else {"trainable": True}))
    (name,) = entry.definition.learned
    gradient = nnx.grad(lambda m: m(X).sum())(module)[name][...]
    np.testing.assert_allclose(gradient, entry.derivative(X, wrt=name).sum(0), rtol=1e-5, atol=1e-6)


def test_names_of_arguments_are_those_of_flax_and_the_literature():
    assert door.PReLU(negative_slope_init=0.5).negative_slope[...] == 0.5
    assert door.LeakyReLU(alpha=0.3)(-1.0) == pytest.approx(-0.3)
    assert door.ELU(2.0)(-100.0) == pytest.approx(-2.0)
    assert door.Softmax(axis=0)(X).sum(0) == pytest.approx(1, rel=1e-5)
    with pytest.raises(TypeError, match="slope"):
        door.ReLU(slope=1.0)
    with pytest.raises(ParameterError, match="beta must be > 0"):
        door.Softplus(beta=-1.0)
    with pytest.raises(AttributeError, match="Relo"):
        _ = door.Relo


def test_noise_in_training_only():
    module, points = door.RReLU(rngs=nnx.Rngs(0)), jnp.full((1000,), -1.0)
    first, second = module(points), module(points)
    assert (first != second).any() and -1 / 3 <= first.min() < -0.3 and -0.15 < first.max() <= -1 / 8
    module.eval()
    np.testing.assert_array_equal(module(points), nl.rrelu(points))
    with pytest.raises(ParameterError, match="Rngs"):
        door.RReLU()(points)


def test_a_model_trains():
    class Model(nnx.Module):
        def __init__(self, rngs):
            self.first, self.last = nnx.Linear(4, 8, rngs=rngs), nnx.Linear(8, 1, rngs=rngs)
            own = nl.define("bent", "max(x, c*x) + exp(-x*x)/4", c=0.2)
            self.inner = nnx.List(
                [door.PReLU(num_features=8), door.Swish(trainable=True), door.layer(own, trainable=["c"])]
            )

        def __call__(self, x):
            x = self.first(x)
            for module in self.inner:
                x = module(x)
            return self.last(x)

    model = Model(nnx.Rngs(0))
    before = jax.tree.map(lambda v: v.copy(), nnx.state(model, nnx.Param))

    @nnx.jit
    def step(model):
        loss, gradients = nnx.value_and_grad(lambda m: ((m(X) - X[:, :1]) ** 2).mean())(model)
        nnx.update(model, jax.tree.map(lambda p, g: p - 0.1 * g, nnx.state(model, nnx.Param), gradients))
        return loss

    losses = [float(step(model)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2
    after = nnx.state(model, nnx.Param)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), before, after)
    assert all(jax.tree.leaves(changed))


def test_layers_of_specs_and_of_own_definitions():
    assert type(door.layer("leaky_relu(negative_slope=0.2)")) is door.LeakyReLU
    assert door.layer("leaky_relu(negative_slope=0.2)")(-1.0) == pytest.approx(-0.2)
    own = nl.define("tent_again", "max(0, 1 - abs(x - a))", a=1.0)
    np.testing.assert_array_equal(door.layer(own.bind(a=0.5))(X), own(X, a=0.5))
    with pytest.raises(ParameterError, match="'q'"):
        door.layer(own, trainable=["q"])
    with pytest.raises(ParameterError, match="none"):
        door.ActivationModule("relu", trainable=True)
