"""A compiled loop as a builtin function of Python, which is called in a tenth of the time that ctypes takes.

Its own machine code takes the arguments from Python and gives them to the loop, by functions of Python's stable ABI.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm

from nonlin.backends.kernels.link import linked

# The letters of `Kernel.arguments`: an address, the count, a number.
KINDS = {"p": "ptr", "n": "i64", "d": "double"}
_READ = {"p": "ptr @PyLong_AsVoidPtr", "n": "i64 @PyLong_AsLongLong", "d": "double @PyFloat_AsDouble"}
# Elements from which other Python threads may run meanwhile: giving the GIL up and taking it again is more than fewer.
LARGE = 10_000
_SOURCE = """
declare ptr @PyLong_AsVoidPtr(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyBytes_AsString(ptr)
declare void @Py_IncRef(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)

define ptr @{name}(ptr %self, ptr %arguments, i64 %given) {{
  %held = call ptr @PyBytes_AsString(ptr %self)
{lines}
  call void @Py_IncRef(ptr %none)
  %large = icmp sge i64 %a{count}, {LARGE}
  br i1 %large, label %releasing, label %holding
holding:
  call void %loop({passed})
  ret ptr %none
releasing:
  %thread = call ptr @PyEval_SaveThread()
  call void %loop({passed})
  call void @PyEval_RestoreThread(ptr %thread)
  ret ptr %none
}}
"""


_DECLARED = re.findall(r"^declare \w+ @(\w+)", _SOURCE, re.MULTILINE)


class _Method(ctypes.Structure):
    """Python's PyMethodDef, which must live as long as its functions."""

    _fields_ = (("name", ctypes.c_char_p), ("code", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


_FASTCALL = 0x80  # METH_FASTCALL: the arguments come as an array


def source(name: str, arguments: str, bound: int) -> str:
    """The function in LLVM's language: `self` holds the loop, None and the `bound` last arguments."""
    lines: list[str] = []
    for i, what in enumerate(("loop", "none")):
        lines += [f"%at.{what} = getelementptr ptr, ptr %held, i64 {i}", f"%{what} = load ptr, ptr %at.{what}"]
    given = len(arguments) - bound
    for i, letter in enumerate(arguments):
        if i < given:
            lines += [f"%at{i} = getelementptr ptr, ptr %arguments, i64 {i}", f"%o{i} = load ptr, ptr %at{i}"]
            lines += [f"%a{i} = call {_READ[letter]}(ptr %o{i})"]
        else:
            lines += [f"%at{i} = getelementptr i64, ptr %held, i64 {2 + i - given}"]
            lines += [f"%a{i} = load {KINDS[letter]}, ptr %at{i}"]
    passed = ", ".join(f"{KINDS[letter]} %a{i}" for i, letter in enumerate(arguments))
    text = "\n".join(f"  {line}" for line in lines)
    return _SOURCE.format(name=name, lines=text, passed=passed, count=arguments.index("n"), LARGE=LARGE)


@cache
def _method(arguments: str, bound: int) -> _Method:
    for name in _DECLARED:
        llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    code = linked("builtin", [arguments, bound, LARGE], lambda name: source(name, arguments, bound))
    return _Method(b"kernel", code, _FASTCALL, None)


class Kernel(NamedTuple):
    """A compiled loop: its address, the letters of its arguments, and the function that calls it.

    What it is given is not looked at: addresses and the count are whole numbers, the others floats. It keeps the GIL
    for an array that is not large.
    """

    address: int
    arguments: str
    call: Callable[..., None]

    def bound(self, numbers: Sequence[float]) -> Callable[..., None]:
        """`call` whose last arguments are these numbers."""
        return _builtin(self.address, self.arguments, tuple(numbers)) if numbers else self.call


def kernel_at(address: int, arguments: str) -> Kernel:
    """The compiled loop at that address, of these arguments."""
    return Kernel(address, arguments, _builtin(address, arguments, ()))


def _builtin(address: int, arguments: str, numbers: tuple[float, ...]) -> Any:
    held = struct.pack(f"=2q{len(numbers)}d", address, id(None), *numbers)
    return _made(ctypes.byref(_method(arguments, len(numbers))), held, None)


_made = ctypes.pythonapi.PyCFunction_NewEx
_made.argtypes, _made.restype = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p], ctypes.py_object
