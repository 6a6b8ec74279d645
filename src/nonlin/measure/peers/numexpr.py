"""numexpr: the textbook expression as its text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numexpr
import numpy as np

from nonlin.activation import Activation
from nonlin.measure.peers.library import Call, Function, Library
from nonlin.measure.peers.textbook import Node, textbook

_INFIX = ("+", "-", "*", "/", "**", ">", ">=", "<", "<=")
_FUNCTIONS = {name: name for name in (
    "where", "abs", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh",
)} | {"atan": "arctan"}  # fmt: skip
# Its maximum and minimum, and its sign, compute in float64.
_CHOICES = {"max": ">", "min": "<"}


class Numexpr(Library):
    """numexpr.evaluate, its result in new memory. It has no erf."""

    name, module = "numexpr", "numexpr"

    def use_threads(self, count: int) -> None:
        numexpr.set_num_threads(count)

    def value(self, activation: Activation) -> Function | None:
        found = own_text(activation)
        return None if found is None else lambda x: _evaluate(*found, x)

    def forward(self, activation: Activation, x: Any) -> Call | None:
        found = own_text(activation)
        return None if found is None else partial(_evaluate, *found, x)


def own_text(activation: Activation) -> tuple[str, Mapping[str, Any]] | None:
    """The text for numexpr and the numbers that it names."""
    expression = textbook(activation)
    if not isinstance(expression, tuple):
        return None
    numbers: dict[str, Any] = {}
    try:
        return _text(expression, numbers), numbers
    except KeyError:
        return None


def _evaluate(text: str, numbers: Mapping[str, Any], x: Any) -> Any:
    return numexpr.evaluate(text, local_dict={"x": x, **numbers}, global_dict={})


def _text(node: Node, numbers: dict[str, Any]) -> str:
    match node:
        case "x":
            return "x"
        case int() | float():  # written as a literal it would turn the computation to float64
            name = f"c{len(numbers)}"
            numbers[name] = np.float32(node)
            return name
        case ("**", a, int() as exponent):  # which numexpr turns into products
            return f"({_text(a, numbers)} ** {exponent})"
        case ("neg", a):
            return f"(-{_text(a, numbers)})"
        case (str() as operation, a, b) if operation in _INFIX:
            return f"({_text(a, numbers)} {operation} {_text(b, numbers)})"
        case (("max" | "min") as operation, a, b):
            first, second = _text(a, numbers), _text(b, numbers)
            return f"where({first} {_CHOICES[operation]} {second}, {first}, {second})"
        case (str() as operation, *operands):
            return f"{_FUNCTIONS[operation]}({', '.join(_text(operand, numbers) for operand in operands)})"
        case _:
            raise KeyError(node)
