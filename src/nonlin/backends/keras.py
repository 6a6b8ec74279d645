"""Keras: symbolic tensors on every engine, and TensorFlow's tensors.

What Keras computes with on PyTorch or JAX are that framework's own arrays, which have a backend here: they only pass
through. A symbolic tensor becomes a node of the functional model that computes with the engine's backend when the
model runs, so its gradient is ours too; the node is saved as data. On TensorFlow `keras.ops.custom_gradient` has our
derivative as gradient, which is the same operation at the next order, and so differentiable again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from nonlin import backends
from nonlin.backends.printed import expression
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders
from nonlin.language.parameters import Parameter

_COMPUTED = ("float32", "float64")
_FLOATS = ("float16", "bfloat16", *_COMPUTED)


class _Ops:
    """keras.ops under NumPy's names, and what functions of a whole axis need."""

    exp, expm1, log, log1p, sqrt, tanh = ops.exp, ops.expm1, ops.log, ops.log1p, ops.sqrt, ops.tanh
    sin, cos, tan, arctan, sinh, cosh = ops.sin, ops.cos, ops.tan, ops.arctan, ops.sinh, ops.cosh
    floor, where, minimum, maximum = ops.floor, ops.where, ops.minimum, ops.maximum
    erf, cumsum = ops.erf, ops.cumsum

    @staticmethod
    def abs(x: Any) -> Any:
        return abs(x) if isinstance(x, float) else ops.abs(x)  # a number stays one, without a dtype

    @staticmethod
    def number(condition: Any, x: Any) -> Any:
        return ops.cast(condition, x.dtype)

    @staticmethod
    def sum(x: Any, axis: int) -> Any:
        return ops.sum(x, axis=axis, keepdims=True)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        return ops.max(x, axis=axis, keepdims=True)

    @staticmethod
    def sort_descending(x: Any, axis: int) -> Any:
        return -ops.sort(-x, axis=axis)

    @staticmethod
    def counting(x: Any, axis: int) -> Any:
        return ops.cumsum(ops.ones_like(x), axis=axis)  # also where the length is not known yet


def evaluate(formula: Formula, orders: Orders, x: Any, parameters: Sequence[Any]) -> Any:
    """The derivative of that order at x, of x's dtype and broadcast with parameters that are tensors."""
    if any(isinstance(v, keras.KerasTensor) for v in (x, *parameters)):
        return Evaluation(formula, orders)(x, *parameters)
    x, *values = _tensor(x), *(p if isinstance(p, int | float) else _tensor(p) for p in parameters)
    home = backends.of(x, *values)
    if home is not backends.of(keras.KerasTensor((), "float32")):
        return home.evaluate(formula, orders, x, values)
    x = _real(x)
    working = _working(x)
    values = [p if isinstance(p, int | float) else ops.cast(p, working.dtype) for p in values]
    return ops.cast(_with_gradient(formula, orders, *_broadcast(working, values)), x.dtype)


def _with_gradient(formula: Formula, orders: Orders, x: Any, parameters: Sequence[Any]) -> Any:
    """Of tensors of one shape and of numbers; each tensor has a gradient."""
    values = [x, *parameters]
    places = [i for i, v in enumerate(values) if not isinstance(v, int | float)]

    def f(*tensors: Any) -> tuple[Any, Any]:
        here = list(values)
        for i, tensor in zip(places, tensors, strict=True):
            here[i] = tensor

        def gradient(*args: Any, upstream: Any = None) -> list[Any]:
            (upstream,) = args if upstream is None else (upstream,)
            raised = [tuple(n + (i == j) for j, n in enumerate(orders)) for i in places]
            return [upstream * _with_gradient(formula, r, here[0], here[1:]) for r in raised]

        # a number alone would become a tensor of another dtype
        typed = [ops.convert_to_tensor(v, x.dtype) if isinstance(v, int | float) else v for v in here]
        return expression(formula, orders, _Ops)(*typed), gradient

    return ops.custom_gradient(f)(*(values[i] for i in places))


def _broadcast(x: Any, parameters: list[Any]) -> tuple[Any, list[Any]]:
    """All tensors in their common shape: a select does it with a gradient that sums back, whatever is unknown of it."""
    for p in parameters:
        if not isinstance(p, int | float):
            x = ops.where(p == p, x, x)
    return x, [p if isinstance(p, int | float) else ops.where(x == x, p, p) for p in parameters]


@keras.saving.register_keras_serializable(package="nonlin")
class Evaluation(keras.Operation):
    """A formula's derivative as a node of a functional model."""

    def __init__(self, formula: Formula, orders: Orders, name: str | None = None):
        super().__init__(name=name)
        self.formula, self.orders = formula, orders

    def call(self, x: Any, *parameters: Any) -> Any:
        return backends.of(x, *parameters).evaluate(self.formula, self.orders, x, parameters)

    def compute_output_spec(self, x: Any, *parameters: Any) -> Any:
        total = x
        for p in parameters:
            total = total if isinstance(p, int | float) else ops.add(total, p)
        dtype = keras.backend.standardize_dtype(x.dtype)
        return keras.KerasTensor(total.shape, dtype if dtype in _FLOATS else keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "formula": formula_data(self.formula), "orders": list(self.orders)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Evaluation:
        return cls(formula_of(config["formula"]), tuple(config["orders"]), config["name"])


def formula_data(formula: Formula) -> dict[str, Any]:
    """A formula as text and numbers."""
    parameters = [[p.name, p.default, p.constraint] for p in formula.parameters]
    data = {"text": formula.text, "parameters": parameters, "kinks": formula.kinks}
    return {**data, "surrogate": formula.surrogate} if formula.surrogate else data


def formula_of(data: dict[str, Any]) -> Formula:
    """The formula of such data; its text is read by the language's own grammar, so a file cannot smuggle in code."""
    parameters = tuple(Parameter(*p) for p in data["parameters"])
    return Formula(data["text"], parameters, data["kinks"], data.get("surrogate", ""))


def array(x: Any) -> Any:
    """x as a tensor of real floating numbers, or DtypeError."""
    return _real(x if isinstance(x, keras.KerasTensor) else _tensor(x))


def along_axis(name: str, x: Any, axis: int | None) -> Any:
    """A function of a whole axis, computed in float32 at least."""
    working = _working(x)
    if axis is None:
        result = ops.reshape(FUNCTIONS[name](_Ops, ops.reshape(working, (-1,)), 0), ops.shape(x))
    else:
        result = FUNCTIONS[name](_Ops, working, axis)
    return ops.cast(result, x.dtype)


def like(result: Any, x: Any) -> Any:
    """The result as it is: an engine of Keras has one kind of tensor."""
    return result


def _tensor(x: Any) -> Any:
    """x as a tensor of the engine that Keras runs on."""
    engine = keras.config.backend()
    if engine != "tensorflow" and type(x).__module__.startswith("tensorflow"):
        raise DtypeError(
            f"a TensorFlow tensor while Keras runs on {engine}: {type(x).__name__}: set the environment variable "
            "KERAS_BACKEND=tensorflow before the first import of keras"
        )
    return ops.convert_to_tensor(x)


def _real(x: Any) -> Any:
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype in _FLOATS:
        return x
    if dtype.startswith(("int", "uint", "bool")):
        return ops.cast(x, keras.config.floatx())
    raise DtypeError(f"input that is not of real numbers: dtype {dtype}: cast it to float32")


def _working(x: Any) -> Any:
    return x if keras.backend.standardize_dtype(x.dtype) in _COMPUTED else ops.cast(x, "float32")
