"""The catalogue has every activation of PyTorch, Keras, JAX and ONNX, with the same values where they are right.

Each library is walked as it is installed: a name without a counterpart fails, so does a value that differs.
"""

import inspect
import math
import re

import numpy as np
import onnx.defs
import onnx.helper
import onnx.reference
import pytest

import nonlin as nl
from nonlin.vector import VectorActivation

# Names beside the activations: helpers, losses and layers of another kind.
NOT_ACTIVATIONS = {
    "torch": {"MultiheadAttention"},
    "keras": {"get", "serialize", "deserialize"},
    "jax": {
        *("dot_product_attention", "get_scaled_dot_general_config", "initializers", "one_hot", "scaled_dot_general"),
        *("scaled_matmul", "standardize", "logsumexp", "logmeanexp", "log1mexp"),
    },
    "onnx": {"SoftmaxCrossEntropyLoss", "Atanh"},
}
ONNX_NAME = re.compile("relu|elu|sigmoid|soft|swish|mish|tanh|shrink|hard|glu|threshold", re.IGNORECASE)
# Arguments that a library wants, or that pick our function where its default is another one (see the peers' notes).
ARGUMENTS = {
    ("torch", "Threshold"): {"threshold": 0.0, "value": 0.0},
    ("torch", "Softmax"): {"dim": -1},
    ("torch", "Softmin"): {"dim": -1},
    ("torch", "LogSoftmax"): {"dim": -1},
    ("keras", "threshold"): {"threshold": 0.0, "default_value": 0.0},
    ("jax", "gelu"): {"approximate": False},
    ("onnx", "HardSigmoid"): {"alpha": 1 / 6},
    ("onnx", "Clip"): {},
}
GRID = np.concatenate([np.linspace(-5, 5, 83), [-20.0, 20.0, 0.0, 0.5, -0.5, 1.0, 3.0, -3.0]])
TOLERANCE = {"torch": 1e-12, "keras": 2e-6, "jax": 2e-6, "onnx": 2e-6}


def torch_names():
    import torch.nn.modules.activation as module

    return list(module.__all__)


def torch_value(name, points, arguments):
    import torch

    layer = getattr(torch.nn, name)(**arguments).double().eval()
    if name == "Softmax2d":
        return layer(torch.as_tensor(points).reshape(-1, 1, 1)).detach().numpy().reshape(-1)
    return layer(torch.as_tensor(points)).detach().numpy()


def keras_names():
    import keras.activations

    return [n for n in dir(keras.activations) if not n.startswith("_")]


def keras_value(name, points, arguments):
    import keras

    return np.asarray(getattr(keras.activations, name)(keras.ops.array(points.astype("float32")), **arguments))


def jax_names():
    import jax

    return [n for n in dir(jax.nn) if not n.startswith("_") and not inspect.ismodule(getattr(jax.nn, n))]


def jax_value(name, points, arguments):
    import jax

    return np.asarray(getattr(jax.nn, name)(jax.numpy.asarray(points, "float32"), **arguments))


def onnx_names():
    return sorted({s.name for s in onnx.defs.get_all_schemas() if not s.domain and ONNX_NAME.search(s.name)})


def onnx_value(name, points, arguments):
    inputs = {"PRelu": ["x", "slope"], "Clip": ["x", "low", "high"], "SwiGLU": ["gate", "x"]}.get(name, ["x"])
    feed = {"x": points, "slope": np.array([0.25]), "low": np.array(-1.0), "high": np.array(1.0)}
    if name == "SwiGLU":
        feed = {"x": points[: len(points) // 2], "gate": points[len(points) // 2 :]}
    # the operators' newest version that the reference implementation of this onnx knows
    node = onnx.helper.make_node(name, inputs, ["y"], **arguments)
    types = [onnx.helper.make_tensor_value_info(i, onnx.TensorProto.FLOAT, feed[i].shape) for i in inputs]
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", types, [result]))
    run = onnx.reference.ReferenceEvaluator(model)
    return run.run(None, {i: feed[i].astype("float32") for i in inputs})[0]


LIBRARIES = {
    "torch": (torch_names, torch_value),
    "keras": (keras_names, keras_value),
    "jax": (jax_names, jax_value),
    "onnx": (onnx_names, onnx_value),
}


@pytest.fixture(autouse=True)
def keras_on_jax(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def counterpart(library, name):
    found = [
        a for a in nl.catalog.values() if library in a.definition.peers and name in a.definition.peers[library].names
    ]
    assert len(found) == 1, f"{library} has {name}, which the catalogue names {len(found)} times"
    return found[0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_activation_of_the_library_has_its_entry_and_value(library):
    names, value = LIBRARIES[library]
    walked = [n for n in names() if n not in NOT_ACTIVATIONS[library]]
    assert len(walked) > 15
    misses = []
    for name in walked:
        activation = counterpart(library, name)
        assert nl.get(name).name in (activation.name, "swish", "silu"), name
        points = GRID if len(GRID) % 2 == 0 else GRID[1:]
        theirs = value(name, points, ARGUMENTS.get((library, name), {}))
        ours = activation(points, **_ours(activation, library))
        error = np.max(np.abs(theirs - ours) / (1 + np.abs(ours)))
        if not error <= TOLERANCE[library]:
            misses.append((name, float(error)))
    assert not misses


def _ours(activation, library):
    defaults = activation.definition.peers[library].defaults
    return {k: v for k, v in defaults.items() if not isinstance(activation, VectorActivation)}


def test_peers_name_what_their_library_has():
    import jax
    import keras
    import torch

    places = {"torch": (torch.nn,), "keras": (keras.activations, keras.layers), "jax": (jax.nn,)}
    schemas = {s.name for s in onnx.defs.get_all_schemas()}
    for activation in nl.catalog.values():
        for library, peer in activation.definition.peers.items():
            for name in peer.names:
                known = name in schemas if library == "onnx" else any(hasattr(p, name) for p in places[library])
                assert known, (activation.name, library, name)


def test_entries_that_are_the_same_function_say_so():
    points = np.linspace(-9, 9, 361)
    elementwise = [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)]
    values = {a.name: a(points) for a in elementwise}
    stated = {a.name: nl.get(a.definition.same_as) for a in elementwise if a.definition.same_as}
    for name, other in stated.items():
        np.testing.assert_allclose(values[name], other(points), rtol=1e-15, atol=1e-15)
    for i, a in enumerate(elementwise):
        for b in elementwise[:i]:
            if a.surrogate == b.surrogate and np.allclose(values[a.name], values[b.name], rtol=1e-12, atol=1e-12):
                related = {n: stated[n].name for n in (a.name, b.name) if n in stated}
                assert related.get(a.name) == b.name or related.get(b.name) == a.name, (a.name, b.name)


def test_every_entry_is_complete():
    for activation in nl.catalog.values():
        definition = activation.definition
        assert definition.reference and definition.layer.isidentifier()
        assert math.isfinite(sum(definition.defaults.values()))
        for alias in activation.aliases:
            assert nl.get(alias.upper()).name in {a.name for a in nl.catalog.values() if alias in (a.name, *a.aliases)}
