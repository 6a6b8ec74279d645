"""nonlin: every activation function once, as a formula, and everything else made from it.

>>> import nonlin as nl
>>> nl.relu([1, -2, 3])
array([1, 0, 3])
>>> nl.get("leaky_relu(negative_slope=0.2)").derivative(-1.0)
0.2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonlin.activation import Activation
    from nonlin.backends.kernels.pool import set_threads
    from nonlin.comparison import Comparison, compare
    from nonlin.explore import plot
    from nonlin.health import Health, watch
    from nonlin.registry import catalog, define, get
    from nonlin.surgery import activations, swap

__version__ = "0.1.0"
__all__ = [
    "Activation",
    "Comparison",
    "Health",
    "activations",
    "catalog",
    "compare",
    "define",
    "get",
    "plot",
    "set_threads",
    "swap",
    "watch",
]

_HOME = {
    "Activation": "activation",
    "Comparison": "comparison",
    "Health": "health",
    "activations": "surgery",
    "catalog": "registry",
    "compare": "comparison",
    "define": "registry",
    "get": "registry",
    "plot": "explore",
    "set_threads": "backends.kernels.pool",
    "swap": "surgery",
    "watch": "health",
}
_DOORS = ("torch", "keras", "flax", "callbacks")


def __getattr__(name: str) -> Any:
    """Public names and activations, loaded when first used: `import nonlin` itself loads nothing."""
    if name in _DOORS:
        return import_module(f"nonlin.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'nonlin' has no attribute {name!r}")
    if name not in _HOME:
        registry = import_module("nonlin.registry")
        found = registry.attribute(name)
        if found.name in registry.catalog:  # what the user has defined may be defined again
            globals()[name] = found
        return found
    value = globals()[name] = getattr(import_module(f"nonlin.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_DOORS, *import_module("nonlin.registry").catalog])
