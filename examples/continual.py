"""Fifty tasks one after the other: units go dormant and the accuracy falls; revived after each task, it stays.

    python examples/continual.py -o continual.png

Permuted digits (Dohare et al. 2024, Nature 632, in small): every task has the pixels in another order, and the same
network learns on. Three hidden layers of 64, Adam. Needs the extras torch, compare and plot; below two minutes on one
core.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import torch
from digits import Split, accuracy, digits, figure, network, options, shares
from torch.nn import functional as F

import nonlin as nl

RATE, BATCH, EPOCHS = 0.01, 32, 3
ARMS = ("as it is", "revive")


@dataclass
class Run:
    """Test accuracy on each task at its end, and the shares of dead and dormant units then."""

    accuracy: list[float] = field(default_factory=list[float])
    dead: list[float] = field(default_factory=list[float])
    dormant: list[float] = field(default_factory=list[float])
    revived: int = 0


def train(arm: str, data: Split, tasks: int, seed: int, epochs: int = EPOCHS) -> Run:
    torch.manual_seed(seed)
    orders = torch.Generator().manual_seed(seed)
    model = network(3, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    run = Run()
    with nl.watch(model, optimizer, every=10) as health:
        for _ in range(tasks):
            order = torch.randperm(64, generator=orders)
            x, test_x = data.x[:, order], data.test_x[:, order]
            model.train()
            for _ in range(epochs):
                for batch in torch.randperm(len(x)).split(BATCH):
                    optimizer.zero_grad()
                    F.cross_entropy(model(x[batch]), data.y[batch]).backward()
                    optimizer.step()
            run.accuracy.append(accuracy(model, test_x, data.test_y))
            dead, dormant = shares(health)
            run.dead.append(dead)
            run.dormant.append(dormant)
            if arm == "revive":
                run.revived += health.revive().units
    return run


def table(runs: dict[str, list[Run]], tasks: int) -> str:
    """Means over the seeds, of the tasks of each fifth."""
    step = max(tasks // 5, 1)
    lines = [f"{'':12}{'tasks':>10}{'accuracy':>11}{'lowest seed':>14}{'dead':>8}{'dormant':>10}"]
    for arm, done in runs.items():
        for start in range(0, tasks, step):
            part = slice(start, start + step)
            scores = [statistics.fmean(run.accuracy[part]) for run in done]
            dead, dormant = (
                statistics.fmean(v for run in done for v in getattr(run, k)[part]) for k in ("dead", "dormant")
            )
            place = f"{start + 1}-{min(start + step, tasks)}"
            mean = statistics.fmean(scores)
            lines.append(f"{arm:12}{place:>10}{mean:11.3f}{min(scores):14.3f}{dead:8.0%}{dormant:10.0%}")
    revived = [run.revived for run in runs["revive"]]
    return "\n".join([*lines, f"revived units of 192: {', '.join(map(str, revived))} in all tasks"])


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    with figure(path, "task") as axes:
        for axis, name, title in zip(axes, ("accuracy", "dormant"), ("test accuracy", "dormant units"), strict=True):
            for arm, done in runs.items():
                curves = torch.tensor([getattr(run, name) for run in done])
                tasks = range(1, curves.shape[1] + 1)
                (line,) = axis.plot(tasks, curves.mean(0), label=arm)
                axis.fill_between(tasks, curves.amin(0), curves.amax(0), color=line.get_color(), alpha=0.15)
            axis.set(title=f"{title} (band: the seeds)")
        axes[0].legend(frameon=False)


def main() -> None:
    given = options(__doc__, tasks=(50, "one after the other"))
    data = digits()
    runs = {arm: [train(arm, data, given.tasks, seed) for seed in range(given.seeds)] for arm in ARMS}
    print(f"permuted digits, lr {RATE}, {EPOCHS} epochs a task, seeds 0 ... {given.seeds - 1}")
    print(table(runs, given.tasks))
    if given.out is not None:
        draw(runs, given.out)


if __name__ == "__main__":
    main()
