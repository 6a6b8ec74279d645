"""NumPy: nonlin on its arrays, the textbook expression, and a copy of the same bytes as the yardstick."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.measure.peers.library import Call, Function, Library
from nonlin.measure.peers.textbook import Node, textbook

_UFUNCS: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "**": np.power, "neg": np.negative,
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "where": np.where,
    "max": np.maximum, "min": np.minimum, "abs": np.abs, "sign": np.sign, "sqrt": np.sqrt, "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "atan": np.arctan, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh,
}  # fmt: skip


class NonlinNumpy(Library):
    """nonlin on an array, its result in new memory."""

    name, module, ours = "nonlin numpy", "numpy", True

    def value(self, activation: Activation) -> Function | None:
        return activation

    def derivative(self, activation: Activation) -> Function | None:
        return activation.derivative

    def forward(self, activation: Activation, x: Any) -> Call | None:
        return partial(activation, x)


class NonlinNumpyOut(NonlinNumpy):
    """nonlin with `out=`, its result in memory that was there before."""

    name = "nonlin numpy out"

    def forward(self, activation: Activation, x: Any) -> Call | None:
        return partial(activation, x, out=np.empty_like(x))


class Copy(Library):
    """The bytes that the function reads and writes, copied into memory that was there before."""

    name, module = "copy", "numpy"

    def forward(self, activation: Activation, x: Any) -> Call | None:
        return partial(np.copyto, np.empty_like(x), x)


class Numpy(Library):
    """The textbook expression; what NumPy lacks, erf, comes from SciPy where that is installed."""

    name, module = "numpy", "numpy"

    def value(self, activation: Activation) -> Function | None:
        function = own_function(activation)
        if function is None:
            return None

        def value(x: Any) -> Any:
            with np.errstate(all="ignore"):
                return function(x).astype(x.dtype, copy=False)  # a choice of two integers is one

        return value

    def forward(self, activation: Activation, x: Any) -> Call | None:
        function = own_function(activation)
        return None if function is None else partial(function, x)


def own_function(activation: Activation) -> Function | None:
    """The textbook expression as calls of NumPy's functions, one Python call each and nothing else."""
    expression = textbook(activation)
    if not isinstance(expression, tuple):  # x itself, or a constant
        return None
    try:
        return _calls(expression)
    except KeyError:
        return None


def _calls(expression: tuple[Any, ...]) -> Function:
    operation, *operands = expression
    function = _function(operation)
    # The usual cases without a loop over operands, which would cost more than a small array does.
    match operands:
        case ["x"]:
            return function
        case [tuple() as inner]:
            a = _calls(inner)
            return lambda x: function(a(x))
        case ["x", int() | float() as b]:
            return lambda x: function(x, b)
        case [int() | float() as a, "x"]:
            return lambda x: function(a, x)
        case [tuple() as inner, int() | float() as b]:
            a = _calls(inner)
            return lambda x: function(a(x), b)
        case [int() | float() as a, tuple() as inner]:
            b = _calls(inner)
            return lambda x: function(a, b(x))
        case ["x", tuple() as inner]:
            b = _calls(inner)
            return lambda x: function(x, b(x))
        case _:
            parts = [_operand(operand) for operand in operands]
            return lambda x: function(*[part(x) for part in parts])


def _operand(operand: Node) -> Function:
    if isinstance(operand, tuple):
        return _calls(operand)
    return (lambda x: x) if operand == "x" else (lambda x: operand)


def _function(operation: str) -> Callable[..., Any]:
    if operation == "erf" and find_spec("scipy") is not None:
        from scipy.special import erf

        return erf
    return _UFUNCS[operation]
