"""What the examples share: scikit-learn's digits, accuracy, and what watch says of all layers together."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import nn

import nonlin as nl


class Split(NamedTuple):
    """1297 images for training and 500 for the test, pixels in 0 ... 1."""

    x: torch.Tensor
    y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor


def digits() -> Split:
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(x / 16, dtype=torch.float32)[order], torch.tensor(y)[order]
    return Split(x[:1297], y[:1297], x[1297:], y[1297:])


def network(hidden: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(hidden):
        layers += [nn.Linear(width if i else 64, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return (model.eval()(x).argmax(1) == y).float().mean().item()


def shares(health: nl.health.Health) -> tuple[float, float]:
    """Of dead and of dormant units, mean over the layers of their latest windows."""
    last = [layer.windows[-1] for layer in health.record.ordered if layer.windows]
    if not last:
        return 0.0, 0.0
    return statistics.fmean(w.dead_share for w in last), statistics.fmean(w.dormant_share() for w in last)
