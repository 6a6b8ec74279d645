"""What the examples share: scikit-learn's digits, accuracy, what watch says of all layers, options and figure."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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


def options(description: str | None, **numbers: tuple[int, str]) -> argparse.Namespace:
    """The command line: -o, --seeds, and whole numbers by name with their default and what they are. One thread."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, help="where to draw the figure")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ...")
    for name, (default, told) in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{told} (default {default})")
    torch.set_num_threads(1)
    return parser.parse_args()


def told(scores: list[float]) -> str:
    """The mean of the seeds, and the spread between them."""
    spread = f"({min(scores):.3f} ... {max(scores):.3f})"
    return f"{statistics.fmean(scores):.3f} {spread:18}"


def plot(axis: Any, label: str, curves: list[list[float]]) -> None:
    """The mean of the seeds' curves, by epoch."""
    epochs = range(1, len(curves[0]) + 1)
    axis.plot(epochs, torch.tensor(curves).mean(0), label=label)


@contextmanager
def figure(path: Path, unit: str) -> Iterator[Any]:
    """Two axes over epochs or tasks, written to the path afterwards."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    yield axes
    for axis in axes:
        axis.set_xlabel(unit)
        axis.grid(alpha=0.3)
    drawn.savefig(path, dpi=110)
    pyplot.close(drawn)
