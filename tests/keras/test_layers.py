"""The Keras door: a class for every entry, strings, training, and models that save and load."""

import inspect

import keras
import numpy as np
import pytest

import nonlin as nl
import nonlin.keras as door
from nonlin.errors import ParameterError

ENTRIES = list(nl.catalog.values())
X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1] * 2


def predicted(model):
    return model.predict(X, verbose=0)


def round_trips(model, path):
    """The model saved and loaded, cloned, and made again from its config: all predict the same, bit for bit."""
    model.save(path / "model.keras")
    loaded = keras.models.load_model(path / "model.keras")
    np.testing.assert_array_equal(predicted(loaded), predicted(model))
    for again in (keras.models.clone_model(model), type(model).from_config(model.get_config())):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(predicted(again), predicted(model))
    return loaded


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_a_class_for_every_entry(entry):
    kind = getattr(door, entry.definition.layer)
    assert kind.__name__ in door.__all__ and kind.__name__ in dir(door)
    assert entry.definition.text in kind.__doc__ and entry.reference in kind.__doc__
    signature = inspect.signature(kind).parameters
    for name, value in entry.parameters.items():
        assert signature[name].default == value
    layer = kind()
    result = keras.ops.convert_to_numpy(layer(X))
    np.testing.assert_array_equal(result, keras.ops.convert_to_numpy(entry(keras.ops.convert_to_tensor(X))))
    assert layer.compute_output_shape((16, 4)) == result.shape
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is kind and again.get_config() == layer.get_config()
    always = entry.definition.always_learned
    assert [w.name for w in layer.trainable_weights] == list(entry.definition.learned if always else ())


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_strings(entry):
    for name in (entry.name, *entry.aliases):
        function = keras.activations.get(f"nonlin>{name}")
        assert function.__name__ == entry.name
        config = keras.activations.serialize(function)
        assert keras.activations.deserialize(config) is function
    layer = keras.layers.Activation(f"nonlin>{entry.name}")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(each(X)) for each in (layer, again)))


def test_the_textbook_sequential(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8),
            keras.layers.Activation("nonlin>relu"),
            keras.layers.Dense(8, activation="nonlin>mish"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    round_trips(model, tmp_path)


def test_the_textbook_functional_with_every_kind_of_layer(tmp_path):
    own = nl.define("tent_of_keras", "max(0, 1 - abs(x - a))", a=1.0, constraints={"a": "> 0"})
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="nonlin>relu")(inputs)
    layers = [door.PReLU(alpha_initializer="zeros"), door.Swish(trainable=True), door.RReLU(seed=1), door.ReLU()]
    layers += [door.layer(own.bind(a=2.0), learn=True), door.layer("elu(alpha=0.5)"), door.LeakyReLU(0.3), door.GLU()]
    for layer in layers:
        hidden = layer(hidden)
    hidden = nl.swish(nl.gelu(hidden), beta=1.5)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    assert sum((a != b).any() for a, b in zip(before, model.get_weights(), strict=True)) > 4
    loaded = round_trips(model, tmp_path)
    loaded.fit(X, Y, epochs=1, verbose=0)


def test_trained_parameters():
    assert [tuple(w.shape) for w in _built(door.PReLU()).trainable_weights] == [(5, 4)]
    assert [tuple(w.shape) for w in _built(door.PReLU(shared_axes=[1])).trainable_weights] == [(1, 4)]
    for learning in (door.Swish(trainable=True), door.Swish(learn=True), door.ELU(2.0, learn=["alpha"])):
        (weight,) = _built(learning).trainable_weights
        assert tuple(weight.shape) == () and float(weight.numpy() if hasattr(weight, "numpy") else weight) >= 1
    for fixed in (door.Swish(), door.Swish(trainable=False), door.ELU()):
        assert not _built(fixed).weights
    frozen = _built(door.Swish(learn=True))
    frozen.trainable = False
    again = door.Swish.from_config(frozen.get_config())
    assert len(_built(again).weights) == 1 and not again.trainable_weights
    with pytest.raises(ParameterError, match="'q'"):
        door.layer("swish", learn=["q"])
    with pytest.raises(ParameterError, match="none"):
        door.ActivationLayer("relu", learn=True)


def _built(layer):
    layer.build((None, 5, 4))
    return layer


def test_arguments_are_those_of_keras_and_errors_name_them():
    for theirs, ours in (
        (keras.layers.LeakyReLU(negative_slope=0.2), door.LeakyReLU(negative_slope=0.2)),
        (keras.layers.ELU(alpha=1.5), door.ELU(alpha=1.5)),
        (keras.layers.Softmax(axis=0), door.Softmax(axis=0)),
        (keras.layers.PReLU(alpha_initializer="ones"), door.PReLU(alpha_initializer="ones")),
        (keras.layers.ReLU(), door.ReLU(name="mine", dtype="float32")),
    ):
        np.testing.assert_allclose(*(keras.ops.convert_to_numpy(each(X)) for each in (theirs, ours)), rtol=1e-5)
    with pytest.raises(TypeError, match="twice"):
        door.LeakyReLU(0.2, alpha=0.3)
    with pytest.raises(TypeError, match="at most 0"):
        door.ReLU(6.0)
    with pytest.raises(ParameterError, match="beta must be > 0"):
        door.Softplus(beta=-1.0)
    with pytest.raises(AttributeError, match="Relo"):
        _ = door.Relo


def test_noise_in_training_only():
    layer, points = door.RReLU(seed=3), np.full((1000,), -1.0, "float32")
    first, second = (keras.ops.convert_to_numpy(layer(points, training=True)) for _ in range(2))
    assert (first != second).any() and -1 / 3 <= first.min() < -0.3 and -0.15 < first.max() <= -1 / 8
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(points)), nl.rrelu(points), rtol=1e-6)


def test_mixed_precision_keeps_the_compute_dtype():
    for policy in ("mixed_bfloat16", "mixed_float16"):
        layer = door.PReLU(dtype=policy)
        assert keras.backend.standardize_dtype(layer(X).dtype) == policy.removeprefix("mixed_")
        assert keras.backend.standardize_dtype(layer.trainable_weights[0].dtype) == "float32"


def test_registered_specs():
    function = door.register("leaky_relu(negative_slope=0.2)")
    assert keras.activations.get("nonlin>leaky_relu(negative_slope=0.2)") is function
    assert float(keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(-1.0)))) == pytest.approx(-0.2)


def test_a_damaged_file_runs_no_code():
    layer = door.layer(nl.define("harmless", "x*2"))
    config = keras.layers.serialize(layer)
    config["config"]["activation"]["text"] = "__import__('os').getcwd()"
    with pytest.raises((nl.errors.FormulaError, TypeError), match=r"column|__import__"):
        keras.layers.deserialize(config)


def test_strings_live_where_keras_looks():
    import keras.src.activations

    assert keras.src.activations.ALL_OBJECTS_DICT["nonlin>relu"](-1.0) == 0
