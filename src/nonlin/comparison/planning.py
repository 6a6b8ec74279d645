"""From what is asked to the plan: a pilot, what fits into the time that there is, and what is said before it runs."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nonlin.comparison.budget import Scope, fitted, seconds_of
from nonlin.comparison.pilot import Pilot, pilot
from nonlin.comparison.plan import Plan
from nonlin.comparison.trainers import Train

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
EPOCHS, SEEDS = 20, 10


@dataclass(frozen=True)
class Asked:
    """What the user has said of the scope; None is left to us."""

    seeds: int | None
    learning_rates: tuple[float, ...] | None
    epochs: int | None
    budget: str | float | None

    def __post_init__(self) -> None:
        if self.budget is not None:
            seconds_of(self.budget)  # a text that is no time is said before anything is trained

    @property
    def usual(self) -> Scope:
        """The scope without a budget."""
        return Scope(self.seeds or SEEDS, self.learning_rates or RATES, self.epochs or EPOCHS)


def planned(
    plan: Plan, asked: Asked, train: Train, folder: Path, stored: dict[str, Any] | None, workers: int, device: str
) -> Plan:
    """The plan with a pilot of its baseline, run on the device, and under a budget with the scope that fits into it.

    What is `stored` in the folder or by another machine is taken up: its pilot, and under a budget its rates and
    epochs, and its seeds where the budget is the same. Raises OutputError where the folder belongs to another
    comparison, and ParameterError where the budget is too small.
    """
    found = _pilot_of(stored, plan)
    if asked.budget is None:
        plan.check_folder(folder)
    else:
        asked = _taken_up(asked, stored)
    if found is None:
        found = _pilot(plan, asked, train, device)
    if asked.budget is not None and None in (asked.seeds, asked.learning_rates, asked.epochs):
        scope = fitted(
            seconds_of(asked.budget),
            found.epoch_seconds,
            len(plan.activations),
            workers,
            asked.usual.learning_rates,
            asked.usual.epochs,
            (asked.learning_rates is not None, asked.epochs is not None, asked.seeds),
        )
    else:
        scope = asked.usual
    train.epochs = scope.epochs
    return replace(
        plan, seeds=scope.seeds, learning_rates=scope.learning_rates, epochs=scope.epochs, pilot=found.as_dict()
    )


def _pilot(plan: Plan, asked: Asked, train: Train, device: str) -> Pilot:
    there = copy(train)
    there.device = device
    time = None if asked.budget is None else seconds_of(asked.budget)
    return pilot(there, plan.baseline, plan.learning_rates, plan.epochs, lambda run: time or run * plan.count)


def _pilot_of(stored: dict[str, Any] | None, plan: Plan) -> Pilot | None:
    """A stored pilot that is of this comparison, as far as can be told before the scope is known."""
    same = stored is not None and all(
        stored.get(key) == value for key, value in plan.as_dict().items() if key in ("format", "baseline", "data")
    )
    return Pilot.from_dict(stored["pilot"]) if same and stored and stored.get("pilot") else None


def _taken_up(asked: Asked, stored: dict[str, Any] | None) -> Asked:
    """What is left to us is as it is stored, where that scope was of a budget too."""
    if not stored or stored.get("budget") is None:
        return asked
    same = stored["budget"] == seconds_of(asked.budget or 0)
    return replace(
        asked,
        seeds=asked.seeds or (stored["seeds"] if same else None),
        learning_rates=asked.learning_rates or tuple(stored["learning_rates"]),
        epochs=asked.epochs or stored["epochs"],
    )
