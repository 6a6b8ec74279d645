"""Keras: one forward pass of a probe batch seen from inside, on any engine, and its loss's gradients.

For the time of a pass each layer's `call`, and the function that a layer of weights ends in, is replaced by one that
looks at what goes through. Tensors carry the names of the layers of weights that they come from, up to the activation
that takes them. The pass runs in a scope in which nothing of the model can change.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from nonlin.activation import Activation
from nonlin.health.keras_gradient import gradients
from nonlin.keras_known import ENDING, is_activation, known, unmeasured

WEIGHTED = (*ENDING, keras.layers.Embedding, keras.layers.RNN, keras.layers.MultiHeadAttention)
_LOOPS = (keras.layers.RNN, keras.layers.Wrapper)  # what is in them may run in a loop that the engine compiles


@dataclass
class Seen:
    """An activation that takes the output of one layer of weights, in one pass; of each call z, f(z) and dL/dz."""

    source: str
    kind: str
    activation: Activation
    axis: int
    hidden: bool = False  # whether a layer of weights takes what it returns
    inputs: list[Any] = field(default_factory=list[Any])
    outputs: list[Any] = field(default_factory=list[Any])
    gradients: list[Any] = field(default_factory=list[Any])


@dataclass(frozen=True)
class _Trail:
    """What a tensor comes from: layers of weights, the last one last, and activations."""

    sources: tuple[Any, ...] = ()
    activations: tuple[Seen, ...] = ()


class Probe:
    """What a model's activations take and return of `x`."""

    def __init__(self, model: Any):
        self.model = model
        self.layers = list(_inner(model))
        self.told: dict[int, Activation | None] = {}
        self.unknown: set[str] = set()  # layers whose function is not in the catalogue
        self._trails: dict[int, tuple[Any, _Trail]] = {}  # of tensors that are kept, so that none gets another's id
        self._found: dict[tuple[str, str], Seen] = {}
        self._calls: list[Seen] = []
        self._added: Iterator[tuple[Seen, Any]] | None = None  # in the pass for gradients
        self._last: Any = None

    def seen(self, x: Any) -> list[Seen]:
        """Every activation on the output of a layer of weights, in the order in which they run."""
        self._found, self._calls = {}, []
        self._pass(x)
        return list(self._found.values())

    def _pass(self, x: Any) -> Any:
        self._trails, self._last = {id(tensor): (tensor, _Trail()) for tensor in _tensors(x)}, None
        try:
            with self._watched(), keras.StatelessScope():
                return self.model(x, training=False)
        finally:
            self._trails = {}

    def differentiate(self, x: Any, loss: Callable[[Any], Any]) -> None:
        """Adds to what the latest pass has seen the gradients of `loss(prediction)`, by zeros added to each z."""

        if not self._calls:
            return

        def of(zeros: list[Any]) -> Any:
            self._added = iter(zip(self._calls, zeros, strict=True))
            return loss(self._pass(x))

        counts = {id(seen): iter(seen.inputs) for seen in self._calls}
        zeros = [np.zeros_like(next(counts[id(seen)])) for seen in self._calls]
        try:
            for seen, gradient in zip(self._calls, gradients(of, zeros), strict=True):
                seen.gradients.append(gradient)
        finally:
            self._added = None

    @contextmanager
    def _watched(self) -> Generator[None, None, None]:
        replaced: list[tuple[Any, str, Any]] = []

        def replace(layer: Any, name: str, by: Any) -> None:
            # in the instance's own dictionary: to Keras and to the engine this is no change of the layer
            replaced.append((layer, name, vars(layer).get(name)))
            vars(layer)[name] = by

        try:
            for layer in self.layers:
                if isinstance(layer, ENDING) and callable(ending := vars(layer).get("activation")):
                    replace(layer, "activation", self._ending(layer, ending))
                replace(layer, "call", self._followed(layer, layer.call))
            yield
        finally:
            for layer, name, before in reversed(replaced):
                if before is None:
                    del vars(layer)[name]
                else:
                    vars(layer)[name] = before

    def _ending(self, layer: Any, function: Any) -> Callable[..., Any]:
        def ending(x: Any, *args: Any, **kwargs: Any) -> Any:
            return self._activated(layer, layer, function, x, lambda z: function(z, *args, **kwargs))

        return ending

    def _followed(self, layer: Any, call: Any) -> Callable[..., Any]:
        def followed(*args: Any, **kwargs: Any) -> Any:
            given = list(_tensors((args, kwargs)))
            trails = [self._trails[id(t)][1] for t in given if id(t) in self._trails]
            if isinstance(layer, WEIGHTED):
                # a tensor of an unknown way may come from any activation
                taken = [s for t in trails for s in t.activations] if len(trails) == len(given) else self._calls
                for seen in taken:
                    seen.hidden = True
                self._last = layer
            if is_activation(layer) and len(given) == 1:
                source = next((t.sources[-1] for t in trails if t.sources), None if trails else self._last)
                function = getattr(layer, "activation", layer) if isinstance(layer, keras.layers.Activation) else layer
                return self._activated(source, layer, function, given[0], lambda z: call(z, *args[1:], **kwargs))
            result = call(*args, **kwargs)
            if isinstance(layer, WEIGHTED):
                after = _Trail((layer,))
            else:
                sources = tuple({id(s): s for t in trails for s in t.sources}.values())
                after = _Trail(sources, tuple({id(s): s for t in trails for s in t.activations}.values()))
            for tensor in _tensors(result):
                self._trails.setdefault(id(tensor), (tensor, after))
            return result

        return followed

    def _activated(self, source: Any, layer: Any, function: Any, z: Any, call: Callable[[Any], Any]) -> Any:
        if source is None:
            return call(z)
        if id(layer) not in self.told:
            self.told[id(layer)] = known(function, call)
        activation = self.told[id(layer)]
        if activation is None:
            if unmeasured(function):
                self.unknown.add(layer.name)
            return call(z)
        if self._added is not None:
            seen, zeros = next(self._added)
            result = call(z + keras.ops.cast(zeros, z.dtype))
        else:
            seen = self._found.setdefault((source.name, str(activation)), _seen(source, activation, z))
            result = call(z)
            self._calls.append(seen)
            seen.inputs.append(_numbers(z))
            seen.outputs.append(_numbers(result))
        before = self._trails[id(z)][1].activations if id(z) in self._trails else ()
        self._trails[id(result)] = result, _Trail((), (*before, seen))
        return result


def _seen(source: Any, activation: Activation, z: Any) -> Seen:
    first = getattr(source, "data_format", "") == "channels_first" and len(z.shape) > 2
    return Seen(source.name, type(source).__name__, activation, 1 if first else -1)


def _numbers(x: Any) -> Any:
    return np.array(keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")))


def _inner(model: Any) -> Iterator[Any]:
    """The layers and, of a functional model, the operations of a model, to the innermost."""
    found: dict[int, Any] = {}

    def visit(layer: Any) -> None:
        if id(layer) in found:
            return
        found[id(layer)] = layer
        if not isinstance(layer, _LOOPS):
            for inner in (*getattr(layer, "_layers", ()), *getattr(layer, "operations", ())):
                visit(inner)

    visit(model)
    del found[id(model)]
    yield from found.values()


def _tensors(values: Any) -> Iterator[Any]:
    for value in keras.tree.flatten(values):
        if keras.ops.is_tensor(value):
            yield value
