"""Kernels as functions to call: linked from object code, which is kept on disk, and chosen by how exact they are.

A warm process compiles nothing and needs no Numba: the key of a kernel is made of the formula's text and what the code
depends on, not of the code. A kernel is called with addresses, through ctypes.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm

from nonlin.backends.kernels import store
from nonlin.language.formula import Formula, Orders


class Kernel(NamedTuple):
    """A compiled loop, to be called in two ways."""

    holding: Callable[..., int]  # keeps the GIL: giving it up and taking it again is more work than a small array
    releasing: Callable[..., int]  # lets other Python threads run meanwhile


_PRINTED_BY = ("expressions.py", "printer.py", "target.py")
# of this folder: they keep, call and split kernels
_NOT_COMPUTING = ("cells.py", "disjoint.py", "load.py", "pool.py", "store.py")
_NOTHING = ctypes.create_string_buffer(64)  # Numba's functions return a status through two more pointers
_SPARE = ctypes.addressof(_NOTHING)


class _Linker:
    """LLVM's engine, made when the first kernel is."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)

    def address(self, code: bytes, symbol: str) -> int:
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        return self.engine.get_function_address(symbol)


_linker = lru_cache(maxsize=1)(_Linker)


@lru_cache(maxsize=2)
def source_digest(every: bool = False) -> str:
    """Of all source that decides what a kernel computes for a given formula; of what calls kernels too with `every`."""
    here = Path(__file__).parent
    files = [file for file in here.glob("*.py") if every or file.name not in _NOT_COMPUTING]
    files += [*(here.parent / name for name in _PRINTED_BY), *here.parents[1].glob("language/*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _surroundings() -> str:
    """What a kernel depends on beside its formula: the source, Numba, and the CPU."""
    features = ",".join(sorted(k for k, v in llvm.get_host_cpu_features().items() if v))
    return "|".join(
        [source_digest(every=True), version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), features]
    )


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps([_surroundings(), *parts]).encode()).hexdigest()[:40]


def _described(formula: Formula, orders: Orders) -> list[Any]:
    parameters = [[p.name, p.default, p.constraint] for p in formula.parameters]
    return [formula.text, parameters, formula.kinks, list(orders)]


@lru_cache(maxsize=4096)
def kernel(
    formula: Formula, orders: Orders, dtype: str, arrays: tuple[bool, ...], default: bool, gradient: bool = False
) -> Kernel:
    """`kernel(x, [grad,] out, n, *parameters)`, with addresses of contiguous memory; not to be run in place.

    `dtype` is float32, float64, float16 or bfloat16; parameters are numbers, or addresses of float64 arrays of n
    elements where `arrays` says so; `default` says whether they all have their default values. With `gradient` the
    result is grad times the derivative.
    """
    grade = "double" if dtype == "float64" else "single" if is_exact(formula, orders, default) else "mixed"
    return _linked(formula, orders, dtype, grade, arrays, gradient, default)


@lru_cache(maxsize=4096)
def _linked(
    formula: Formula,
    orders: Orders,
    dtype: str,
    grade: str,
    arrays: tuple[bool, ...],
    gradient: bool = False,
    default: bool = False,
) -> Kernel:
    def compiled(name: str) -> tuple[bytes, str]:
        from nonlin.backends.kernels.compile import object_code  # imports Numba

        return object_code(name, formula, orders, dtype, grade, arrays, gradient, default)

    parts = [*_described(formula, orders), dtype, grade, list(arrays), gradient, default]
    kinds = [ctypes.c_void_p if array else ctypes.c_double for array in arrays]
    return linked("kernel", parts, compiled, [ctypes.c_void_p] * (2 + gradient) + [ctypes.c_int64] + kinds)


def linked(
    kind: str, parts: Sequence[Any], compiled: Callable[[str], tuple[bytes, str]], arguments: Sequence[Any]
) -> Kernel:
    """A compiled loop of these ctypes arguments: kept on disk by what it is made of, else made now.

    `compiled(name)` gives its object code and symbol; the name is the loop's alone.
    """
    key = _key(kind, *parts)
    kept = store.load(key)
    if kept is None:
        code, symbol = compiled(f"{kind}_{key}")
        store.save(key, symbol.encode() + b"\0" + code)
    else:
        name, _, code = kept.partition(b"\0")
        symbol = name.decode()
    signature = (ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *arguments)
    address = _linker().address(code, symbol)
    kinds = ctypes.PYFUNCTYPE, ctypes.CFUNCTYPE
    return Kernel(*(partial(kind(*signature)(address), _SPARE, _SPARE) for kind in kinds))


@lru_cache(maxsize=4096)
def cost(formula: Formula, orders: Orders) -> float:
    """About how many nanoseconds an element takes on one thread: enough to say whether a second one pays."""
    return 0.1 if _is_ramp(formula) else 0.4 * (1 + sum(orders))


def _is_ramp(formula: Formula) -> bool:
    return "(" not in formula.text.replace("max(", "").replace("min(", "").replace("abs(", "")


@lru_cache(maxsize=4096)
def is_exact(formula: Formula, orders: Orders, default: bool, half: bool = False) -> bool:
    """Whether float32 arithmetic keeps the promise, or that for half precision, as tried once here: see `trial.py`."""
    if sum(orders) > 1 or sum(orders[1:]):
        return False
    key = _key("exact", *_described(formula, orders), default, half)
    kept = store.load(key)
    if kept is not None:
        return kept == b"exact"
    from nonlin.backends.kernels.trial import tried

    exact = tried(formula, orders, _linked, default, half)
    store.save(key, b"exact" if exact else b"not exact")
    return exact
