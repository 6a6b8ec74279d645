"""The plan in words before it runs: how many runs, how long, what they will be able to tell."""

from __future__ import annotations

import math

from nonlin.comparison.judge import seeds_for
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.pilot import Pilot
from nonlin.comparison.plan import TUNING_RUNS, Plan
from nonlin.comparison.power import CHANCE, detectable, seeds_to_find
from nonlin.comparison.text import clock, counted, significant


def forecast(plan: Plan, workers: int, margin: float | None) -> list[str]:
    """A line each on the question, the weights, what runs, how long, the noise, and the differences that are found."""
    assert plan.pilot is not None
    pilot = Pilot.from_dict(dict(plan.pilot))
    family = len(plan.activations) - 1
    train, validation, test = plan.data["samples"]
    return [
        f"{counted(family, 'activation')} against {plan.baseline} on {plan.data['name']} "
        f"({train} training, {validation} validation, {test} test samples), test {_label(plan)}",
        f"weights: {plan.weights}",
        _runs(plan),
        _time(plan, pilot, workers),
        *_noise(plan, pilot),
        *_tells(plan, pilot, family, margin),
    ]


def _runs(plan: Plan) -> str:
    rates = ", ".join(significant(rate) for rate in plan.learning_rates)
    tuned = sum(len(plan.tuning(name)) for name in plan.activations)
    runs = f"{counted(plan.count, 'run')} of {counted(plan.epochs, 'epoch')}"
    final = f"{counted(plan.seeds, 'seed')} of each activation and of the control"
    if not tuned:
        return f"{runs}: {final}, at the learning rate {rates}"
    wider = TUNING_RUNS * len(plan.activations)
    return (f"{runs}: {tuned} choose learning rates ({rates}), then {final}; "
            f"up to {wider} more where a best rate lies at the edge")  # fmt: skip


def _time(plan: Plan, pilot: Pilot, workers: int) -> str:
    seconds = pilot.epoch_seconds * plan.epochs
    shared = f" by {workers} workers" if workers > 1 else ""
    return (f"about {clock(seconds * plan.count / workers)}{shared}: a run of {plan.baseline} takes "
            f"{clock(seconds) if seconds >= 1 else f'{1000 * seconds:.0f} ms'}")  # fmt: skip


def _noise(plan: Plan, pilot: Pilot) -> list[str]:
    if pilot.noise is None or pilot.noise_range is None:
        return [
            "noise: not known beforehand: runs of the baseline to measure it would take more than a tenth of the time"
        ]
    low, high = pilot.noise_range
    return [f"noise: two runs of {plan.baseline} under different seeds differ by {significant(pilot.noise, 2)} in test "
            f"{_label(plan)} (standard deviation, from {len(pilot.scores)} runs of {pilot.epochs} epochs at the rate "
            f"{significant(pilot.learning_rate)}, so between {significant(low, 2)} and "
            f"{significant(high, 2)})"]  # fmt: skip


def _tells(plan: Plan, pilot: Pilot, family: int, margin: float | None) -> list[str]:
    fewest = seeds_for(family)
    if plan.seeds < fewest:
        return [f"can decide nothing: the smallest p of {counted(plan.seeds, 'seed')} is "
                f"{significant(2.0 ** (1 - plan.seeds), 2)}, and {counted(family, 'comparison')} with {plan.baseline} "
                f"{'takes' if family == 1 else 'take'} at least {fewest} seeds"]  # fmt: skip
    if pilot.noise is None:
        found = detectable(plan.seeds, family, 1.0)
        return [f"can tell: a difference of {significant(found, 2)} standard deviations of that noise is found with a "
                f"chance of {CHANCE:.0%}"]  # fmt: skip
    found = detectable(plan.seeds, family, pilot.noise)
    lines = [f"can tell: a difference of {significant(found, 2)} in test {_label(plan)} is found with a chance of "
             f"{CHANCE:.0%}{_seeds_for_half(found, family, pilot.noise)}"]  # fmt: skip
    if margin is not None and 0 < margin < found:
        lines[0] += f"; one of the margin, {significant(margin, 2)}, {_seeds_for(margin, family, pilot.noise)}"
    return lines


def _seeds_for_half(found: float, family: int, noise: float) -> str:
    if not found or not math.isfinite(found):
        return ""
    return f"; one of {significant(found / 2, 2)} {_seeds_for(found / 2, family, noise)}"


def _seeds_for(effect: float, family: int, noise: float) -> str:
    seeds = seeds_to_find(effect, family, noise)
    return "takes more seeds than anyone has" if seeds is None else f"takes {seeds} seeds"


def _label(plan: Plan) -> str:
    return METRICS[plan.metric].label
