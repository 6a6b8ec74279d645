"""The Keras callback: planted faults are found exactly, a sound model is left alone, training stays what it is."""

import keras
import numpy as np
import pytest

import nonlin as nl
import nonlin.keras as door
from nonlin.callbacks import Keras
from nonlin.errors import WatchError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(384, 8)).astype("float32")
Y = (X @ RNG.normal(size=(8, 1)) + 0.1).astype("float32")
DEAD = (1, 5, 6)


def mlp(activation="relu"):
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(16, activation=activation, name=f"hidden{i}") for i in range(2)]
    model = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(1, name="out")])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def fit(model, *callbacks, x=X, y=Y, epochs=3):
    keras.utils.set_random_seed(1)  # which order the batches come in
    model.fit(x, y, epochs=epochs, batch_size=64, verbose=0, callbacks=list(callbacks))


def kill(layer, units, below=-1e3):
    kernel, bias = layer.get_weights()
    bias[list(units)] = below
    layer.set_weights([kernel, bias])


def by_layer(health):
    return {(f.kind, f.layer): f for f in health.findings}


def test_dead_units_are_found_exactly():
    model, callback = mlp("gelu"), Keras(X, Y)
    kill(model.get_layer("hidden1"), DEAD)
    fit(model, callback)
    (finding,) = callback.health.findings
    assert (finding.kind, finding.layer, finding.units) == ("dead", "hidden1", DEAD)
    assert finding.evidence >= 2 * len(X)


def test_a_sound_model_has_no_finding():
    callback = Keras(X, Y)
    fit(mlp("gelu"), callback)
    assert callback.health.findings == [] and callback.health.record.notes == []
    names = [layer.name for layer in callback.health.record.ordered]
    assert names == ["hidden0", "hidden1"]
    assert all(len(layer.gradients) == 3 and len(layer.windows) == 3 for layer in callback.health.record.ordered)
    assert "Nothing is wrong" in callback.health.report()


@pytest.mark.parametrize("activation", ["relu", "nonlin>mish"])
def test_training_is_the_same_to_the_last_bit(activation):
    alone, watched = mlp(activation), mlp(activation)
    fit(alone)
    fit(watched, Keras(X, Y))
    for a, b in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    layer = watched.get_layer("hidden0")
    assert layer.get_config() == alone.get_layer("hidden0").get_config() and "call" not in vars(layer)


def test_normalisation_and_dropout_in_training_stay_the_same():
    def made():
        keras.utils.set_random_seed(0)
        inner = [keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.Dropout(0.3, seed=1)]
        layers = [keras.layers.Dense(16, activity_regularizer="l2", name="hidden"), *inner, keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        model.compile("adam", "mse")
        return model

    alone, watched, callback = made(), made(), Keras(X, Y)
    fit(alone)
    fit(watched, callback)
    for a, b in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    (layer,) = callback.health.record.ordered
    assert (layer.name, str(layer.activation)) == ("hidden", "relu")


def test_gradients_are_those_of_the_loss():
    """Of a linear layer after the activation: dL/dz = 2/n (prediction - y) w f'(z)."""
    model, callback = mlp("tanh"), Keras(X, Y)
    fit(model, callback, epochs=1)
    first, second, out = (layer.get_weights() for layer in model.layers)
    z = np.tanh(X @ first[0] + first[1]) @ second[0] + second[1]
    off = np.tanh(z) @ out[0] + out[1] - Y
    gradient = 2 / len(X) * off @ out[0].T * (1 - np.tanh(z) ** 2)
    layer = callback.health.record.ordered[1]
    assert layer.gradients[0][1] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-3)


