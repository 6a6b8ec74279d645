"""Which framework a user's model is of, and what trains it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from nonlin.activation import Activation
from nonlin.comparison.builders import takes_activation
from nonlin.comparison.data import Data
from nonlin.comparison.extras import require
from nonlin.comparison.metrics import Metric
from nonlin.comparison.plan import Trial
from nonlin.errors import DataError, ParameterError

if TYPE_CHECKING:
    from nonlin.comparison.store import Checkpoint
    from nonlin.comparison.torch_models import Init

INITS = ("gain", "model")


class Train(Protocol):
    """Trains one trial at a time on its device, from its checkpoint; other processes have it as bytes.

    `probed` builds a model with an activation, tries it and gives it as text.
    """

    activations: dict[str, Activation]
    epochs: int
    device: str

    @property
    def frameworks(self) -> tuple[str, ...]: ...

    @property
    def weights(self) -> str: ...

    def __call__(self, trial: Trial, checkpoint: Checkpoint | None = None) -> dict[str, Any]: ...

    def probed(self, name: str) -> str: ...


def trainer_of(
    make_model: Any,
    data: Data,
    metric: Metric,
    activations: Mapping[str, Activation],
    baseline: str,
    init: Init,
    epochs: int,
    batch_size: int,
) -> Train:
    """The trainer of the model's framework. Raises DataError for a model or a builder that cannot be used."""
    if init not in INITS:
        raise ParameterError(f"init: {init!r}: give 'gain' or 'model'")
    base = activations[baseline]
    setting: dict[str, Any] = {
        "data": data,
        "metric": metric,
        "activations": dict(activations),
        "epochs": epochs,
        "batch_size": batch_size,
    }
    if _is_of("keras", make_model) or _builds_keras(make_model, base):
        return _with_keras(make_model, init, base, setting)
    try:
        return _with_torch(make_model, init, base, setting)
    except DataError:
        if _builds_keras(make_model, base):  # the function itself has been the first to import Keras
            return _with_keras(make_model, init, base, setting)
        raise


def _with_torch(*given: Any) -> Train:
    require("torch")

    from nonlin.comparison.training import trainer

    return trainer(*given)


def _with_keras(*given: Any) -> Train:
    from nonlin.comparison.keras_training import trainer

    return trainer(*given)


def _is_of(package: str, model: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == package for kind in type(model).__mro__)


def _builds_keras(make_model: Any, base: Activation) -> bool:
    """Whether a function builds a Keras model from Keras' layers; where it raises, whether its file is about Keras."""
    if "keras" not in sys.modules or make_model is None or _is_of("torch", make_model):
        return False
    from nonlin.comparison.keras_models import KerasSource

    try:
        return _is_of("keras", make_model(KerasSource(base)) if takes_activation(make_model) else make_model())
    except Exception:
        modules = {str(getattr(v, "__name__", "")) for v in getattr(make_model, "__globals__", {}).values()}
        return "keras" in modules and "torch" not in modules
