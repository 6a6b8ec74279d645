"""A few runs of the baseline before the plan: how long a run takes, and how far chance alone moves the score."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from statistics import median, stdev
from time import perf_counter
from typing import Any

from nonlin.comparison.plan import PILOT_SEEDS, Trial

RUNS = 4
SCORING = 0.2  # of the time of an epoch: what the scores after it take, about
SHARE = 0.1  # of the time of the comparison: the most that these runs may take


@dataclass(frozen=True)
class Pilot:
    """What the runs have shown: seconds of a run of `epochs`, and the finished runs' test scores, if there were any."""

    seconds: float
    epochs: int
    learning_rate: float
    scores: tuple[float, ...]

    @property
    def epoch_seconds(self) -> float:
        return self.seconds / self.epochs

    @property
    def noise(self) -> float | None:
        """The standard deviation of the difference between two runs that only chance tells apart; None if not known."""
        return math.sqrt(2) * stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def noise_range(self) -> tuple[float, float] | None:
        """The 90 % interval of the noise, which few runs leave wide."""
        if self.noise is None:
            return None
        from scipy.stats import chi2

        free = len(self.scores) - 1
        low, high = (self.noise * math.sqrt(free / chi2.ppf(q, free)) for q in (0.95, 0.05))
        return float(low), float(high)

    def as_dict(self) -> dict[str, Any]:
        """The pilot as JSON."""
        return {**asdict(self), "scores": list(self.scores)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Pilot:
        """The pilot that a folder holds."""
        return cls(stored["seconds"], stored["epochs"], stored["learning_rate"], tuple(stored["scores"]))


def pilot(train: Any, baseline: str, rates: Sequence[float], epochs: int, whole: Callable[[float], float]) -> Pilot:
    """Time two epochs of the baseline, then as many whole runs, four at most, as a tenth of the time allows.

    `whole` gives the time of all that is planned, or the time that there is, from the seconds of one run.
    """
    rate = rates[(len(rates) - 1) // 2]
    trial = Trial("pilot", baseline, rate, PILOT_SEEDS)
    short = copy(train)
    short.epochs = 1
    short(trial)  # compiles what all others run
    short.epochs = min(2, epochs)
    seconds, outcome = _timed(short, trial)
    trained: list[float] = outcome["curves"]["seconds"]
    estimate = seconds - sum(trained) + epochs * (1 + SCORING) * trained[-1]
    count = min(RUNS, int(SHARE * whole(estimate) / estimate))
    if count < 2:
        return Pilot(estimate, epochs, rate, ())
    runs = [_timed(train, Trial("pilot", baseline, rate, PILOT_SEEDS + number)) for number in range(count)]
    scores = [outcome["score_test"] for _, outcome in runs]
    finished = () if None in scores else tuple(scores)
    return Pilot(median(seconds for seconds, _ in runs), epochs, rate, finished)


def _timed(train: Any, trial: Trial) -> tuple[float, dict[str, Any]]:
    started = perf_counter()
    outcome = train(trial)
    return perf_counter() - started, outcome
