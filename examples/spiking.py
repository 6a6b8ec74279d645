"""A spiking network on scikit-learn's digits: what the surrogate of the spike's derivative is for, and which one.

    python examples/spiking.py -o spiking.png

Two hidden layers of 64 leaky integrate-and-fire neurons and a leaky readout, 20 steps an image. Needs the extras torch,
compare and plot; about half a minute on one core.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import torch
from digits import Split, digits, figure, options, plot, told
from torch import Tensor, nn
from torch.nn import functional as F

import nonlin as nl

STEPS = 20  # of time, through which an image is shown
DECAY = 0.9  # of a voltage from one step to the next
# The step is what a spike is without a surrogate: only the readout learns.
SPIKES = [nl.step, *(nl.spike.bind(surrogate=name) for name in nl.spike.definition.surrogates)]


class Integrators(nn.Module):
    """Leaky neurons: a voltage decays, takes the current in, loses 1 with each spike. Without `fires` it goes out."""

    def __init__(self, inputs: int, neurons: int, fires: nl.Activation | None = None):
        super().__init__()
        self.weights = nn.Linear(inputs, neurons)
        self.fires = fires

    def forward(self, series: Tensor) -> Tensor:
        """(steps, batch, inputs) to (steps, batch, neurons)"""
        out: list[Tensor] = []
        voltage = torch.zeros(())
        for current in self.weights(series):
            voltage = DECAY * voltage + current
            if self.fires is not None:
                spikes = self.fires(voltage - 1.0)
                voltage = voltage - spikes.detach()
            out.append(voltage if self.fires is None else spikes)
        return torch.stack(out)


class Network(nn.Module):
    def __init__(self, fires: nl.Activation, width: int):
        super().__init__()
        self.hidden = nn.ModuleList([Integrators(64, width, fires), Integrators(width, width, fires)])
        self.readout = Integrators(width, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, float]:
        """Scores, and how many of the hidden neurons fire in a step."""
        series, firing = images.expand(STEPS, *images.shape), 0.0
        for layer in self.hidden:
            series = layer(series)
            firing += series.mean().item() / len(self.hidden)
        return self.readout(series).mean(0), firing


@dataclass
class Run:
    """One training: test accuracy, and the share of neurons that fire in a step, after each epoch."""

    accuracy: list[float] = field(default_factory=list[float])
    firing: list[float] = field(default_factory=list[float])


def train(fires: nl.Activation, data: Split, epochs: int, seed: int, width: int) -> Run:
    torch.manual_seed(seed)
    model = Network(fires, width)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    run = Run()
    for _ in range(epochs):
        for batch in torch.randperm(len(data.x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(data.x[batch])[0], data.y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            scores, firing = model(data.test_x)
        run.accuracy.append((scores.argmax(1) == data.test_y).float().mean().item())
        run.firing.append(firing)
    return run


def table(runs: dict[str, list[Run]]) -> str:
    """Test accuracy after the last epoch, mean and spread over the seeds."""
    lines = ["surrogate               accuracy (seeds)          neurons that fire in a step"]
    for name, done in runs.items():
        scores = [run.accuracy[-1] for run in done]
        firing = statistics.fmean(run.firing[-1] for run in done)
        lines.append(f"{name:22}  {told(scores)}  {firing:.0%}")
    return "\n".join(lines)


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    with figure(path, "epoch") as axes:
        for name, done in runs.items():
            for axis, measured in zip(axes, ("accuracy", "firing"), strict=True):
                plot(axis, name, [getattr(run, measured) for run in done])
        axes[0].set(title="test accuracy", ylim=(0, 1.02))
        axes[1].set(title="share of neurons that fire in a step")
        axes[0].legend(frameon=False, fontsize="small")


def main() -> None:
    given = options(__doc__, epochs=(8, "in all"), width=(64, "of the hidden layers"))
    data = digits()
    runs = {str(f): [train(f, data, given.epochs, s, given.width) for s in range(given.seeds)] for f in SPIKES}
    print(f"digits, {STEPS} steps, {given.epochs} epochs, seeds 0 ... {given.seeds - 1}")
    print(table(runs))
    if given.out is not None:
        draw(runs, given.out)


if __name__ == "__main__":
    main()
