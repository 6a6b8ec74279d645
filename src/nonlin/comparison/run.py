"""Running a plan: every trial once, in one process, stopped and taken up again at any moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nonlin.comparison.interrupts import remembered_interrupts
from nonlin.comparison.ledger import Ledger, Outcome
from nonlin.comparison.plan import Plan, Trial
from nonlin.comparison.terminal import Progress

Train = Callable[[Trial], Outcome]
WORST = -1e300  # what the ledger holds for a score that is not finite: Optuna takes nan for a failed trial


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


def run(plan: Plan, train: Train, ledger: Ledger, progress: Progress) -> Results:
    """Run what the ledger does not hold yet: tune each activation's rate, then the trials that count."""
    with remembered_interrupts() as check:
        return _run(plan, ledger, progress, lambda: _work(ledger, train, progress, check))


def _run(plan: Plan, ledger: Ledger, progress: Progress, work: Callable[[], None]) -> Results:
    progress.begin(plan.count)
    for name in plan.activations:
        ledger.add(plan.tuning(name))
    work()
    first = {name: _choice(plan, name, ledger.outcomes()) for name in plan.activations}
    wider = {name: plan.wider(choice.rate) for name, choice in first.items() if choice.at_edge}
    for name, rate in wider.items():
        if rate is not None:
            ledger.add(plan.tuning(name, (rate,)))
    progress.begin(plan.count + sum(len(plan.tuning(name, (1.0,))) for name in wider))
    work()
    choices = {name: _choice(plan, name, ledger.outcomes(), wider.get(name)) for name in plan.activations}
    wanted = plan.final({name: choice.rate for name, choice in choices.items()})
    ledger.add(wanted)
    work()
    return Results(choices, ledger.outcomes())


def _work(ledger: Ledger, train: Train, progress: Progress, check: Callable[[], None]) -> None:
    progress.update(ledger.outcomes())
    while (taken := ledger.take()) is not None:
        number, trial = taken
        outcome = train(trial)
        check()
        score = outcome["score_validation" if trial.role == "tuning" else "score_test"]
        ledger.finish(number, outcome, WORST if score is None else score)
        progress.update(ledger.outcomes())


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
