"""The user's function that builds a model: what it takes, and what it raises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from nonlin.activation import Activation
from nonlin.comparison.named import said
from nonlin.errors import DataError, NonlinError


class Source:
    """What `make_model` is given: calling it gives a fresh layer of the activation.

    `name` and `gain` (1/sqrt(E f(z)^2), for an initialisation of your own) are the activation's, `str` its spec.
    """

    def __init__(self, activation: Activation):
        self.activation = activation
        self.name = activation.name
        self.layers: list[Any] = []

    @property
    def gain(self) -> float:
        return self.activation.facts.gain

    def __str__(self) -> str:
        return str(self.activation)


def takes_activation(make_model: Any) -> bool:
    """Whether a function asks for the activation: by a parameter without a default, or one whose name begins with act.

    Raises DataError for what cannot be called.
    """
    if not callable(make_model):
        raise DataError(f"make_model is no model and no function: {type(make_model).__name__}: "
                        "give a function that builds the model")  # fmt: skip
    try:
        parameters = list(inspect.signature(make_model).parameters.values())
    except (TypeError, ValueError):  # a built-in's cannot be read
        return True
    if not parameters:
        return False
    first = parameters[0]
    required = first.default is first.empty and first.kind not in (first.VAR_POSITIONAL, first.VAR_KEYWORD)
    return required or first.name.startswith("act")


def replaced(specs: Iterable[str]) -> list[str]:
    """What a finished model has in the places where others are put in, each once. Raises DataError for nothing."""
    found = list(dict.fromkeys(specs))
    if not found:
        raise DataError("the model has no activation to replace: "
                        "give a function that takes the activation: make_model(activation)")  # fmt: skip
    return found


def built_by(make_model: Callable[..., Any], *given: Any) -> Any:
    """What the function builds. Raises DataError, with the line of the user's code, where it raises."""
    try:
        return make_model(*given)
    except NonlinError:
        raise
    except Exception as error:
        raise DataError(f"make_model raised {said(error)}: correct it") from error
