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

__all__ = ["gain", "init_", "layer", "lean", *NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return class_of(NAMES[name])


def __dir__() -> list[str]:
    return sorted(__all__)
