"""Keras: a model that has activations already, compared by clones of it that have others in their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from nonlin.activation import Activation
from nonlin.comparison.builders import built_by, replaced, takes_activation
from nonlin.comparison.keras_graph import Place, before, has_graph, operations, places
from nonlin.comparison.keras_models import KerasBuilder, KerasMaker, KerasSource, checked, scale
from nonlin.comparison.named import said
from nonlin.errors import DataError


@dataclass
class KerasSwapped:
    """A finished Sequential or functional model, or a function without arguments that builds one.

    Replaced is every activation that is used inside; gates and outputs stay, and the given model as it is. With init
    "gain" the weights of a finished model are drawn anew by the initialisers of its layers (what is not trained, such
    as a frozen part, keeps its own); those of a function are kept. Either way those before an activation are
    multiplied by gain(f) / gain of what f replaces. With init "model" a finished model goes on from the weights that
    it has, under every seed.
    """

    given: Any
    init: str
    example: Any
    replaced: list[str] = field(init=False)
    left: list[str] = field(init=False)
    followed: int = field(init=False)

    def __post_init__(self) -> None:
        model = self._template()
        found = places(model)
        inside = [place for place in found if not place.stays]
        self.replaced = replaced(str(place.activation) for place in inside)
        self.left = [f"{place.activation} at {place.operation.name}" for place in found if place.stays]
        self.followed = len(self._gains(model, inside))
        self(inside[0].activation)

    @property
    def weights(self) -> str:
        kept = f"; left as they are: {', '.join(self.left)}" if self.left else ""
        put = f"the activation in place of {', '.join(self.replaced)}{kept}"
        if self.init == "model":
            return f"as they are in the model, under every seed; {put}" if self._finished else f"the model's own; {put}"
        drawn = "drawn anew by the layers' initialisers" if self._finished else "the model's own"
        return (f"{drawn}, under one seed for all activations; those of the {self.followed} layers before the "
                f"activation times gain/gain of what it replaces; {put}")  # fmt: skip

    def __call__(self, activation: Activation) -> tuple[Any, list[Any]]:
        template, source = self._template(), KerasSource(activation)
        inside = {id(place.operation): place for place in places(template) if not place.stays}
        copies: dict[int, Any] = {}

        def copy(operation: Any) -> Any:
            place = inside.get(id(operation))
            if place is not None and not place.is_ending:
                return source()
            copies[id(operation)] = fresh = type(operation).from_config(operation.get_config())
            if place is not None:
                fresh.activation = source()
            return fresh

        try:
            model = keras.models.clone_model(template, clone_function=copy, recursive=True)
        except Exception as error:
            raise DataError(f"the model cannot be cloned: {said(error)}: "
                            "give a function that takes the activation: make_model(activation)") from error  # fmt: skip
        checked(model, self.example)
        self._take_weights(template, copies)
        for layer, gain in self._gains(template, list(inside.values())):
            scale(copies[id(layer)], activation.facts.gain / gain)
        return model, source.layers

    @property
    def _finished(self) -> bool:
        return isinstance(self.given, keras.Model)

    def _template(self) -> Any:
        model = checked(self.given if self._finished else built_by(self.given), self.example)
        if not has_graph(model):
            raise DataError(f"a subclassed Keras model does not show its activations: {type(model).__name__}: "
                            "give a function that takes the activation: make_model(activation)")  # fmt: skip
        return model

    def _take_weights(self, template: Any, copies: dict[int, Any]) -> None:
        """The weights that are not drawn anew."""
        for old in operations(template):
            drawn = self._finished and self.init == "gain" and getattr(old, "trainable_variables", ())
            if id(old) in copies and not drawn:
                for mine, theirs in zip(_own_weights(copies[id(old)]), _own_weights(old), strict=True):
                    mine.assign(np.array(keras.ops.convert_to_numpy(theirs)))  # JAX trains in the arrays themselves

    def _gains(self, template: Any, inside: list[Place]) -> list[tuple[Any, float]]:
        """The layers whose output goes into replaced activations of one gain only, with it."""
        if self.init != "gain":
            return []
        layers, ids = list(operations(template)), {id(place.operation) for place in places(template)}
        gains: dict[int, tuple[Any, set[float]]] = {}
        for place in inside:
            for layer in before(place.operation, layers, ids):
                gains.setdefault(id(layer), (layer, set()))[1].add(place.activation.facts.gain)
        return [
            (layer, found.pop()) for layer, found in gains.values() if len(found) == 1 and layer.trainable_variables
        ]


def _own_weights(layer: Any) -> list[Any]:
    """A layer's weights without those of the activation that it ends in: another has others."""
    ending = {id(weight) for weight in getattr(getattr(layer, "activation", None), "weights", ())}
    return [weight for weight in getattr(layer, "weights", ()) if id(weight) not in ending]


def maker_of(make_model: Any, init: str, baseline: Activation, example: Any) -> KerasMaker:
    """What builds the models of a comparison. Raises DataError for what is none."""
    if isinstance(make_model, keras.Model) or not takes_activation(make_model):
        return KerasSwapped(make_model, init, example)
    return KerasBuilder(make_model, init, baseline, example)
