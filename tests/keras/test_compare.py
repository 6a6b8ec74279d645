"""nl.compare of Keras models, on the engine at work: trained by Keras, the same but for the activation."""

import os

import numpy as np
import pytest

pytest.importorskip("optuna")
import keras

import nonlin as nl
from nonlin.comparison.data import prepare
from nonlin.comparison.keras_training import trainer as trainer_of
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Trial
from nonlin.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(700, 4)).astype(np.float32)
CLASSES = (X[:, 0] > X[:, 1]).astype(int)
VALUES = 1000 + 50 * (X @ [1.0, -1.0, 2.0, 0.0])


def sequential(activation, outputs=2, last="softmax"):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation=activation()),
            layers.Dense(8),
            layers.BatchNormalization(),
            activation(),
            layers.Dense(outputs, activation=last),
        ]
    )


def functional(activation):
    inputs = keras.Input((4,))
    hidden = activation()(keras.layers.Dropout(0.1)(keras.layers.Dense(8)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


class Subclassed(keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.first, self.activation, self.last = keras.layers.Dense(8), activation(), keras.layers.Dense(2)

    def call(self, x):
        return self.last(self.activation(self.first(x)))


def trainer(make_model, y=CLASSES, metric="accuracy", names=("relu", "tanh", "prelu"), init="gain", epochs=2):
    data = prepare((X, y), METRICS[metric], tabular=False)
    activations = {name: nl.get(name) for name in names}
    return trainer_of(make_model, data, METRICS[metric], activations, nl.get(names[0]), init, epochs, 32)


def kernels(train, name):
    keras.utils.set_random_seed(3)
    model, _ = train.maker(nl.get(name))
    return [np.asarray(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables if w.name == "kernel"]


@pytest.mark.parametrize(("make_model", "before"), [(sequential, [0, 1]), (functional, [0]), (Subclassed, [])])
def test_only_the_gain_before_the_activation_differs(make_model, before):
    train = trainer(make_model)
    relu, prelu, tanh = (kernels(train, name) for name in ("relu", "prelu", "tanh"))
    for number, (base, learned, other) in enumerate(zip(relu, prelu, tanh, strict=True)):
        for name, kernel in (("prelu", learned), ("tanh", other)):
            ratio = nl.get(name).facts.gain / nl.relu.facts.gain if number in before else 1.0
            np.testing.assert_allclose(kernel, ratio * base, rtol=1e-5)
    assert ("gains are not matched" in train.weights) == (not before)


def test_the_other_setting_leaves_the_weights_as_they_are():
    train = trainer(sequential, init="model")
    for base, other in zip(kernels(train, "relu"), kernels(train, "tanh"), strict=True):
        np.testing.assert_array_equal(base, other)


def test_a_trial_is_the_same_each_time():
    train = trainer(functional)
    first, second = (train(Trial("final", "tanh", 0.01, 5)) for _ in range(2))
    for outcome in (first, second):
        outcome["curves"].pop("seconds")
    assert first == second
    assert 0 <= first["dead_share"] <= 1
    assert first["diverged"] is None


def test_regression_in_the_target_s_units():
    train = trainer(lambda a: sequential(a, 1, None), VALUES, "neg_mean_absolute_error", ("tanh", "relu"), epochs=8)
    assert -0.6 * VALUES.std() < train(Trial("final", "tanh", 0.01, 0))["score_test"] < 0


def test_divergence_is_a_result():
    outcome = trainer(lambda a: sequential(a, last=None), names=("relu", "linear"))(Trial("final", "linear", 1e38, 0))
    assert outcome["diverged"] is not None
    assert outcome["score_test"] is None


def ignores(activation):
    activation()
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


BUILDERS = {
    "never calls": (lambda a: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), "never calls"),
    "ignores": (ignores, "ignores the activation"),
    "no parameters": (lambda a: keras.Sequential([keras.Input((4,)), a()]), "without parameters"),
    "outputs": (lambda a: sequential(a, 3), "(4, 3)"),
    "another input": (lambda a: keras.Sequential([keras.Input((5,)), a(), keras.layers.Dense(2)]), "does not run"),
}


@pytest.mark.parametrize(("make_model", "said"), BUILDERS.values(), ids=BUILDERS)
def test_a_builder_that_cannot_be_used_is_refused_by_name(make_model, said):
    with pytest.raises(DataError) as caught:
        trainer(make_model).probed("relu")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compare_as_a_whole_and_again(tmp_path):
    settings = {"activations": ["relu", "tanh"], "seeds": 1, "epochs": 1, "learning_rates": [0.01], "out": tmp_path}
    found = nl.compare(sequential, (X, CLASSES), **settings)
    assert found.plan.frameworks[:1] == ("keras",)
    assert os.environ["KERAS_BACKEND"] in found.plan.frameworks[-1]
    again = nl.compare(sequential, (X, CLASSES), **settings)  # layers' names count on, the plan is the same
    assert len(again.trials) == 3
    assert again.table.equals(found.table)


def test_a_finished_keras_model_is_refused():
    with pytest.raises(DataError, match="make_model"):
        nl.compare(functional(lambda: keras.layers.ReLU()), (X, CLASSES), activations=["tanh"])
