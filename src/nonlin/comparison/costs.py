"""What each activation costs, and what it reaches in equal time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

import pandas as pd

from nonlin.comparison.epochs import best_epoch
from nonlin.comparison.judge import interval
from nonlin.comparison.run import Outcome


def costs(runs: Mapping[str, Sequence[Outcome]], baseline: str, floor: float) -> pd.DataFrame:
    """One row an activation, of its final runs in the order of their seeds; a run that diverged counts as `floor`.

    Columns: epoch_seconds, the median; memory, bytes of a training step, nan where not measured; epochs, as many as
    fit into the time that the quickest activation takes for all of its own; score_mean, the mean test score of the
    best validation epoch among those; difference to the baseline in equal time with its 95 % interval, low and high.
    """
    seconds = {name: median(s for run in outcomes for s in run["curves"]["seconds"]) for name, outcomes in runs.items()}
    length = max(len(run["curves"]["seconds"]) for outcomes in runs.values() for run in outcomes)
    budget = length * min(seconds.values())
    epochs = {name: max(1, math.floor(budget / one + 1e-9)) for name, one in seconds.items()}
    scores = {name: [_score(run, epochs[name], floor) for run in outcomes] for name, outcomes in runs.items()}
    rows: list[dict[str, Any]] = []
    for name, outcomes in runs.items():
        differences = pd.Series(scores[name]) - pd.Series(scores[baseline])
        low, high = interval(differences.to_numpy())
        memory = [run["memory"] for run in outcomes if run.get("memory") is not None]
        rows.append(
            {
                "activation": name,
                "epoch_seconds": seconds[name],
                "memory": max(memory, default=math.nan),
                "epochs": epochs[name],
                "score_mean": mean(scores[name]),
                "difference": differences.mean(),
                "low": low,
                "high": high,
            }
        )
    ranked = pd.DataFrame(rows).sort_values("score_mean", ascending=False, kind="stable")
    return ranked.reset_index(drop=True)


def _score(run: Outcome, epochs: int, floor: float) -> float:
    score = best_epoch(run["curves"], run["diverged"], epochs)["score_test"]
    return floor if score is None else float(score)
