"""Keras: which activation a function or a layer is, told by its values on a grid."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from nonlin.activation import Activation
from nonlin.registry import catalog
from nonlin.spelling import plain
from nonlin.vector import VectorActivation

_GRID = np.concatenate([[-1e4, -30.0], np.linspace(-8, 8, 65), [30.0, 1e4]]).astype("float32").reshape(3, 23)


ENDING = tuple(  # layers of weights that end in a function
    getattr(keras.layers, name)
    for name in dir(keras.layers)
    if name in ("Dense", "EinsumDense") or ("Conv" in name and "LSTM" not in name)
)


def is_activation(layer: Any) -> bool:
    """Whether a layer is an activation and nothing else: one of Keras' own, or one made from the catalogue."""
    if isinstance(layer, keras.layers.Activation) or isinstance(getattr(layer, "activation", None), Activation):
        return not hasattr(layer, "kernel")
    return type(layer).__module__.startswith("keras.") and plain(type(layer).__name__) in _LAYERS


def known(found: Any, call: Any) -> Activation | None:
    """The activation that a function or a layer is, whose values are `call`'s; None where it is none to measure.

    That is the identity, a function of a whole axis, and what is not in the catalogue.
    """
    inner = found if isinstance(found, Activation) else getattr(found, "activation", None)
    if isinstance(inner, Activation):
        learned = getattr(found, "learned_weights", {})
        means = {name: float(keras.ops.convert_to_numpy(keras.ops.mean(w))) for name, w in learned.items()}
        return None if isinstance(inner, VectorActivation) or inner.definition.text == "x" else inner.bind(**means)
    try:
        values = _on_grid(call)
        if values.shape != _GRID.shape or np.array_equal(values, _GRID):
            return None
        for activation in _candidates(found):
            if np.allclose(values, _on_grid(activation), rtol=1e-4, atol=1e-5, equal_nan=True):
                return activation
    except Exception:  # whatever it is, it is no function of one tensor
        return None
    return None


def unmeasured(found: Any) -> bool:
    """Of what `known` does not know: whether it may be an activation all the same."""
    name = _name(found)
    return name != plain(keras.activations.linear.__name__) and name not in _WHOLE


def _on_grid(call: Any) -> Any:
    return keras.ops.convert_to_numpy(call(keras.ops.convert_to_tensor(_GRID)))


def _candidates(found: Any) -> Iterator[Activation]:
    """First the one of this name, with the parameters that the layer has or the function takes by default."""
    elementwise = [a for a in catalog.values() if not isinstance(a, VectorActivation)]
    for activation in elementwise:
        definition = activation.definition
        if _name(found) in _names(activation):
            given = {definition.spellings.get(k, k): v for k, v in _defaults(found).items()}
            wanted = {k: float(v) for k, v in given.items() if k in definition.defaults and isinstance(v, int | float)}
            yield activation.bind(**wanted) if wanted else activation
    yield from elementwise


def _defaults(found: Any) -> dict[str, Any]:
    if isinstance(found, keras.Operation):
        return found.get_config()
    return {name: p.default for name, p in inspect.signature(found).parameters.items()}


def _name(found: Any) -> str:
    named = isinstance(found, keras.Operation)  # by the user, and that is no name of a function
    return plain(type(found).__name__ if named else getattr(found, "__name__", type(found).__name__))


def _names(activation: Activation) -> set[str]:
    return {plain(name) for name in (activation.name, activation.definition.layer, *activation.aliases)}


_LAYERS = {plain(a.definition.layer) for a in catalog.values()}
_WHOLE = {name for a in catalog.values() if isinstance(a, VectorActivation) for name in _names(a)}
