"""The words of the kernels' arithmetic: fused multiply-add, selects and powers of two, an instruction or two each.

What stands in this folder is not computed with. It runs once for a kernel, on values that stand for numbers which are
known only in the kernel's loop, and each step writes down what the loop is to do: LLVM's instructions for the CPU
(`values.py`), lines of Triton's language for a GPU (`triton_math.py`). So an `if` decides what is written, and none is
left in the loop. All words are plain IEEE operations or moves of bits: a loop that a compiler turns into vector
instructions gives the bits that the same code gives for one element.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

REALS: dict[str, Any] = {"float32": np.float32, "float64": np.float64}
_WHOLE: dict[Any, Any] = {np.float32: np.int32, np.float64: np.int64}
_MANTISSA = {32: 23, 64: 52}


class Value(ABC):
    """A number that is known when the kernel runs. What is done with it and a constant has its type."""

    __array_ufunc__ = None  # so that NumPy's numbers leave to this class what is done with one of each

    width: int  # bits of the real type that the kernel computes in

    def __bool__(self) -> bool:
        raise TypeError("a value is known in the loop alone: choose between two by select")

    @abstractmethod
    def to(self, kind: str) -> Any:
        """The same number as another type, by its NumPy name."""

    @abstractmethod
    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a*b + c, rounded once; `self` is one of them, as below."""

    @abstractmethod
    def select(self, condition: Any, a: Any, b: Any) -> Any:
        """a if the condition else b, both of them computed."""

    @abstractmethod
    def copysign(self, a: Any, b: Any) -> Any:
        """|a| with b's sign bit."""

    @abstractmethod
    def sqrt(self) -> Any:
        """The square root."""

    @abstractmethod
    def bits(self) -> Any:
        """A real number's bits as a whole number of the same size."""

    @abstractmethod
    def from_bits(self) -> Any:
        """The opposite."""

    @abstractmethod
    def from_count(self) -> Any:
        """A whole number of no more than 32 bits as a real one."""


def _value(*arguments: Any) -> Value:
    return next(a for a in arguments if isinstance(a, Value))


def fma(a: Any, b: Any, c: Any) -> Any:
    """a*b + c, rounded once."""
    return _value(a, b, c).fma(a, b, c)


def select(condition: Any, a: Any, b: Any) -> Any:
    """a if condition else b, both of them computed."""
    return _value(condition, a, b).select(condition, a, b)


def copysign(a: Any, b: Any) -> Any:
    """|a| with b's sign bit."""
    return _value(a, b).copysign(a, b)


def sqrt(a: Any) -> Any:
    """The square root, rounded to the nearest."""
    return a.sqrt() if isinstance(a, Value) else type(a)(math.sqrt(a))


def converter(kind: Any) -> Callable[[Any], Any]:
    """NumPy's type, for values as well as for constants."""
    return lambda number: number.to(np.dtype(kind).name) if isinstance(number, Value) else kind(number)


def bits(a: Any) -> Any:
    """A real number's bits as a whole number of the same size."""
    return a.bits() if isinstance(a, Value) else a.view(_WHOLE[type(a)])


def power_of_two(t: Any) -> Any:
    """2^(n - bias) for t = 1.5*2^23 + n (float64: 1.5*2^52 + n): n stands in t's low bits and moves to the exponent."""
    return (bits(t) << _MANTISSA[t.width]).from_bits()


def odd(t: Any) -> Any:
    """Whether n is odd, for t = 1.5*2^23 + n (float64: 1.5*2^52 + n)."""
    return (bits(t) & 1).to("bool")


def turned(v: Any, t: Any) -> Any:
    """v, or -v where n's second bit is set, for such a t."""
    return (bits(v) ^ ((bits(t) << (t.width - 2)) & _sign(t.width))).from_bits()


def signed(v: Any, u: Any) -> Any:
    """v, or -v where u's sign bit is set."""
    return (bits(v) ^ (bits(u) & _sign(u.width))).from_bits()


def exponent(m: Any, base: Any) -> Any:
    """The k with m/2^k in [base, 2 base), as a float, for a normal positive m."""
    return ((bits(m) - bits(base)) >> _MANTISSA[m.width]).from_count()


def scaled_down(m: Any, base: Any) -> Any:
    """m/2^k for that k."""
    above = bits(m) - bits(base)
    return (bits(m) - (above & -(1 << _MANTISSA[m.width]))).from_bits()


def _sign(width: int) -> int:
    return -(1 << (width - 1))


def lost(a: Any, b: Any, total: Any) -> Any:
    """What the sum a + b lost when it was rounded to `total`, exactly: Knuth's two-sum."""
    part = total - a
    return (a - (total - part)) + (b - part)


def polynomial(coefficients: tuple[float, ...], real: Any) -> Callable[[Any], Any]:
    """Horner's rule with fused multiply-adds, the lowest power first, in the machine type `real`."""
    *rest, highest = map(real, coefficients)

    def horner(x: Any) -> Any:
        total = highest
        for coefficient in reversed(rest):
            total = fma(total, x, coefficient)
        return total

    return horner
