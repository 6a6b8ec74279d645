"""How many seeds, learning rates and epochs fit into the time that there is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from nonlin.comparison.judge import seeds_for
from nonlin.comparison.plan import TUNING_RUNS
from nonlin.comparison.text import clock
from nonlin.errors import ParameterError

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MOST_SEEDS = 50
FEWEST_SEEDS = 2
# What is given up first, where not all fits: long runs before learning rates, and seeds last of all, for without enough
# of them nothing can be decided. Shares of the epochs, and how many of the rates are kept.
STEPS = ((1.0, 4), (0.75, 4), (0.5, 4), (0.5, 3), (0.25, 3), (0.25, 2), (0.15, 2), (0.15, 1), (0.05, 1))


@dataclass(frozen=True)
class Scope:
    """What is run of each activation."""

    seeds: int
    learning_rates: tuple[float, ...]
    epochs: int


def seconds_of(budget: str | float) -> float:
    """A time in seconds: a number, or text such as "90s", "10m", "1.5h".

    >>> seconds_of("10m"), seconds_of("1.5h"), seconds_of(90)
    (600.0, 5400.0, 90.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", str(budget).lower())
    if isinstance(budget, bool) or match is None or match[2] not in UNITS or float(match[1]) == 0:
        raise ParameterError(f"budget: {budget!r}: give a time such as 90s, 10m or 2h")
    return float(match[1]) * UNITS[match[2]]


def trials(scope: Scope, activations: int) -> int:
    """How many runs a scope is, each range of rates being widened: the most that there can be."""
    tuned = TUNING_RUNS * (len(scope.learning_rates) + 1) if len(scope.learning_rates) > 1 else 0
    return activations * tuned + scope.seeds * (activations + 1)


def fitted(
    seconds: float,
    epoch_seconds: float,
    activations: int,
    workers: int,
    rates: Sequence[float],
    epochs: int,
    fixed: tuple[bool, bool, int | None],
) -> Scope:
    """The largest scope that fits: enough seeds to decide first, then epochs and rates, then more seeds.

    `fixed`: whether the rates and the epochs are given, and the seeds where they are. Raises ParameterError, with what
    it would take, where not even two seeds of the shortest runs fit.
    """
    rates_given, epochs_given, seeds = fixed
    needed = seeds_for(activations - 1) if seeds is None else seeds
    fewest = min(FEWEST_SEEDS, needed) if seeds is None else seeds
    runs = seconds * workers / epoch_seconds  # in epochs
    scopes: list[Scope] = []
    for share, count in STEPS:
        kept = tuple(rates) if rates_given else _middle(rates, count)
        length = epochs if epochs_given else max(1, round(share * epochs))
        fixed_part = trials(Scope(0, kept, length), activations)
        most = min(MOST_SEEDS if seeds is None else seeds, math.floor((runs / length - fixed_part) / (activations + 1)))
        scopes.append(Scope(most, kept, length))
    for least in (needed, fewest):
        for scope in scopes:
            if scope.seeds >= least:
                return scope
    smallest = Scope(fewest, scopes[-1].learning_rates, scopes[-1].epochs)
    least = trials(smallest, activations) * smallest.epochs * epoch_seconds / workers
    raise ParameterError(f"budget: {seconds:g} s: too small for anything: {fewest} seeds of {activations} "
                         f"activations take about {clock(math.ceil(least))}: give at least that")  # fmt: skip


def _middle(rates: Sequence[float], count: int) -> tuple[float, ...]:
    """So many rates of the middle, the smaller ones first to go: they need the most epochs."""
    surplus = max(0, len(rates) - count)
    return tuple(rates[(surplus + 1) // 2 : len(rates) - surplus // 2])
