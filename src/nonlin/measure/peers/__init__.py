"""The libraries that nonlin is measured beside, each imported when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from shutil import which

from nonlin.measure.peers.library import Call, Function, Library, Named, named

__all__ = ["LIBRARIES", "OURS", "Call", "Function", "Library", "Named", "absent", "library", "named"]

_COMPILER = "a C++ compiler"  # which torch.compile calls
# Name to its class and what has to be installed. Ours come first, and NumPy's copy as a yardstick.
_PLACES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "nonlin numpy": ("numpy", "NonlinNumpy", ()),
    "nonlin numpy out": ("numpy", "NonlinNumpyOut", ()),
    "nonlin torch": ("torch", "NonlinTorch", ("torch",)),
    "copy": ("numpy", "Copy", ()),
    "torch": ("torch", "Torch", ("torch",)),
    "torch.compile": ("torch", "TorchCompile", ("torch", _COMPILER)),
    "jax": ("jax", "Jax", ("jax",)),
    "onnxruntime": ("onnxruntime", "OnnxRuntime", ("onnxruntime", "onnx")),
    "numexpr": ("numexpr", "Numexpr", ("numexpr",)),
    "numpy": ("numpy", "Numpy", ()),
}
LIBRARIES = tuple(_PLACES)
OURS = tuple(name for name in LIBRARIES if name.startswith("nonlin"))


def library(name: str) -> Library:
    """The library of that name, imported now."""
    module, kind, _ = _PLACES[name]
    return getattr(import_module(f"nonlin.measure.peers.{module}"), kind)()


def absent(names: Iterable[str] = LIBRARIES) -> dict[str, tuple[str, ...]]:
    """Of these libraries the ones that cannot be used here, with what they lack."""
    lacking = {name: tuple(part for part in _PLACES[name][2] if not _installed(part)) for name in names}
    return {name: parts for name, parts in lacking.items() if parts}


def _installed(part: str) -> bool:
    if part == _COMPILER:
        return any(which(program) for program in (os.environ.get("CXX", "g++"), "clang++", "cl"))
    return find_spec(part) is not None
