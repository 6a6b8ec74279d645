"""The textbook expression of an activation: its formula as someone writes it who has only NumPy's functions.

The formula's text is read again, not its stable form: sigmoid is 1/(1 + exp(-x)), x*sigmoid(x) is x/(1 + exp(-x)),
softplus is log1p(exp(x)). Parameters are numbers, constants are computed, and factors of 1 are left out.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from nonlin.activation import Activation

# A node is x, a number, or an operation with its operands: ("where", condition, a, b), (">", a, b), ("exp", a) ...
Node = float | str | tuple[Any, ...]
X = "x"

_OPERATORS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=",
}  # fmt: skip
_ON_NUMBERS: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "**": lambda a, b: a**b, "neg": lambda a: -a, "sqrt": math.sqrt, "exp": math.exp,
}  # fmt: skip


def textbook(activation: Activation) -> Node | None:
    """The expression at the activation's parameters; None where the formula has something that has no textbook form."""
    constants = {"pi": math.pi, **activation.parameters}
    try:
        return _read(ast.parse(activation.definition.text.strip(), mode="eval").body, constants)
    except KeyError:
        return None


def _read(node: ast.expr, constants: Mapping[str, float]) -> Node:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id="x"):
            return X
        case ast.Name(id=name):
            value = constants[name]
            return int(value) if value == int(value) else value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _made("neg", _read(operand, constants))
        case ast.BinOp(left=left, op=operator, right=right):
            return _made(_OPERATORS[type(operator)], _read(left, constants), _read(right, constants))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _made("where", *(_read(part, constants) for part in (test, body, orelse)))
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _made(_OPERATORS[type(operator)], _read(left, constants), _read(right, constants))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _called(name, [_read(arg, constants) for arg in args])
        case _:
            raise KeyError(type(node).__name__)


def _called(name: str, args: list[Node]) -> Node:
    match name, args:
        case "sigmoid", [a]:
            return _made("/", 1, _one_plus_exp(a))
        case "softplus", [a]:
            return _made("log1p", _made("exp", a))
        case "normal_cdf", [a]:
            return _made("*", 0.5, _made("+", 1, _made("erf", _made("/", a, math.sqrt(2)))))
        case (("max" | "min"), [a, b]):
            return _made(name, a, b)
        case _, [a] if name not in ("max", "min"):
            return _made(name, a)
        case _:
            raise KeyError(name)


def _one_plus_exp(a: Node) -> Node:
    return _made("+", 1, _made("exp", _made("neg", a)))


def _made(operation: str, *operands: Node) -> Node:
    """The operation, simplified as anyone would by hand."""
    if operation in _ON_NUMBERS and all(isinstance(operand, int | float) for operand in operands):
        return _ON_NUMBERS[operation](*operands)
    match operation, operands:
        case ("*", (1, a)) | ("*" | "/", (a, 1)):
            return a
        case "*", (a, ("/", 1, b)):
            return _made("/", a, b)
        case "neg", (("neg", a),):
            return cast(Node, a)
        case _:
            return (operation, *operands)
