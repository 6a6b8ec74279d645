"""What makes a run leave no trace beside the model: memory of its own, generators kept, gradients by a copy."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nonlin.surgery.torch import backward, is_tensor


def own_memory(value: Any) -> Any:
    """The example, for a model that writes into its input."""
    return value.detach().clone().requires_grad_(value.requires_grad) if is_tensor(value) else value


def set_training(model: Any, training: bool) -> None:
    """The mode, but for normalisation by the batch, which refuses a batch of one and calls no activation."""
    model.train(training)
    for module in model.modules():
        if "running_mean" in module._buffers:
            module.eval()


def gradient(outputs: Sequence[Any]) -> None:
    """The gradient of everything that has one, by the copy's own parameters."""
    total: Any = sum(t.float().sum() for t in outputs if t.requires_grad and t.is_floating_point())
    if is_tensor(total):
        backward(total)


@contextmanager
def generators_kept() -> Generator[None]:
    """Python's and NumPy's generators keep their state."""
    python, numpys = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)
