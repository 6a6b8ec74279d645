"""What a trainer is given, of whichever framework, and how it scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.comparison.data import Data, Part
from nonlin.comparison.metrics import Metric
from nonlin.errors import DataError

PROBED = 4  # samples that a model is tried on before the plan
SAMPLE = 2048  # training samples that health is measured on

Array = np.ndarray[Any, Any]


@dataclass
class Setting:
    """The same for every trial: data that is loaded once, the metric, the activations by name, and how long."""

    data: Data
    metric: Metric
    activations: dict[str, Activation]
    epochs: int
    batch_size: int
    device: str = field(default="cpu", kw_only=True)

    def score(self, output: Array, part: str) -> float:
        """The metric on a part, from a model's outputs for it; nan where they are not finite."""
        truth: Part = getattr(self.data, part)
        if not np.isfinite(output).all():
            return math.nan
        if self.data.task == "classification":
            return self.metric.of(truth.y, output.argmax(-1))
        mean, deviation = self.data.target_scale
        return self.metric.of(truth.y, output.reshape(-1).astype(np.float64) * deviation + mean)

    def targets(self, part: str) -> Array:
        """What a model learns to give: codes of classes, or the target standardised by the training part."""
        y = getattr(self.data, part).y
        if self.data.task == "classification":
            return y
        mean, deviation = self.data.target_scale
        return (y - mean) / (deviation or 1.0)

    def check_outputs(self, shape: tuple[int, ...], samples: int) -> None:
        """Raise DataError unless a model's outputs for so many samples have the shape that the targets need."""
        expected = (samples, self.data.outputs)
        if shape != expected and not (self.data.outputs == 1 and shape == expected[:1]):
            raise DataError(f"output shape of the model: {shape}: {samples} samples need {expected}")
