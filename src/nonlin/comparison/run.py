"""Running a plan: every trial once, whoever trains, stopped and taken up again at any moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nonlin.comparison.interrupts import remembered_interrupts
from nonlin.comparison.ledger import Ledger, Outcome
from nonlin.comparison.plan import Plan, Trial
from nonlin.comparison.terminal import Progress
from nonlin.comparison.worker import WORST, Crew


@dataclass(frozen=True)
class Choice:
    """The learning rate of one activation, and whether it is the last of the widened range still."""

    rate: float
    at_edge: bool
    widened: bool
    curve: dict[float, float]  # rate -> validation score, nan where a run diverged


@dataclass(frozen=True)
class Results:
    """Everything that ran."""

    choices: dict[str, Choice]
    outcomes: dict[Trial, Outcome]


def run(plan: Plan, ledger: Ledger, progress: Progress, crew: Crew) -> Results:
    """Run what the ledger does not hold yet: tune each activation's rate, then the trials that count."""
    with remembered_interrupts() as check, crew:
        return _run(plan, progress, lambda trials: _completed(trials, ledger, progress, crew, check))


def _run(plan: Plan, progress: Progress, completed: Callable[[list[Trial]], dict[Trial, Outcome]]) -> Results:
    progress.begin(plan.count)
    tuned = completed([trial for name in plan.activations for trial in plan.tuning(name)])
    first = {name: _choice(plan, name, tuned) for name in plan.activations}
    wider = {name: plan.wider(choice.rate) for name, choice in first.items() if choice.at_edge}
    progress.begin(plan.count + sum(len(plan.tuning(name, (1.0,))) for name in wider))
    beyond = [t for name, rate in wider.items() if rate is not None for t in plan.tuning(name, (rate,))]
    tuned = completed(beyond)
    choices = {name: _choice(plan, name, tuned, wider.get(name)) for name in plan.activations}
    return Results(choices, completed(plan.final({name: choice.rate for name, choice in choices.items()})))


def _completed(
    trials: list[Trial], ledger: Ledger, progress: Progress, crew: Crew, check: Callable[[], None]
) -> dict[Trial, Outcome]:
    """Every outcome that there is, once that of each of these trials is among them."""
    ledger.add(trials)
    while True:
        outcomes = ledger.outcomes()
        progress.update(outcomes)
        if outcomes.keys() >= set(trials):
            return outcomes
        crew.step(check)


def _choice(plan: Plan, name: str, outcomes: Mapping[Trial, Outcome], wider: float | None = None) -> Choice:
    """The rate of the best validation score; the smaller one of equals."""
    rates = list(plan.learning_rates) if wider is None else sorted([*plan.learning_rates, wider])
    if len(plan.learning_rates) == 1:
        return Choice(rates[0], False, False, {})
    curve = {rate: _score([outcomes[t] for t in plan.tuning(name, (rate,))]) for rate in rates}
    ranked = sorted(rates, key=lambda rate: (-_finite(curve[rate]), rate))
    best = ranked[0]
    # Where all rates do equally badly, the first of them is not an edge that a wider range would move.
    alone = _finite(curve[best]) > _finite(curve[ranked[1]])
    return Choice(best, alone and best in (rates[0], rates[-1]), wider is not None, curve)


def _score(outcomes: list[Outcome]) -> float:
    """Mean validation score over the last quarter of the epochs: the best epoch would favour the most unsteady rate."""
    curves = [outcome["curves"]["validation"] for outcome in outcomes]
    diverged = any(outcome["diverged"] is not None for outcome in outcomes)
    return math.nan if diverged else float(np.mean([curve[-math.ceil(len(curve) / 4) :] for curve in curves]))


def _finite(score: float) -> float:
    return score if math.isfinite(score) else WORST
