"""Callbacks that watch a model while a framework's own trainer trains it; each loads its framework when first used.

    from nonlin.callbacks import Lightning, HuggingFace, Keras

    lightning.pytorch.Trainer(callbacks=[Lightning(every=25, report="health.html")])
    transformers.Trainer(..., callbacks=[HuggingFace(every=25)])
    model.fit(x, y, callbacks=[Keras(x_probe, y_probe)])

After the training `callback.health` has the findings and the report.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nonlin.errors import MissingExtra

if TYPE_CHECKING:
    from nonlin.health.huggingface import HuggingFace
    from nonlin.health.keras import Keras
    from nonlin.health.lightning import Lightning

__all__ = ["HuggingFace", "Keras", "Lightning"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = globals()[name] = getattr(import_module(f"nonlin.health.{name.lower()}"), name)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise MissingExtra(f"{__name__}.{name} needs a package that is not installed: {package}: install it") from None
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
