"""Models, what kills units of them, and a short training."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nonlin as nl

DEAD = (1, 4, 5)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


class Net(nn.Module):
    """Layers a, b, ... and a forward over them."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.run = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def mlp(activation: Any = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 12), activation(), nn.Linear(12, 12), activation(), nn.Linear(12, 3))


def functional() -> nn.Module:
    return Net(lambda m, x: m.c(m.b(F.dropout(m.a(x).relu_(), 0.5, m.training)).clamp(min=0)),
               a=nn.Linear(8, 12), b=nn.Linear(12, 12), c=nn.Linear(12, 3))  # fmt: skip


def conv() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 7, 2, padding=1, padding_mode="circular"), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(28, 12), nn.ReLU(), nn.Linear(12, 3)),
    )


def normalised() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 2)),
        *(nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
    )


def average() -> nn.Module:
    """Positions averaged by hand, in the middle of a permutation."""
    return Net(
        lambda m, x: m.b(m.a(x).relu().permute(0, 2, 3, 1).mean((1, 2))), a=nn.Conv2d(2, 8, 3), b=nn.Linear(8, 3)
    )


def block() -> nn.Module:
    """A transformer's: normalisation and a sum around the two layers, none between."""
    return Net(lambda m, x: m.out(x + m.b(F.gelu(m.a(m.norm(x))))), norm=nn.LayerNorm(8), a=nn.Linear(8, 12),
               b=nn.Linear(12, 8), out=nn.Linear(8, 3))  # fmt: skip


MODELS = {
    "mlp": mlp,
    "functional": functional,
    "conv": conv,
    "normalised": normalised,
    "average": average,
    "block": block,
}


def killed(model: nn.Module, names: list[str], bias: float = -1e3) -> tuple[int, ...]:
    """Units whose pre-activation is `bias` on all data, the same in each of these layers: which ones."""
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name in names:
            layer: Any = modules[name]
            layer.weight[list(DEAD)] = 0
            layer.bias += 1.0  # the others are alive
            layer.bias[list(DEAD)] = bias
    return DEAD


def trained(model: nn.Module, x: Tensor, optimizer: Any = None, steps: int = 8, **options: Any) -> Any:
    """Health after some steps at the learning rate 1e-4."""
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
    y = torch.arange(len(x)) % 3
    with nl.watch(model, optimizer, every=1, **options) as health:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return health


@pytest.fixture
def net() -> type[Net]:
    return Net


@pytest.fixture
def models() -> dict[str, Any]:
    """Builders, by name."""
    return MODELS


@pytest.fixture
def kill() -> Any:
    return killed


@pytest.fixture(name="trained")
def trained_fixture() -> Any:
    return trained
