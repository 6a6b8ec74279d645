"""Formula to running code, one file a target, and which of them an array belongs to.

A framework is never imported to ask: an array of its can only exist once the framework is in `sys.modules`.
Every backend has `evaluate(formula, orders, x, parameters)`, which returns the kind of array that x is.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonlin.language.formula import Formula, Orders

_HOME = {"torch": "torch", "jax": "jax", "jaxlib": "jax", "keras": "keras", "tensorflow": "keras", "cupy": "cupy"}


def of(*arrays: object) -> ModuleType:
    """The backend of the first argument that belongs to a framework; NumPy's where none does."""
    for array in arrays:
        name = _loaded_for(type(array))
        if name != "numpy":
            return getattr(_loaded, name)
    return of_class(object)


def of_class(kind: type) -> ModuleType:
    """The backend of arguments of that class."""
    return getattr(_loaded, _loaded_for(kind))


def bound(backend: ModuleType, formula: Formula, orders: Orders, parameters: tuple[float, ...]) -> Callable[[Any], Any]:
    """`evaluate` as a function of x alone: the backend's own, if it has one that is faster."""
    if hasattr(backend, "Bound"):
        return backend.Bound(formula, orders, parameters).__call__  # the method is called sooner than its object
    return lambda x: backend.evaluate(formula, orders, x, parameters)


class _Loaded:
    """The backends that have been used, as attributes."""


_loaded = _Loaded()
_names: dict[type, str] = {}


def _loaded_for(kind: type) -> str:
    """The backend of arguments of that class, which is loaded when the first one comes."""
    if kind not in _names:
        homes = (_HOME.get(base.__module__.partition(".")[0]) for base in kind.__mro__)
        name = next(filter(None, homes), "numpy")
        setattr(_loaded, name, import_module(f"nonlin.backends.{name}"))
        _names[kind] = name
    return _names[kind]


# A compiler that traces the call (Dynamo) is to run this as it stands, for it cannot trace an import.
_loaded_for._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
