"""What Numba has no word for: fused multiply-add, selects and powers of two, one machine instruction each.

All of them are plain IEEE operations in portable LLVM, so a loop that LLVM turns into vector instructions gives the
bits that the same code gives for one element. None may become a branch: a loop with a branch stays scalar.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nonlin.backends.printer import function

instruction: Any = intrinsic  # what it returns is called without the first argument, which no type says
_BITS = {types.float32: 32, types.float64: 64}
_MANTISSA = {types.float32: 23, types.float64: 52}

# Without `forceinline` LLVM leaves larger functions as calls, and a loop with a call is not vectorised.
inline: Any = njit(error_model="numpy", forceinline=True)


def _llvm(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@instruction
def fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a*b + c, rounded once."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _llvm(builder, f"llvm.fma.f{_BITS[a]}", arguments[0].type, list(arguments))

    return a(a, a, a), code


@instruction
def select(_context: Any, condition: Any, a: Any, b: Any) -> Any:
    """a if condition else b, both of them computed."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(condition, a, a), code


@instruction
def copysign(_context: Any, a: Any, b: Any) -> Any:
    """|a| with b's sign bit."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _llvm(builder, f"llvm.copysign.f{_BITS[a]}", arguments[0].type, list(arguments))

    return a(a, a), code


@instruction
def power_of_two(_context: Any, t: Any) -> Any:
    """2^(n - bias) for t = 1.5*2^23 + n (float64: 1.5*2^52 + n): n stands in t's low bits and moves to the exponent."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.IntType(_BITS[t])
        shifted = builder.shl(builder.bitcast(arguments[0], kind), ir.Constant(kind, _MANTISSA[t]))
        return builder.bitcast(shifted, arguments[0].type)

    return t(t), code


@instruction
def odd(_context: Any, t: Any) -> Any:
    """Whether n is odd, for t = 1.5*2^23 + n (float64: 1.5*2^52 + n)."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.trunc(builder.bitcast(arguments[0], ir.IntType(_BITS[t])), ir.IntType(1))

    return types.boolean(t), code


@instruction
def turned(_context: Any, v: Any, t: Any) -> Any:
    """v, or -v where n's second bit is set, for such a t."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.IntType(_BITS[t])
        value, count = (builder.bitcast(a, kind) for a in arguments)
        sign = builder.and_(builder.shl(count, ir.Constant(kind, _BITS[t] - 2)), ir.Constant(kind, 1 << (_BITS[t] - 1)))
        return builder.bitcast(builder.xor(value, sign), arguments[0].type)

    return v(v, v), code


@instruction
def signed(_context: Any, v: Any, u: Any) -> Any:
    """v, or -v where u's sign bit is set."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.IntType(_BITS[v])
        value, other = (builder.bitcast(a, kind) for a in arguments)
        sign = builder.and_(other, ir.Constant(kind, 1 << (_BITS[v] - 1)))
        return builder.bitcast(builder.xor(value, sign), arguments[0].type)

    return v(v, v), code


@instruction
def exponent(_context: Any, m: Any, base: Any) -> Any:
    """The k with m/2^k in [base, 2 base), as a float, for a normal positive m."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.IntType(_BITS[m])
        value, start = (builder.bitcast(a, kind) for a in arguments)
        k = builder.ashr(builder.sub(value, start), ir.Constant(kind, _MANTISSA[m]))
        if _BITS[m] == 32:
            return builder.sitofp(k, arguments[0].type)
        # no vector instruction before AVX-512 converts 64-bit integers; 32 bits are enough for an exponent
        return builder.sitofp(builder.trunc(k, ir.IntType(32)), arguments[0].type)

    return m(m, m), code


@instruction
def scaled_down(_context: Any, m: Any, base: Any) -> Any:
    """m/2^k for that k."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.IntType(_BITS[m])
        value, start = (builder.bitcast(a, kind) for a in arguments)
        high = ir.Constant(kind, (1 << _BITS[m]) - (1 << _MANTISSA[m]))
        return builder.bitcast(builder.sub(value, builder.and_(builder.sub(value, start), high)), arguments[0].type)

    return m(m, m), code


# Half precision: kept as 16-bit integers in memory, computed in float32 ---------------------------------------------


@instruction
def from_float16(_context: Any, h: Any) -> Any:
    """The float32 of float16's bits."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.int16), code


@instruction
def to_float16(_context: Any, y: Any) -> Any:
    """The bits of y rounded to the nearest float16."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.int16(types.float32), code


@instruction
def from_bfloat16(_context: Any, h: Any) -> Any:
    """The float32 of bfloat16's bits, which are its upper half."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = builder.zext(arguments[0], ir.IntType(32))
        return builder.bitcast(builder.shl(wide, ir.Constant(ir.IntType(32), 16)), ir.FloatType())

    return types.float32(types.int16), code


@instruction
def to_bfloat16(_context: Any, y: Any) -> Any:
    """The bits of y rounded to the nearest bfloat16, ties to even; a nan stays a nan."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        (value,) = arguments
        bits = builder.bitcast(value, word)
        upper = builder.lshr(bits, ir.Constant(word, 16))
        half = builder.add(builder.and_(upper, ir.Constant(word, 1)), ir.Constant(word, 0x7FFF))
        rounded = builder.lshr(builder.add(bits, half), ir.Constant(word, 16))
        quiet = builder.or_(upper, ir.Constant(word, 0x40))  # the addition could carry a nan over to 0
        is_nan = builder.fcmp_unordered("uno", value, value)
        return builder.trunc(builder.select(is_nan, quiet, rounded), ir.IntType(16))

    return types.int16(types.float32), code


@inline
def lost(a: Any, b: Any, total: Any) -> Any:
    """What the sum a + b lost when it was rounded to `total`, exactly: Knuth's two-sum."""
    part = total - a
    return (a - (total - part)) + (b - part)


def polynomial(coefficients: tuple[float, ...], real: Any) -> Any:
    """Horner's rule with fused multiply-adds, the lowest power first, in the machine type `real`."""
    # one function, and as text without a loop for LLVM to unroll: Numba takes 30 ms for each function that it compiles
    names = {f"c{i}": real(c) for i, c in enumerate(coefficients)}
    *rest, total = names
    for name in reversed(rest):
        total = f"fma({total}, x, {name})"
    return inline(function(f"def horner(x):\n    return {total}\n", "horner", {**names, "fma": fma}))
