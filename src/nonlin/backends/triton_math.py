"""The arithmetic of the CPU's kernels in Triton's words: what they do with one number, written down line by line.

The functions of `kernels/` run on values that are names here, and each operation on one becomes a line. So a GPU
computes what the CPU does, in the same order, with the same coefficients, and what is known of their accuracy holds
there. A line is one IEEE operation, a select or a move of bits, about whose result Triton's interpreter and its
compiler agree; only the compiler's sine and cosine may be some ulp off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nonlin.backends.kernels import machine
from nonlin.backends.kernels import text as cpu
from nonlin.backends.printer import argument_names, function, low_names, source
from nonlin.language.formula import Formula, Orders

# The type that a grade computes in.
REAL = {"single": "float32", "mixed": "float64", "double": "float64"}


def body(formula: Formula, orders: Orders, grade: str, default: bool, half: bool = False) -> tuple[list[str], str]:
    """The lines that compute a derivative of the formula, and the name of the result, a block of `BLOCK` numbers.

    They name x, and for each parameter p_ with what its rounding lost, l_, all of the grade's type; with `default` the
    parameters are constants. For a result of half precision float32 is divided as fast as the GPU can.
    """
    notes = Notes(REAL[grade], rounded=grade == "single" and not half)
    # waves are Triton's own, since the CPU's kernels go through a block twice for a large argument
    waves = {"sin": notes.sin, "cos": notes.cos, "tan": lambda u: notes.sin(u) / notes.cos(u)}
    namespace = cpu.arithmetic(grade) | waves
    point = function(source(formula, orders, cpu.target(grade), "point", default), "point", namespace)
    result = point(*(Value(notes, name) for name in argument_names(formula) + low_names(formula)))
    return notes.lines, notes.name(result)


def _binary(operator: str) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """The two methods of an operator, for the value on its left and on its right."""

    def left(self: Value, other: Any) -> Value:
        return self.notes.operation(self.name, operator, self.notes.name(other))

    def right(self: Value, other: Any) -> Value:
        return self.notes.operation(self.notes.name(other), operator, self.name)

    return left, right


class Value(machine.Value):
    """The name of a variable in the kernel, of the real type or the whole one of as many bits."""

    def __init__(self, notes: Notes, name: str):
        self.notes, self.name, self.width = notes, name, notes.width

    __add__, __radd__ = _binary("+")
    __sub__, __rsub__ = _binary("-")
    __mul__, __rmul__ = _binary("*")
    __truediv__, __rtruediv__ = _binary("/")
    __and__, __rand__ = _binary("&")
    __or__, __ror__ = _binary("|")
    __xor__, __rxor__ = _binary("^")
    __lt__, __gt__ = _binary("<")[0], _binary(">")[0]
    __le__, __ge__ = _binary("<=")[0], _binary(">=")[0]
    __lshift__, __rshift__ = _binary("<<")[0], _binary(">>")[0]
    __eq__ = _binary("==")[0]  # pyright: ignore[reportAssignmentType]

    def __neg__(self) -> Value:
        return self * -1.0  # Triton's own minus is 0 - x, which is 0 for x = 0, not -0

    def __abs__(self) -> Value:
        return self.notes.line(f"tl.abs({self.name})")

    def __pow__(self, exponent: Any) -> Value:
        if not isinstance(exponent, int) or exponent < 1:
            raise NotImplementedError(f"Triton has no power {exponent}")
        half = self ** (exponent // 2) if exponent > 1 else self
        return half if exponent == 1 else half * half * self if exponent % 2 else half * half

    def to(self, kind: str) -> Value:
        return self  # all is computed in one type, also what the CPU's kernels leave to float64

    def fma(self, a: Any, b: Any, c: Any) -> Value:
        return self.notes.call("fma", a, b, c)

    def select(self, condition: Any, a: Any, b: Any) -> Value:
        return self.notes.call("where", condition, a, b)

    def copysign(self, a: Any, b: Any) -> Value:
        sign = -(1 << (self.width - 1))
        return (machine.bits(a) & ~sign | machine.bits(b) & sign).from_bits()

    def sqrt(self) -> Value:
        return self.notes.call("sqrt_rn" if self.notes.rounded else "sqrt", self)

    def bits(self) -> Value:
        return self.notes.line(f"{self.name}.to(tl.int{self.width}, bitcast=True)")

    def from_bits(self) -> Value:
        return self.notes.line(f"{self.name}.to(tl.{self.notes.real}, bitcast=True)")

    def from_count(self) -> Value:
        return self.notes.line(f"{self.name}.to(tl.{self.notes.real})")


class Notes:
    """The lines of a kernel. What was computed before has a name already.

    With `rounded` a quotient and a root of float32 are rounded to the nearest, which Triton's own are not.
    """

    def __init__(self, real: str, rounded: bool):
        self.real, self.rounded, self.width = real, rounded, int(real.removeprefix("float"))
        self.lines: list[str] = []
        self.values: dict[str, Value] = {}

    def line(self, text: str) -> Value:
        if text not in self.values:
            self.values[text] = Value(self, f"v{len(self.lines)}")
            self.lines.append(f"{self.values[text].name} = {text}")
        return self.values[text]

    def operation(self, a: str, operator: str, b: str) -> Value:
        if operator == "/" and self.rounded:
            return self.line(f"tl.div_rn({a}, {b})")
        return self.line(f"{a} {operator} {b}")

    def name(self, value: Any) -> str:
        """The name of a value, or of a number, which Triton would round to float32 where it stands for itself."""
        if isinstance(value, Value):
            return value.name
        if isinstance(value, bool | np.bool_):
            return self.constant(str(bool(value)), "int1").name
        if isinstance(value, int | np.integer):
            return self.constant(str(int(value)), f"int{self.width}").name
        number = float(value)
        return self.constant(repr(number) if math.isfinite(number) else f'float("{number}")', self.real).name

    def constant(self, text: str, kind: str) -> Value:
        return self.line(f"tl.full([BLOCK], {text}, tl.{kind})")

    def call(self, function: str, *arguments: Any) -> Value:
        return self.line(f"tl.{function}({', '.join(map(self.name, arguments))})")

    def sin(self, u: Any) -> Value:
        return self.call("sin", u)

    def cos(self, u: Any) -> Value:
        return self.call("cos", u)
