"""Formula to running code, one file a target, and which of them an array belongs to.

A framework is never imported to ask: an array of its can only exist once the framework is in `sys.modules`.
Every backend has `evaluate(formula, orders, x, parameters)`, which returns the kind of array that x is.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_HOME = {"torch": "torch", "jax": "jax", "jaxlib": "jax", "keras": "keras", "tensorflow": "keras", "cupy": "cupy"}


def of(*arrays: Any) -> ModuleType:
    """The backend of the first argument that belongs to a framework; NumPy's where none does."""
    for array in arrays:
        name = _name(type(array))
        if name is not None:
            return _backend(name)
    return _backend("numpy")


class _Loaded:
    """The backends that have been used, as attributes."""


_loaded = _Loaded()


def _backend(name: str) -> ModuleType:
    _load(name)
    return getattr(_loaded, name)


def _load(name: str) -> None:
    if not hasattr(_loaded, name):
        setattr(_loaded, name, import_module(f"nonlin.backends.{name}"))


# A compiler that traces the call (Dynamo) is to run this as it stands, for it cannot trace an import.
_load._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]


def _name(kind: type) -> str | None:
    for base in kind.__mro__[:-1]:
        home = _HOME.get(base.__module__.partition(".")[0])
        if home is not None:
            return home
    jax = sys.modules.get("jax")
    if jax is not None and issubclass(kind, jax.core.Tracer):
        return "jax"
    return None
