"""The arithmetic of the CPU's kernels in Triton's words: what they do with one number, written down line by line.

The functions of `kernels/` are run once on values that are no numbers but names, and each operation on one becomes a
line. So a GPU computes what the CPU does, in the same order, with the same coefficients, and what is known of their
accuracy holds there. A line is one IEEE operation, a select or a move of bits, about whose result Triton's interpreter
and its compiler agree; only the compiler's sine and cosine may be some ulp off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

import numpy as np

from nonlin.backends.kernels import compile as cpu
from nonlin.backends.kernels import machine
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
    words = _Words(notes)
    rewriter = _Rewriter(words)
    # waves are Triton's own, since the CPU's kernels go through a block twice for a large argument
    waves = {name: getattr(words, name) for name in ("sin", "cos", "tan")}
    namespace = {name: rewriter.rewritten(value) for name, value in cpu.arithmetic(grade).items()} | waves
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


class Value:
    """A number that is known when the kernel runs: the name of a variable in it."""

    __array_ufunc__ = None  # so that NumPy's numbers leave to this class what is done with one of each
    __hash__ = object.__hash__

    def __init__(self, notes: Notes, name: str):
        self.notes, self.name = notes, name

    __add__, __radd__ = _binary("+")
    __sub__, __rsub__ = _binary("-")
    __mul__, __rmul__ = _binary("*")
    __truediv__, __rtruediv__ = _binary("/")
    __and__, __rand__ = _binary("&")
    __or__, __ror__ = _binary("|")
    __xor__, __rxor__ = _binary("^")
    __lt__, __gt__ = _binary("<")[0], _binary(">")[0]
    __le__, __ge__ = _binary("<=")[0], _binary(">=")[0]
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


class Notes:
    """The lines of a kernel. What was computed before has a name already.

    With `rounded` a quotient and a root of float32 are rounded to the nearest, which Triton's own are not.
    """

    def __init__(self, real: str, rounded: bool):
        self.real, self.rounded = real, rounded
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
        number = float(value)
        return self.constant(repr(number) if math.isfinite(number) else f'float("{number}")', self.real).name

    def constant(self, text: str, kind: str) -> Value:
        return self.line(f"tl.full([BLOCK], {text}, tl.{kind})")


class _Words:
    """What `kernels/machine.py` and `math` name, in Triton's words."""

    def __init__(self, notes: Notes):
        self.notes = notes
        self.whole, self.mantissa, self.number = {
            "float32": ("int32", 23, np.int32),
            "float64": ("int64", 52, np.int64),
        }[notes.real]
        self.signs = -(2 ** (8 * self.number().itemsize - 1))

    def call(self, name: str, *arguments: Any) -> Value:
        return self.notes.line(f"tl.{name}({', '.join(map(self.notes.name, arguments))})")

    def bits(self, value: Any) -> Value:
        if isinstance(value, Value):
            return self.notes.line(f"{value.name}.to(tl.{self.whole}, bitcast=True)")
        return self.integer(int(value.view(self.number)))

    def integer(self, value: int) -> Value:
        return self.notes.constant(str(value), self.whole)

    def shifted(self, value: Value, direction: str) -> Value:
        return self.notes.line(f"{value.name} {direction} {self.integer(self.mantissa).name}")

    def from_bits(self, value: Value) -> Value:
        return self.notes.line(f"{value.name}.to(tl.{self.notes.real}, bitcast=True)")

    def fma(self, a: Any, b: Any, c: Any) -> Value:
        return self.call("fma", a, b, c)

    def select(self, condition: Any, a: Any, b: Any) -> Value:
        return self.call("where", condition, a, b)

    def copysign(self, a: Any, b: Any) -> Value:
        return self.from_bits(self.bits(a) & self.integer(~self.signs) | self.bits(b) & self.integer(self.signs))

    def signed(self, v: Any, u: Any) -> Value:
        return self.from_bits(self.bits(v) ^ (self.bits(u) & self.integer(self.signs)))

    def power_of_two(self, t: Any) -> Value:
        return self.from_bits(self.shifted(self.bits(t), "<<"))

    def exponent(self, m: Any, base: Any) -> Value:
        return self.notes.line(f"{self.shifted(self.bits(m) - self.bits(base), '>>').name}.to(tl.{self.notes.real})")

    def scaled_down(self, m: Any, base: Any) -> Value:
        above = self.bits(m) - self.bits(base)
        return self.from_bits(self.bits(m) - (above & self.integer(-(2**self.mantissa))))

    def sqrt(self, u: Any) -> Any:
        root = "sqrt_rn" if self.notes.rounded else "sqrt"
        return self.call(root, u) if isinstance(u, Value) else math.sqrt(u)

    def sin(self, u: Any) -> Value:
        return self.call("sin", u)

    def cos(self, u: Any) -> Value:
        return self.call("cos", u)

    def tan(self, u: Any) -> Value:
        return self.sin(u) / self.cos(u)


class _Rewriter:
    """Rewrites what the kernels' functions refer to, so that they run on values."""

    def __init__(self, words: _Words):
        names = ("fma", "select", "copysign", "signed", "power_of_two", "exponent", "scaled_down")
        self.replaced: list[tuple[Any, Any]] = [(getattr(machine, name), getattr(words, name)) for name in names]
        # all is computed in one type, float32 or float64, also what the CPU's kernels leave to float64
        self.replaced += [(math, words), *((kind, _converter(kind)) for kind in (np.float32, np.float64))]
        self.functions: dict[Any, Any] = {}

    def rewritten(self, value: Any) -> Any:
        """What Numba would compile, as a function of Python, with all that it refers to; a constant as it is."""
        for original, replacement in self.replaced:
            if value is original:
                return replacement
        compiled = getattr(value, "py_func", None)
        return value if compiled is None else self.function(compiled)

    def function(self, f: Any) -> Any:
        if f not in self.functions:
            names = {n: self.rewritten(f.__globals__[n]) for n in f.__code__.co_names if n in f.__globals__}
            cells = tuple(CellType(self.rewritten(c.cell_contents)) for c in f.__closure__ or ())
            self.functions[f] = FunctionType(f.__code__, names, f.__name__, f.__defaults__, cells)
        return self.functions[f]


def _converter(kind: Any) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, Value) else kind(value)
