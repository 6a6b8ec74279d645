"""Layers for PyTorch, and what makes a model of them train well: less memory (`lean`), a gain that fits (`init_`).

>>> from nonlin.torch import LeakyReLU
>>> LeakyReLU(0.2)
LeakyReLU(negative_slope=0.2)
"""

from __future__ import annotations

from typing import Any

from nonlin.torch.classes import NAMES, class_of, layer
from nonlin.torch.initialisation import gain, init_
from nonlin.torch.saving import lean

_LAYERS = NAMES
__all__ = ["gain", "init_", "layer", "lean", *_LAYERS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _LAYERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return class_of(_LAYERS[name])


def __dir__() -> list[str]:
    return sorted(__all__)
