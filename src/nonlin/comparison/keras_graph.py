"""Keras: the graph of a Sequential or functional model: where its activations are, and what stands before them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from nonlin.activation import Activation
from nonlin.keras_known import ENDING, is_activation, known


@dataclass(frozen=True)
class Place:
    """An activation of a model: a layer or an operation of its own, or what a layer of weights ends in.

    `stays`: it is a gate, whose values lie in [0, 1] and are multiplied with something, or the model's output.
    """

    operation: Any
    activation: Activation
    stays: bool

    @property
    def is_ending(self) -> bool:
        return isinstance(self.operation, ENDING)


def has_graph(model: Any) -> bool:
    """Whether it is a model whose graph is known: a Sequential or functional one, not a subclassed one."""
    return isinstance(model, keras.Sequential) or (isinstance(model, keras.Model) and hasattr(model, "operations"))


def operations(model: Any) -> Iterator[Any]:
    """The layers and operations of a model's graph, and those of the models in it; a shared one each time."""
    for one in model.layers if isinstance(model, keras.Sequential) else model.operations:
        if has_graph(one):
            yield from operations(one)
        else:
            yield one


def places(model: Any) -> list[Place]:
    """Every activation of the catalogue that a built model's graph shows."""
    ends = _ends(model)
    found: dict[int, Place] = {}
    for one in operations(model):
        activation = _activation(one)
        if activation is not None:
            low, high = activation.facts.range
            gate = low >= 0 and high <= 1 and _is_factor(one)
            found[id(one)] = Place(one, activation, gate or id(one) in ends)
    return list(found.values())


def before(activation: Any, layers: Sequence[Any], activations: Collection[int]) -> list[Any]:
    """The layers with a kernel whose output an activation takes, with none of `activations` (ids) between.

    `activation`: an operation of the graph, or what one of the layers ends in.
    """
    ending = [one for one in layers if has_kernel(one) and activation in (one, getattr(one, "activation", None))]
    if ending:
        return ending
    found: list[Any] = []
    seen: set[int] = set()
    waiting = _inputs(activation)
    while waiting:
        operation = waiting.pop()._keras_history.operation
        if id(operation) in seen or id(operation) in activations:
            continue
        seen.add(id(operation))
        if has_graph(operation):
            waiting += operation.outputs
        elif not has_kernel(operation):
            waiting += _inputs(operation)
        elif getattr(operation, "activation", None) in (None, keras.activations.linear):
            found.append(operation)
    return found


def has_kernel(layer: Any) -> bool:
    """Whether a layer multiplies what it takes with weights."""
    return getattr(layer, "kernel", None) is not None


def _activation(operation: Any) -> Activation | None:
    if isinstance(operation, ENDING):
        function: Any = operation.activation
        return None if function is None else known(function, function)
    if not is_activation(operation):
        return None
    inner = operation.activation if isinstance(operation, keras.layers.Activation) else operation
    return known(inner, operation)


def _ends(model: Any) -> set[int]:
    """The ids of the operations whose results the model returns."""
    found: set[int] = set()
    for tensor in model.outputs:
        last = tensor._keras_history.operation
        found |= _ends(last) if has_graph(last) else {id(last)}
    return found


def _is_factor(operation: Any) -> bool:
    return any(
        type(node.operation).__name__ == "Multiply" and len(node.input_tensors) > 1
        for node in operation._outbound_nodes
    )


def _inputs(operation: Any) -> list[Any]:
    return [tensor for node in operation._inbound_nodes for tensor in node.input_tensors]
