"""Threads that wait for work already: those of the OpenMP that PyTorch brings, which wake in 3 us instead of 50.

PyTorch's own operations run on the same ones: a team is of one size for every call, since another size would have it
made anew. What a thread of the team does is a function that LLVM compiles: Python would need the GIL there.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nonlin.backends.kernels.builtin import KINDS, Kernel
from nonlin.backends.kernels.link import linked

Moves = tuple[int, ...]  # bits that an argument moves by with each element

_HEAD = ("kernel", "next", "count", "step")  # of a job, in 8 bytes each; then the kernel's arguments
_CHUNK = """
define void @{name}(ptr %job) {{
  %next = getelementptr i64, ptr %job, i64 1
{loads}
  br label %loop
loop:
  %first = atomicrmw add ptr %next, i64 %step monotonic
  %over = icmp sge i64 %first, %count
  br i1 %over, label %end, label %chunk
chunk:
  %left = sub i64 %count, %first
  %last = icmp slt i64 %left, %step
  %n = select i1 %last, i64 %left, i64 %step
{moves}
  call void %kernel({arguments})
  br label %loop
end:
  ret void
}}
"""
_forked = False


def _fork() -> None:
    """The threads are gone in the child of a fork, and OpenMP does not know."""
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork)


def runtime() -> Any:
    """`GOMP_parallel(function, data, threads, 0)` of PyTorch's OpenMP; None without, and in the child of a fork.

    GNU's name, by which LLVM's and Intel's runtimes may be called too.
    """
    file = getattr(sys.modules.get("torch._C"), "__file__", None)
    return None if file is None or _forked else _linked_with(file)


@lru_cache(maxsize=1)
def _linked_with(file: str) -> Any:
    try:
        found = ctypes.CDLL(file).GOMP_parallel  # looked for in all that the library is linked with
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return found


def source(name: str, arguments: str, moves: Moves) -> str:
    """What each thread does: takes the next chunk and calls the kernel on it, until none is left."""
    lines = {"loads": list[str](), "moves": list[str]()}
    heads = zip(_HEAD, ("ptr", "", "i64", "i64"), strict=True)
    own = ((f"a{i}", "" if letter == "n" else KINDS[letter]) for i, letter in enumerate(arguments))
    for i, (what, kind) in enumerate([*heads, *own]):
        if kind:
            lines["loads"] += [f"%at.{what} = getelementptr i64, ptr %job, i64 {i}"]
            lines["loads"] += [f"%{what} = load {kind}, ptr %at.{what}"]
    passed: list[str] = []
    for i, (letter, bits) in enumerate(zip(arguments, moves, strict=True)):
        if bits:
            lines["moves"] += [f"%bits{i} = mul i64 %first, {bits}", f"%bytes{i} = lshr i64 %bits{i}, 3"]
            lines["moves"] += [f"%b{i} = getelementptr i8, ptr %a{i}, i64 %bytes{i}"]
        passed.append(f"{KINDS[letter]} %{'n' if letter == 'n' else f'b{i}' if bits else f'a{i}'}")
    written = {which: "\n".join(f"  {line}" for line in some) for which, some in lines.items()}
    return _CHUNK.format(name=name, arguments=", ".join(passed), **written)


@lru_cache(maxsize=256)
def _chunks(arguments: str, moves: Moves) -> tuple[int, Any]:
    """That function's address, and how its job is packed."""
    packed = struct.Struct("=" + "q" * len(_HEAD) + "".join("d" if letter == "d" else "q" for letter in arguments))
    return linked("chunks", [arguments, moves], lambda name: source(name, arguments, moves)), packed.pack


def run(parallel: Any, kernel: Kernel, moves: Moves, values: Sequence[Any], step: int, team: int) -> None:
    """`kernel(*values)` in chunks of `step`, which a team of threads takes; see `split.py`."""
    function, pack = _chunks(kernel.arguments, moves)
    count = values[kernel.arguments.index("n")]
    job = ctypes.create_string_buffer(pack(kernel.address, 0, count, step, *values))
    parallel(function, ctypes.addressof(job), team, 0)
