"""Whole quarter turns taken off a huge number, by the bits of 2/pi that count for it (Payne and Hanek).

a = m 2^e with an integer m of 53 bits. Of 2/pi = 0.b1 b2 ... the bits before b(e - 1) give multiples of 4 quarter
turns, so 192 bits from there on, times m, modulo 2^192, are a in quarter turns modulo 4, but for what the bits after
them give, less than 2^-137. The closest that a float64 comes to a whole number of them is 2^-62, so that the 126 bits
of the fraction which are kept leave 64 right ones. All of it is integer arithmetic.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from nonlin.backends.kernels.coefficients import HALF_PI, TWO_OVER_PI
from nonlin.backends.kernels.grade import DOUBLE
from nonlin.backends.kernels.machine import fma
from nonlin.backends.kernels.values import Memory, Value

_WORDS = (0, *TWO_OVER_PI["words"])  # 32 bits before the point: the least a has some of its own behind it
_ALL, _FRACTION, _ONE = 2**32 - 1, 2**52 - 1, 2**52
_A, _B, _C, _D = (2.0**-32, 2.0**-64, 2.0**-96, 2.0**-128)
_P1, _P2 = HALF_PI["double"][:2]
_MAGIC = DOUBLE.magic


def _words(builder: Any) -> Memory:
    """The bits of 2/pi, as a table of the module that is being written."""
    kind, name = ir.ArrayType(ir.IntType(64), len(_WORDS)), "nonlin.two_over_pi"
    table = builder.module.globals.get(name)
    if table is None:
        table = ir.GlobalVariable(builder.module, kind, name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(kind, _WORDS)
    return Memory(builder, table, "uint64")


def far_reduced(a: Value) -> tuple[Any, Any, Any]:
    """What `circular.py` makes of a: the magic number plus n, for n modulo 4; r, and what its rounding lost.

    a is a float64 of 2^25 or more, finite or not.
    """
    words, bits = _words(a.builder), a.bits()
    m = ((bits & _FRACTION) | _ONE).to("uint64")
    first = (bits >> 52) - (1075 + 2 - 32)  # of the bits, counted from the first of the words
    place, shift = first >> 5, (32 - (first & 31)).to("uint64")
    upper, lower = m >> 32, m & _ALL
    top = middle = carry = upper_carry = before = m ^ m
    for k in range(6):
        at = place + (5 - k)
        word = (((words[at] << 32) | words[at + 1]) >> shift) & _ALL
        product = lower * word + carry
        carry = product >> 32
        total = upper * before + (product & _ALL) + upper_carry
        upper_carry = total >> 32
        before = word
        middle = (middle >> 32) | (top << 32)
        top = (top >> 32) | (total << 32)
    # the fraction as a signed number is in [-1/2, 1/2), and n the nearest whole number
    fraction, rest = ((top << 2) | (middle >> 62)).to("int64"), middle << 2
    n = (top >> 62).to("int64") + (fraction < 0).to("int64")
    # four parts of 32 bits, each exact, and what the sum of the first two lost
    high, second = _real(fraction >> 32) * _A, _real(fraction & _ALL) * _B
    tail = _real(rest >> 32) * _C + _real(rest & _ALL) * _D
    turns = high + second
    tail += second - (turns - high)
    r = turns * _P1
    return _MAGIC + _real(n), r, fma(turns, _P1, -r) + fma(turns, _P2, tail * _P1) + (a - a)


def _real(whole: Value) -> Value:
    return whole.to("int64").to("float64")
