"""Machine code as functions to call: linked from object code, which is kept on disk.

A warm process compiles nothing: the key of a function is made of what it is of, such as a formula's
text, and of what the code depends on, not of the code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from nonlin.backends.kernels import store

_PRINTED_BY = ("bounds.py", "expressions.py", "printer.py", "target.py")
# of this folder: they keep, call and split kernels
_NOT_COMPUTING = ("builtin", "cells", "link", "load", "openmp", "pool", "split", "store")


def target_machine() -> Any:
    """What LLVM knows of this machine, a new one: an engine owns its own."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(name, features, opt=3, jit=True)


class _Linker:
    """LLVM's engine, made when the first function is."""

    def __init__(self) -> None:
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())

    def address(self, code: bytes, symbol: str) -> int:
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        return self.engine.get_function_address(symbol)


_linker = lru_cache(maxsize=1)(_Linker)


@lru_cache(maxsize=2)
def source_digest(every: bool = False) -> str:
    """Of all source that decides what a kernel computes for a given formula; of what calls kernels too with `every`."""
    here = Path(__file__).parent
    files = [file for file in here.glob("*.py") if every or file.stem not in _NOT_COMPUTING]
    files += [*(here.parent / name for name in _PRINTED_BY), *here.parents[1].glob("language/*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _surroundings() -> str:
    """What machine code depends on beside what it is of: the source, LLVM, and the CPU."""
    features = ",".join(sorted(k for k, v in llvm.get_host_cpu_features().items() if v))
    return "|".join([source_digest(every=True), version("llvmlite"), llvm.get_host_cpu_name(), features])


def key_of(*parts: Any) -> str:
    """Under which something of these parts is kept."""
    return hashlib.sha256(json.dumps([_surroundings(), *parts]).encode()).hexdigest()[:40]


def linked(kind: str, parts: Sequence[Any], source: Callable[[str], str]) -> int:
    """The address of the function `source(name)`, in LLVM's language: kept on disk by what it is of, else made now."""
    key = key_of(kind, *parts)
    name, code = f"{kind}_{key}", store.load(key)
    if code is None:
        code = _compiled(source(name))
        store.save(key, code)
    return _linker().address(code, name)


def _compiled(text: str) -> bytes:
    """Object code, for this processor alone."""
    module, machine = llvm.parse_assembly(text), target_machine()
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return machine.emit_object(module)
