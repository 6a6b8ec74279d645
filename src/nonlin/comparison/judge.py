"""Whether a difference is real: paired by seed, tested by sign flips, corrected for the number of questions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ALPHA = 0.05
DEFAULT_MARGIN = 0.01  # of the baseline's mean score
EXACT_UP_TO = 16  # seeds: 2^16 sign patterns; beyond, as many random ones
BOOTSTRAP_SEED, FLIP_SEED = 0, 1

Verdict = Literal["better", "worse", "practically equal", "undecided"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Judged:
    """One activation against the baseline. `seeds_needed`: about how many would settle it, where undecided."""

    difference: float
    low: float
    high: float
    p: float  # adjusted by Holm over the family
    verdict: Verdict
    seeds_needed: int | None
    differences: tuple[float, ...]


@dataclass(frozen=True)
class Judgement:
    """All of them. Where `holds` is False the control differs from itself, and every verdict is undecided."""

    of: dict[str, Judged]
    control: Judged
    holds: bool
    noise_floor: float
    margin: float
    floor: float  # what a diverged run counts as
    all_diverged: bool


def judge(
    scores: Mapping[str, Sequence[float | None]],
    baseline: str,
    control: Sequence[float | None],
    margin: float | None = None,
    floor: float | None = None,
) -> Judgement:
    """Verdicts for scores of equal seeds in equal order, a greater one being better; None or nan is a diverged run.

    A diverged run counts as `floor`, the metric's worst score, or as the worst score of all where it has none.
    Better or worse: Holm-adjusted p <= 0.05 and the interval not within the margin (default: 1 % of the baseline's
    mean score). Practically equal: the interval within the margin. Where no run of either ended, undecided.
    The control is judged as a candidate would be; the noise floor is the far end of the interval of its difference,
    about what chance alone makes of one function.
    """
    names = [name for name in scores if name != baseline]
    worst = _worst([*scores.values(), control], floor)
    full = {name: _filled(values, worst) for name, values in scores.items()}
    base, again = full[baseline], _filled(control, worst)
    if margin is None:
        margin = DEFAULT_MARGIN * abs(float(base.mean()))
    differences = {name: full[name] - base for name in names}
    family = max(len(names), 1)
    adjusted = dict(zip(names, holm([sign_flip_p(differences[name]) for name in names]), strict=True))
    checked = _judged(again - base, min(1.0, family * sign_flip_p(again - base)), margin, family)
    holds = checked.verdict not in ("better", "worse")
    judged = {name: _judged(differences[name], adjusted[name], margin, family) for name in names}
    lost = {name for name in names if not any(map(_finite, [*scores[name], *scores[baseline]]))}
    judged = {n: _without_verdict(one) if n in lost or not holds else one for n, one in judged.items()}
    ends = [abs(end) for end in (checked.low, checked.high) if math.isfinite(end)]
    return Judgement(judged, checked, holds, max(ends, default=math.nan), margin, worst, len(lost) == len(names))


def seeds_for(family: int) -> int:
    """The fewest seeds whose smallest two-sided p, 2/2^n, can pass Holm over so many questions.

    >>> seeds_for(1), seeds_for(6), seeds_for(8)
    (6, 8, 9)
    """
    return math.ceil(math.log2(2 * family / ALPHA))


def sign_flip_p(differences: Array) -> float:
    """Two-sided p that the mean difference is 0, over all patterns of signs (random ones beyond 16 seeds)."""
    from scipy.stats import permutation_test

    if len(differences) < 2 or not differences.any():
        return 1.0
    found = permutation_test(
        (differences,),
        lambda d, axis: d.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**EXACT_UP_TO,
        rng=np.random.default_rng(FLIP_SEED),
    )
    return float(found.pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [1.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        least = max(least, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = least
    return adjusted


def interval(differences: Array) -> tuple[float, float]:
    """The 95 % interval of the mean: BCa bootstrap; the one value where all are equal, nan for a single seed."""
    import warnings

    from scipy.stats import bootstrap

    if len(differences) < 2:
        return math.nan, math.nan
    if np.ptp(differences) == 0:
        return float(differences[0]), float(differences[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the degenerate samples that the next line looks after
        found = bootstrap(
            (differences,), np.mean, method="BCa", n_resamples=9999, rng=np.random.default_rng(BOOTSTRAP_SEED)
        ).confidence_interval
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return float(differences.min()), float(differences.max())
    return float(found.low), float(found.high)


def _judged(differences: Array, p: float, margin: float, family: int) -> Judged:
    mean, (low, high) = float(differences.mean()), interval(differences)
    needed = seeds_for(family)
    verdict: Verdict = "undecided"
    if len(differences) >= needed:
        if -margin <= low and high <= margin:
            verdict = "practically equal"
        elif p <= ALPHA:
            verdict = "better" if mean > 0 else "worse"
        needed = _seeds_to_settle(differences, margin, needed)
    settled = verdict != "undecided"
    return Judged(mean, low, high, p, verdict, None if settled else needed, tuple(differences.tolist()))


def _seeds_to_settle(differences: Array, margin: float, least: int) -> int:
    """Seeds for a 95 % interval of this spread that excludes either 0 or one end of the margin, whichever is nearer."""
    mean, spread = abs(float(differences.mean())), float(differences.std(ddof=1))
    room = max(mean, margin - mean, 1e-12)
    # The half-width 1.96 s/sqrt(n) has to fit into the room; 0.84 more makes that likely (80 %), not even odds.
    return max(least, len(differences) + 1, math.ceil(min(1e6, (2.8 * spread / room) ** 2)))


def _without_verdict(one: Judged) -> Judged:
    return Judged(one.difference, one.low, one.high, one.p, "undecided", None, one.differences)


def _finite(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def _worst(all_scores: Sequence[Sequence[float | None]], floor: float | None) -> float:
    if floor is not None:
        return floor
    finite = [score for scores in all_scores for score in scores if score is not None and _finite(score)]
    return min(finite, default=0.0)


def _filled(scores: Sequence[float | None], worst: float) -> Array:
    return np.array([score if _finite(score) else worst for score in scores], dtype=float)
