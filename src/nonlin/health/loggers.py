"""Numbers of each sampled step to TensorBoard, Weights & Biases and MLflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def log_to(logger: Any) -> Callable[[Any], None]:
    """What to call with a Health after each sampled step."""
    raise NotImplementedError
