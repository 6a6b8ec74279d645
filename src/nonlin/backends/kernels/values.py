"""The values of a kernel for the CPU: each operation on one writes LLVM's instruction for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from nonlin.backends.kernels import machine

_TYPES: dict[str, Any] = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "bool": ir.IntType(1),
    **{f"{sign}int{width}": ir.IntType(width) for sign in ("", "u") for width in (8, 16, 32, 64)},
}


def _binary(real: str, whole: str) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """The two methods of an operator, for the value on its left and on its right."""

    def written(a: Value, b: Value) -> Value:
        return a.made(getattr(a.builder, real if a.is_real else whole)(a.code, b.code))

    return lambda self, other: written(self, self.like(other)), lambda self, other: written(self.like(other), self)


def _comparison(operator: str) -> Callable[[Value, Any], Value]:
    def compared(self: Value, other: Any) -> Value:
        sign = "unsigned" if self.kind.startswith("u") else "signed"
        write = getattr(self.builder, f"icmp_{sign}")
        if self.is_real:  # nan differs from everything
            write = self.builder.fcmp_unordered if operator == "!=" else self.builder.fcmp_ordered
        return Value(self.builder, write(operator, self.code, self.like(other).code), "bool")

    return compared


class Value(machine.Value):
    """An instruction's result, of a type that NumPy's name tells."""

    def __init__(self, builder: Any, code: Any, kind: str):
        self.builder, self.code, self.kind = builder, code, kind

    @property
    def is_real(self) -> bool:
        return self.kind.startswith("float")

    @property
    def width(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 1 if self.kind == "bool" else int(self.kind.lstrip("uintfloa"))

    def made(self, code: Any, kind: str = "") -> Value:
        return Value(self.builder, code, kind or self.kind)

    def like(self, other: Any) -> Value:
        """Another value of this type, or a constant as one."""
        if not isinstance(other, Value):
            return constant(self.builder, other, self.kind)
        if other.kind != self.kind:
            raise TypeError(f"an operation on {self.kind} and {other.kind}")
        return other

    __add__, __radd__ = _binary("fadd", "add")
    __sub__, __rsub__ = _binary("fsub", "sub")
    __mul__, __rmul__ = _binary("fmul", "mul")
    __truediv__, __rtruediv__ = _binary("fdiv", "none")
    __and__, __rand__ = _binary("none", "and_")
    __or__, __ror__ = _binary("none", "or_")
    __xor__, __rxor__ = _binary("none", "xor")
    __lshift__, __rlshift__ = _binary("none", "shl")
    __lt__, __le__, __gt__, __ge__ = map(_comparison, ("<", "<=", ">", ">="))
    __eq__, __ne__ = map(_comparison, ("==", "!="))  # pyright: ignore[reportAssignmentType]

    def __rshift__(self, other: Any) -> Value:
        write = self.builder.lshr if self.kind.startswith("u") else self.builder.ashr
        return self.made(write(self.code, self.like(other).code))

    def __neg__(self) -> Value:
        return self.made(self.builder.fneg(self.code))

    def __abs__(self) -> Value:
        return self.intrinsic("fabs", self)

    def __pow__(self, power: Any) -> Value:
        if not isinstance(power, int):
            return self.intrinsic("pow", self, self.like(power))
        result, square = self.like(1.0), self
        while power:
            result = result * square if power & 1 else result
            square, power = square * square, power >> 1
        return result

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """A function of real numbers that LLVM knows."""
        kind = ir.FunctionType(self.code.type, [self.code.type] * len(arguments))
        full, known = f"llvm.{name}.f{self.width}", self.builder.module.globals
        function = known[full] if full in known else ir.Function(self.builder.module, kind, full)
        return self.made(self.builder.call(function, [a.code for a in arguments]))

    def fma(self, a: Any, b: Any, c: Any) -> Value:
        return self.intrinsic("fma", *map(self.like, (a, b, c)))

    def select(self, condition: Any, a: Any, b: Any) -> Value:
        if not isinstance(condition, Value):
            condition = constant(self.builder, condition, "bool")
        known = next((v for v in (a, b) if isinstance(v, Value)), None)
        one, other = (
            known.like(v) if known is not None else constant(self.builder, v, type(v).__name__) for v in (a, b)
        )
        return one.made(self.builder.select(condition.code, one.code, other.code))

    def copysign(self, a: Any, b: Any) -> Value:
        return self.intrinsic("copysign", self.like(a), self.like(b))

    def sqrt(self) -> Value:
        return self.intrinsic("sqrt", self)

    def to(self, kind: str) -> Value:
        """Whole numbers become smaller or larger, or real ones, as in C."""
        if kind == self.kind:
            return self
        old, new = self.width, 1 if kind == "bool" else _TYPES[kind].width if "int" in kind else int(kind[-2:])
        if self.is_real:
            name = "fpext" if old < new else "fptrunc"
        elif kind.startswith("float"):
            name = "uitofp" if self.kind.startswith("u") or self.kind == "bool" else "sitofp"
        elif old == new:
            return self.made(self.code, kind)
        else:
            name = "trunc" if old > new else "sext" if self.kind.startswith("int") else "zext"
        return self.made(getattr(self.builder, name)(self.code, _TYPES[kind]), kind)

    def bits(self) -> Value:
        kind = f"int{self.width}"
        return self.made(self.builder.bitcast(self.code, _TYPES[kind]), kind)

    def from_bits(self) -> Value:
        kind = f"float{self.width}"
        return self.made(self.builder.bitcast(self.code, _TYPES[kind]), kind)

    def from_count(self) -> Value:
        # no vector instruction before AVX-512 converts 64-bit integers
        return self.to("int32").to(f"float{self.width}")


def constant(builder: Any, number: Any, kind: str) -> Value:
    """A number as a value of a type that has it."""
    if kind.startswith("float"):
        real = machine.REALS[kind](number)
        if real != number and number == number:
            raise TypeError(f"{kind} has no {number!r}")
        number = float(real)
    else:
        number = int(number)
    return Value(builder, ir.Constant(_TYPES[kind], number), kind)


# Memory ---------------------------------------------------------------------------------------------------------------


class Memory:
    """An argument that is an address: elements of a type, half precision as the numbers that it stands for.

    `apart` tells memory that is read at computed places, tables, from the rest, which the loop reads and writes in
    order: without it LLVM takes it that a write may change a table, since it cannot see the limits of the places, and
    does not make vectors of the loop. True for a table, False for the rest, None where there are none.
    """

    def __init__(self, builder: Any, address: Any, kind: str, apart: bool | None = None):
        self.builder, self.address, self.kind, self.apart = builder, address, kind, apart
        self.stored = "int16" if kind in ("float16", "bfloat16") else kind

    def __getitem__(self, index: Value) -> Value:
        loaded = self.builder.load(self._place(index), typ=_TYPES[self.stored])
        value = Value(self.builder, self._noted(loaded), self.stored)
        return value if self.stored == self.kind else _READ[self.kind](value)

    def __setitem__(self, index: Value, value: Value) -> None:
        value = value.to(self.kind) if self.stored == self.kind else _WRITTEN[self.kind](value.to("float32"))
        self._noted(self.builder.store(value.code, self._place(index)))

    def _place(self, index: Value) -> Any:
        return self.builder.gep(self.address, [index.code], inbounds=True, source_etype=_TYPES[self.stored])

    def _noted(self, instruction: Any) -> Any:
        if self.apart is not None:
            module = self.builder.module
            domain = module.add_metadata(["nonlin"])
            scopes = module.add_metadata([module.add_metadata(["nonlin tables", domain])])
            instruction.set_metadata("alias.scope" if self.apart else "noalias", scopes)
        return instruction


def _from_float16(half: Value) -> Value:
    short = half.builder.bitcast(half.code, ir.HalfType())
    return half.made(half.builder.fpext(short, _TYPES["float32"]), "float32")


def _to_float16(value: Value) -> Value:
    short = value.builder.fptrunc(value.code, ir.HalfType())
    return value.made(value.builder.bitcast(short, _TYPES["int16"]), "int16")


def _from_bfloat16(half: Value) -> Value:
    """bfloat16's bits are the upper half of float32's."""
    return (half.to("uint16").to("int32") << 16).from_bits()


def _to_bfloat16(value: Value) -> Value:
    """Rounded to the nearest, ties to even; a nan stays a nan, which the addition could carry over to 0."""
    bits = value.bits().to("uint32")
    upper = bits >> 16
    rounded = (bits + ((upper & 1) + 0x7FFF)) >> 16
    return value.select(value != value, upper | 0x40, rounded).to("int16")


_READ = {"float16": _from_float16, "bfloat16": _from_bfloat16}
_WRITTEN = {"float16": _to_float16, "bfloat16": _to_bfloat16}
