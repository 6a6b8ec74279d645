"""A function over memory while it is written: its arguments, and loops over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from nonlin.backends.kernels.values import Memory, Value, constant

_ARGUMENTS = {"p": ir.PointerType(), "n": ir.IntType(64), "d": ir.DoubleType()}


class Function:
    """A function of that name, of arguments by the letters of `builtin.KINDS`, which returns nothing."""

    def __init__(self, name: str, letters: str):
        self.module = ir.Module()
        kind = ir.FunctionType(ir.VoidType(), [_ARGUMENTS[letter] for letter in letters])
        function = ir.Function(self.module, kind, name)
        self.builder = ir.IRBuilder(function.append_basic_block())
        self._arguments = function.args
        self.count = Value(self.builder, function.args[letters.index("n")], "int64")

    def memory(self, i: int, kind: str, apart: bool | None = None) -> Memory:
        """The argument at i as the address of elements of that type."""
        return Memory(self.builder, self._arguments[i], kind, apart)

    def number(self, i: int) -> Value:
        """The argument at i as a number."""
        return Value(self.builder, self._arguments[i], "float64")

    def text(self) -> str:
        """In LLVM's language."""
        self.builder.ret_void()
        return str(self.module)

    def each(
        self, body: Callable[[Value], Value | None], first: Value | None = None, last: Value | None = None
    ) -> Value:
        """`body(i)` for every i from `first` before `last`, all elements without; whether one of them was true."""
        write, start = self.builder, self.builder.block
        begin = constant(write, 0, "int64") if first is None else first
        end = self.count if last is None else last
        loop, after = write.append_basic_block(), write.append_basic_block()
        write.cbranch((begin < end).code, loop, after)
        write.position_at_end(loop)
        place, found = write.phi(ir.IntType(64)), write.phi(ir.IntType(1))
        told = body(Value(write, place, "int64"))
        any_yet = found if told is None else write.or_(found, told.code)
        following = write.add(place, ir.Constant(ir.IntType(64), 1), flags=["nsw"])
        for phi, at_first, later in ((place, begin.code, following), (found, ir.Constant(ir.IntType(1), 0), any_yet)):
            phi.add_incoming(at_first, start)
            phi.add_incoming(later, write.block)
        write.cbranch(write.icmp_signed("<", following, end.code), loop, after)
        finished = write.block
        write.position_at_end(after)
        result = write.phi(ir.IntType(1))
        result.add_incoming(ir.Constant(ir.IntType(1), 0), start)
        result.add_incoming(any_yet, finished)
        return Value(write, result, "bool")

    def where(self, condition: Value) -> Any:
        """A context whose instructions run only if the condition is true."""
        return self.builder.if_then(condition.code)