def test_channels_of_a_convolution_in_a_model_with_a_branch():
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv")(inputs)
    branch = keras.layers.Conv2D(6, 1, name="branch")(inputs)
    hidden = door.LeakyReLU(0.2, name="after")(keras.layers.Add()([hidden, branch]))
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    hidden = keras.layers.Dense(8, activation=nl.get("elu(alpha=0.5)"), name="dense")(hidden)
    head = keras.layers.Dense(1, activation="sigmoid", name="head")(hidden)
    model = keras.Model(inputs, head)
    model.compile("adam", "binary_crossentropy")
    kill(model.get_layer("conv"), (0, 4))
    images, labels = RNG.normal(size=(320, 8, 8, 1)).astype("float32"), (Y[:320] > 0).astype("float32")
    callback = Keras(images, labels)
    fit(model, callback, x=images, y=labels, epochs=2)
    seen = {layer.name: str(layer.activation) for layer in callback.health.record.ordered}
    assert seen["conv"] == "relu" and seen["branch"] == "leaky_relu(negative_slope=0.2)"
    assert seen["dense"] == "elu(alpha=0.5)" and seen["head"] == "sigmoid"
    assert by_layer(callback.health)["dead", "conv"].units == (0, 4)
    assert not next(layer for layer in callback.health.record.ordered if layer.name == "head").windows


@pytest.mark.parametrize(
    ("layer", "spec"),
    [
        (keras.layers.LeakyReLU(0.2), "leaky_relu(negative_slope=0.2)"),
        (keras.layers.ReLU(max_value=6.0), "relu6"),
        (keras.layers.Activation("leaky_relu"), "leaky_relu(negative_slope=0.2)"),
        (keras.layers.Activation("silu"), "silu"),
        (door.PReLU(alpha_initializer="zeros"), "prelu(negative_slope=0)"),
    ],
)
def test_activations_as_layers(layer, spec):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, name="hidden"), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    callback = Keras(X)
    fit(model, callback, epochs=1)
    (found,) = callback.health.record.ordered
    assert found.name == "hidden" and found.activation == nl.get(spec)
    assert any("no gradients" in note for note in callback.health.record.notes)


class Block(keras.Model):
    """A model whose forward is its user's code; `bare` calls the activation as a function, which no layer tells of."""

    def __init__(self, bare):
        super().__init__()
        self.first, self.second = keras.layers.Dense(12, name="first"), keras.layers.Dense(1, name="second")
        self.between = keras.activations.relu if bare else keras.layers.ReLU()

    def call(self, x):
        return self.second(self.between(self.first(x)) + 0.0)


@pytest.mark.parametrize("bare", [False, True])
def test_a_subclassed_model(bare):
    model, callback = Block(bare), Keras(X, Y)
    model.compile("adam", "mse")
    fit(model, callback, epochs=1)
    assert [(layer.name, len(layer.windows)) for layer in callback.health.record.ordered] == [("first", 1)] * (not bare)
    assert ("No activation was seen" in callback.health.report()) == bare


def test_a_nan_is_found_where_it_began():
    model, callback = mlp(), Keras(X, Y)

    class Spoils(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kill(model.get_layer("hidden1"), (3,), np.nan)

    fit(model, Spoils(), callback, epochs=1)
    assert [(f.kind, f.layer) for f in callback.health.findings] == [("nonfinite", "hidden1")]


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras' own, which pytest.warns passes on as ours
def test_what_can_not_be_watched_is_said_and_training_goes_on():
    with pytest.raises(WatchError, match="x_probe"):
        Keras(None)
    model, callback = mlp(), Keras(X[:, :3])
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match=r"watching stopped at step 6: .*; training goes on"):
        fit(model, callback, epochs=2)
    assert (before[0] != model.get_weights()[0]).any() and callback.health.record.sampled == 0


def test_the_report_and_what_asks_for_every_sample(tmp_path):
    writer = pytest.importorskip("torch.utils.tensorboard", exc_type=ImportError).SummaryWriter(tmp_path / "runs")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with writer:
        fit(mlp(), Keras(X, report=tmp_path / "health.txt", logger=writer), epochs=2)
    assert "hidden0" in (tmp_path / "health.txt").read_text(encoding="utf-8")
    events = reader.EventAccumulator(str(tmp_path / "runs")).Reload()
    assert [e.step for e in events.Scalars("nonlin/dead/hidden1")] == [6, 12]
