"""Keras: the models that are compared, on any of its engines, made by a function that takes the activation."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

import nonlin.keras
from nonlin.activation import Activation
from nonlin.comparison.builders import Source, built_by
from nonlin.comparison.keras_graph import before
from nonlin.comparison.named import said
from nonlin.errors import DataError


class KerasSource(Source):
    """Calling it gives a fresh layer of Keras."""

    def __call__(self) -> Any:
        # Initialisers take their seeds from Python's generator when they are made: a layer's own must not shift them.
        state = random.getstate()
        fresh = nonlin.keras.layer(self.activation)
        random.setstate(state)
        self.layers.append(fresh)
        return fresh


class KerasMaker(Protocol):
    """Gives a fresh model with an activation, under the seeds of Keras, and the layers of the activation in it."""

    @property
    def weights(self) -> str:
        """How the weights are drawn, as the plan says it."""
        ...

    def __call__(self, activation: Activation) -> tuple[Any, list[Any]]: ...


@dataclass
class KerasBuilder:
    """The user's function that takes the activation. The weights before the activation are multiplied by
    gain(f) / gain(baseline), as far as the graph of a Sequential or functional model shows which those are."""

    make: Callable[[Any], Any]
    init: str
    baseline: Activation
    example: Any
    followed: list[int] = field(init=False)  # numbers of layers in the model's order, which is the same in every build

    def __post_init__(self) -> None:
        model, source = self._built(self.baseline)
        if not source.layers:
            raise DataError("make_model never calls its argument: put activation() where the activation belongs")
        with recorded(source.layers) as seen:
            outputs(model, self.example)
        if not seen:
            raise DataError("make_model ignores the activation: the model never calls it: "
                            "put activation() where the activation belongs")  # fmt: skip
        inner, own = list(inner_layers(model)), {id(one) for one in source.layers}
        found = {id(one) for activation in source.layers for one in before(activation, inner, own)}
        self.followed = [n for n, one in enumerate(inner) if id(one) in found] if self.init == "gain" else []

    @property
    def weights(self) -> str:
        drawn = "as make_model initialises them, under one seed for all activations"
        if self.init == "model":
            return drawn
        if not self.followed:
            return f"{drawn}; gains are not matched: the model's graph does not show what the activation follows"
        return (f"{drawn}; those of the {len(self.followed)} layers before the activation times gain/gain of "
                f"{self.baseline}")  # fmt: skip

    def __call__(self, activation: Activation) -> tuple[Any, list[Any]]:
        model, source = self._built(activation)
        inner = list(inner_layers(model))
        for number in self.followed:
            scale(inner[number], activation.facts.gain / self.baseline.facts.gain)
        return model, source.layers

    def _built(self, activation: Activation) -> tuple[Any, KerasSource]:
        source = KerasSource(activation)
        return checked(built_by(self.make, source), self.example), source


def checked(model: Any, example: Any) -> Any:
    """The model, built. Raises DataError where it is none, does not run, or has nothing to train."""
    if not isinstance(model, keras.Model):
        raise DataError(f"make_model gives no keras.Model: {type(model).__name__}: return the model")
    outputs(model, example)  # which builds a model that no input shape was given to
    if not model.trainable_variables:
        raise DataError(f"model without parameters to train: {type(model).__name__}: check make_model")
    return model


def outputs(model: Any, x: Any) -> Any:
    """The outputs for samples, in inference, as an array. Raises DataError where the model does not run."""
    try:
        return np.asarray(keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x), training=False)))
    except Exception as error:
        raise DataError(f"the model does not run on samples of shape {x.shape}: {said(error)}: "
                        "check the shapes of model and data") from error  # fmt: skip


def scale(layer: Any, factor: float) -> None:
    """The layer's kernel times a factor."""
    layer.kernel.assign(keras.ops.multiply(layer.kernel, factor))


@contextmanager
def recorded(layers: list[Any]) -> Generator[list[tuple[Any, Any]]]:
    """While it holds, every eager call of the layers is kept: (layer, its input as an array)."""
    seen: list[tuple[Any, Any]] = []

    def keeping(layer: Any, call: Any) -> Any:
        def kept(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((layer, np.asarray(keras.ops.convert_to_numpy(inputs))))
            return call(inputs, *args, **kwargs)

        return kept

    for layer in layers:
        layer.call = keeping(layer, layer.call)
    try:
        yield seen
    finally:
        for layer in layers:
            del layer.call


def inner_layers(model: Any) -> list[Any]:
    """Every layer of a model, those of layers too, in an order that every build of it has."""
    return list(model._flatten_layers(include_self=False, recursive=True))
