"""A learning rate that kills ReLUs: when watch says so, when the accuracy does, and what mends it.

    python examples/dying_relu.py -o dying_relu.png

Four hidden layers of 128 on scikit-learn's digits, Adam. Needs the extras torch, compare and plot; about a minute on
one core.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import torch
from digits import Split, accuracy, digits, figure, network, options, plot, shares, told
from torch.nn import functional as F

import nonlin as nl

HIGH, LOW = 0.05, 0.002  # learning rates
MENDED = 4  # epochs at the high one before something is done
# What is done then: the learning rate from there on, and what else.
ARMS: dict[str, tuple[float, str]] = {
    "nothing": (HIGH, ""),
    "revive, high rate": (HIGH, "revive"),
    "lower rate": (LOW, ""),
    "lower rate, leaky_relu": (LOW, "swap"),
    "lower rate, revive": (LOW, "revive"),
    "lower rate from the start": (LOW, "start"),
}


@dataclass
class Run:
    """One training: test accuracy and share of dead units after each epoch."""

    accuracy: list[float] = field(default_factory=list[float])
    dead: list[float] = field(default_factory=list[float])
    warned: list[int] = field(default_factory=list[int])  # steps at which watch found most units of a layer dead


def train(arm: str, data: Split, epochs: int, seed: int, width: int = 128) -> Run:
    rate, remedy = ARMS[arm]
    torch.manual_seed(seed)
    model = network(4, width)
    optimizer = torch.optim.Adam(model.parameters(), lr=LOW if remedy == "start" else HIGH)
    run = Run()

    def warned(health: nl.health.Health) -> None:
        if any(f.kind == "dead" and f.severity == "alarm" for f in health.findings):
            run.warned.append(health.step)

    health = nl.watch(model, optimizer, every=2).on_sample(warned).start()
    for epoch in range(epochs):
        if epoch == MENDED:
            optimizer.param_groups[0]["lr"] = rate
            if remedy == "revive":
                health.revive()
            elif remedy == "swap":
                health.stop()
                nl.swap(model, {"relu": "leaky_relu"}, example_inputs=data.x[:2])
                health = nl.watch(model, optimizer, every=2).on_sample(warned).start()
        model.train()
        for batch in torch.randperm(len(data.x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(data.x[batch]), data.y[batch]).backward()
            optimizer.step()
        run.accuracy.append(accuracy(model, data.test_x, data.test_y))
        run.dead.append(shares(health)[0])
    health.stop()
    return run


def table(runs: dict[str, list[Run]]) -> str:
    """Test accuracy, mean over the seeds of each one's last three epochs, and the spread between seeds."""
    lines = ["after four epochs             accuracy (seeds)          dead at the end   first alarm at step"]
    for arm, done in runs.items():
        scores = [statistics.fmean(run.accuracy[-3:]) for run in done]
        steps = ", ".join(str(run.warned[0]) if run.warned else "-" for run in done)
        dead = statistics.fmean(run.dead[-1] for run in done)
        lines.append(f"{arm:28}  {told(scores)}  {dead:15.0%}   {steps}")
    return "\n".join(lines)


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    with figure(path, "epoch") as axes:
        for arm, done in runs.items():
            for axis, name in zip(axes, ("accuracy", "dead"), strict=True):
                plot(axis, arm, [getattr(run, name) for run in done])
        for axis, title in zip(axes, ("test accuracy", "dead units, share of all"), strict=True):
            axis.axvline(MENDED + 0.5, color="grey", linewidth=0.8, linestyle=":")
            axis.set(title=title, ylim=(0, 1.02))
        axes[1].legend(frameon=False, fontsize="small")


def main() -> None:
    given = options(__doc__, epochs=(16, "in all"), width=(128, "of the hidden layers"))
    data = digits()
    runs = {arm: [train(arm, data, given.epochs, s, given.width) for s in range(given.seeds)] for arm in ARMS}
    print(f"digits, lr {HIGH} ({LOW} lower), {given.epochs} epochs, seeds 0 ... {given.seeds - 1}")
    print(table(runs))
    if given.out is not None:
        draw(runs, given.out)


if __name__ == "__main__":
    main()
