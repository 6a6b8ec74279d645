"""Whole quarter turns taken off a huge number, by the bits of 2/pi that count for it (Payne and Hanek).

a = m 2^e with an integer m of 53 bits. Of 2/pi = 0.b1 b2 ... the bits before b(e - 1) give multiples of 4 quarter
turns, so 192 bits from there on, times m, modulo 2^192, are a in quarter turns modulo 4, but for what the bits after
them give, less than 2^-137. The closest that a float64 comes to a whole number of them is 2^-62, so that the 126 bits
of the fraction which are kept leave 64 right ones. All of it is integer arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from nonlin.backends.kernels.coefficients import HALF_PI, TWO_OVER_PI
from nonlin.backends.kernels.grade import DOUBLE
from nonlin.backends.kernels.machine import fma, inline, instruction

_WORDS = (0, *TWO_OVER_PI["words"])  # 32 bits before the point: the least a has some of its own behind it
_32, _62, _2, _ALL = np.uint64(32), np.uint64(62), np.uint64(2), np.uint64(2**32 - 1)
_FRACTION, _ONE = np.int64(2**52 - 1), np.int64(2**52)
_A, _B, _C, _D = (2.0**-32, 2.0**-64, 2.0**-96, 2.0**-128)
_P1, _P2 = HALF_PI["double"][:2]
_MAGIC = DOUBLE.magic


@instruction
def _bits(_context: Any, a: Any) -> Any:
    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(a), code


@instruction
def _word(_context: Any, index: Any) -> Any:
    """The 32 bits of 2/pi at that index. Numba's own tuples check it, with an error that only Numba can raise."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.ArrayType(ir.IntType(64), len(_WORDS))
        name = "nonlin.two_over_pi"
        table = builder.module.globals.get(name)
        if table is None:
            table = ir.GlobalVariable(builder.module, kind, name)
            table.linkage, table.global_constant = "internal", True
            table.initializer = ir.Constant(kind, _WORDS)
        zero = ir.Constant(ir.IntType(64), 0)
        return builder.load(builder.gep(table, [zero, arguments[0]], inbounds=True))

    return types.uint64(index), code


@inline
def far_reduced(a: Any) -> Any:
    """What `circular.py` makes of a: the magic number plus n, for n modulo 4; r, and what its rounding lost.

    a is a float64 of 2^25 or more, finite or not.
    """
    bits = _bits(a)
    m = np.uint64((bits & _FRACTION) | _ONE)
    first = (bits >> 52) - 1075 - 2 + 32  # of the bits, counted from the first of the words
    place, shift = first >> 5, np.uint64(32 - (first & 31))
    upper, lower = m >> _32, m & _ALL
    top = middle = carry = upper_carry = before = np.uint64(0)
    for k in range(6):
        at = place + 5 - k
        word = (((_word(at) << _32) | _word(at + 1)) >> shift) & _ALL
        product = lower * word + carry
        carry = product >> _32
        total = upper * before + (product & _ALL) + upper_carry
        upper_carry = total >> _32
        before = word
        middle = (middle >> _32) | (top << _32)
        top = (top >> _32) | (total << _32)
    # the fraction as a signed number is in [-1/2, 1/2), and n the nearest whole number
    fraction, rest = np.int64((top << _2) | (middle >> _62)), middle << _2
    n = np.int64(top >> _62) + (fraction < 0)
    # four parts of 32 bits, each exact, and what the sum of the first two lost
    high, second = float(fraction >> 32) * _A, float(np.int64(np.uint64(fraction) & _ALL)) * _B
    tail = float(np.int64(rest >> _32)) * _C + float(np.int64(rest & _ALL)) * _D
    turns = high + second
    tail += second - (turns - high)
    r = turns * _P1
    return _MAGIC + float(n), r, fma(turns, _P1, -r) + fma(turns, _P2, tail * _P1) + (a - a)
