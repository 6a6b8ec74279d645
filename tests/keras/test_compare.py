"""nl.compare of Keras models, on the engine at work: trained by Keras, the same but for the activation."""

import os

import numpy as np
import pytest

pytest.importorskip("optuna")
import keras

import nonlin as nl
from nonlin.comparison.data import prepare
from nonlin.comparison.handover import packed, unpacked
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Trial
from nonlin.comparison.trainers import trainer_of
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


def normalised_functional(activation):
    inputs = keras.Input((4,))
    hidden = activation()(keras.layers.BatchNormalization()(keras.layers.Dense(8)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dropout(0.1)(hidden)))


class Subclassed(keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.first, self.activation, self.last = keras.layers.Dense(8), activation(), keras.layers.Dense(2)

    def call(self, x):
        return self.last(self.activation(self.first(x)))


def trainer(make_model, y=CLASSES, metric="accuracy", names=("relu", "tanh", "prelu"), init="gain", epochs=2):
    data = prepare((X, y), METRICS[metric], tabular=False)
    activations = {name: nl.get(name) for name in names}
    return trainer_of(make_model, data, METRICS[metric], activations, names[0], init, epochs, 32)


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


# A run that is stopped ----------------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


class Kept:
    """A checkpoint in memory; what writes it is stopped at once after so many times."""

    def __init__(self, times):
        self.content, self.left = None, times

    def read(self):
        return self.content

    def write(self, content):
        self.content, self.left = content, self.left - 1
        if self.left == 0:
            raise Stopped


def test_a_run_goes_on_from_its_last_epoch_bit_for_bit_and_anew_from_a_torn_checkpoint():
    train, trial = trainer(normalised_functional, epochs=4), Trial("final", "prelu", 0.01, 5)
    whole = train(trial)
    whole["curves"].pop("seconds")
    for times, torn in ((2, 0), (1, 3)):
        kept = Kept(times)
        with pytest.raises(Stopped):
            train(trial, kept)
        kept.content = kept.content[: len(kept.content) - torn]
        resumed = train(trial, kept)
        assert len(resumed["curves"].pop("seconds")) == 4
        assert kept.left == (-3 if torn else -1)  # as many epochs again, of the three that are kept
        assert resumed == whole


# Models that have activations already -------------------------------------------------------------------------------


def finished():
    """Layers of each kind, a nested model, a gate, and what is not trained."""
    layers = keras.layers
    inputs = keras.Input((4,))
    frozen = layers.Dense(8, trainable=False, name="frozen")(inputs)
    nested = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation=layers.LeakyReLU(0.1)), layers.Dense(8)])
    hidden = keras.ops.relu(nested(frozen))
    gate = layers.Dense(8, activation="sigmoid", name="gate")(hidden)
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(8)(hidden * gate)))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(hidden))


REPLACED = {0.1: [1], 0.0: [2, 4]}  # the slope of what was there: which kernels come before it


def kernels_of(model):
    return [np.array(keras.ops.convert_to_numpy(w)) for w in model.weights if w.name == "kernel"]


@pytest.mark.parametrize("make_model", [finished, finished()], ids=["no argument", "finished"])
def test_a_model_with_activations_gets_another_everywhere_but_in_gates_and_outputs(make_model):
    train = trainer(make_model)
    assert "in place of leaky_relu(negative_slope=0.1), relu; left as they are: sigmoid at gate" in train.weights
    keras.utils.set_random_seed(3)
    tanh, layers = train.maker(nl.get("tanh"))
    keras.utils.set_random_seed(3)
    prelu, _ = train.maker(nl.get("prelu"))
    assert len(layers) == 3
    for number, (one, other) in enumerate(zip(kernels_of(tanh), kernels_of(prelu), strict=True)):
        scaled = any(number in before for before in REPLACED.values())
        ratio = nl.get("prelu").facts.gain / nl.tanh.facts.gain if scaled else 1.0
        np.testing.assert_allclose(other, ratio * one, rtol=1e-5)
    assert len(prelu.trainable_variables) == len(tanh.trainable_variables) + 3  # the slopes are learned
    assert train.probed("tanh") != train.probed("prelu")


def test_a_finished_model_stays_as_it_was_and_gives_its_weights_where_asked():
    model = finished()
    before = kernels_of(model)
    drawn, kept = (trainer(model, init=init) for init in ("gain", "model"))
    draws = []
    for seed in (3, 4):
        keras.utils.set_random_seed(seed)
        for mine, theirs in zip(kernels_of(kept.maker(nl.get("tanh"))[0]), before, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        keras.utils.set_random_seed(seed)
        draws.append(kernels_of(drawn.maker(nl.get("tanh"))[0]))
    for number, (one, other) in enumerate(zip(*draws, strict=True)):
        assert np.array_equal(one, other) == (number == 0)  # the frozen layer keeps its own
    kept(Trial("final", "tanh", 0.01, 0))
    for mine, theirs in zip(kernels_of(model), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_finished_model_goes_to_another_process():
    train = trainer(finished(), epochs=1)
    _, there = unpacked(packed({}, train))
    first, second = (one(Trial("final", "tanh", 0.01, 5)) for one in (train, there))
    for outcome in (first, second):
        outcome["curves"].pop("seconds")
    assert first == second


UNFIT = {
    "subclassed": (Subclassed(keras.layers.ReLU), "Subclassed: give a function that takes the activation"),
    "none inside": (keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="relu")]), "no activation"),
}


@pytest.mark.parametrize(("model", "said"), UNFIT.values(), ids=UNFIT)
def test_a_model_whose_activation_cannot_be_exchanged_is_refused(model, said, tmp_path):
    with pytest.raises(DataError, match=said):
        nl.compare(model, (X, CLASSES), activations=["tanh"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
