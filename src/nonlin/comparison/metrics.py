"""Scores by their scikit-learn names; a greater score is always the better one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nonlin.errors import DataError, nearest

if TYPE_CHECKING:
    import numpy as np

UNEVEN = 4.0  # samples of the most frequent class for one of the rarest
Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Metric:
    """A score. `floor` is the worst that it can be, None where it has no bound."""

    name: str
    task: Task
    floor: float | None
    function: str  # in sklearn.metrics
    sign: int = 1
    average: str | None = None

    @property
    def label(self) -> str:
        """How tables and figures call it."""
        return self.name.replace("_", " ")

    def of(self, truth: np.ndarray[Any, Any], prediction: np.ndarray[Any, Any]) -> float:
        """The score of predictions: class codes, or values in the units of the target."""
        import sklearn.metrics

        function: Callable[..., float] = getattr(sklearn.metrics, self.function)
        settings = {"average": self.average, "zero_division": 0.0} if self.average else {}
        return self.sign * float(function(truth, prediction, **settings))


METRICS = {
    m.name: m
    for m in (
        Metric("accuracy", "classification", 0.0, "accuracy_score"),
        Metric("balanced_accuracy", "classification", 0.0, "recall_score", average="macro"),
        Metric("f1_macro", "classification", 0.0, "f1_score", average="macro"),
        Metric("r2", "regression", None, "r2_score"),
        Metric("neg_root_mean_squared_error", "regression", None, "root_mean_squared_error", -1),
        Metric("neg_mean_absolute_error", "regression", None, "mean_absolute_error", -1),
    )
}


def metric_named(name: str) -> Metric:
    """The metric of that name; DataError with the nearest names otherwise."""
    if name not in METRICS:
        known = nearest(str(name), METRICS) or "choose one of " + ", ".join(METRICS)
        raise DataError(f"unknown metric: {name!r}: {known}")
    return METRICS[name]


def default_metric(task: Task, imbalance: float = 1.0) -> Metric:
    """R squared for numbers; accuracy for classes, balanced where one is four times as frequent as another: there the
    plain one is high for a model that always says the frequent class."""
    if task == "regression":
        return METRICS["r2"]
    return METRICS["accuracy" if imbalance < UNEVEN else "balanced_accuracy"]
