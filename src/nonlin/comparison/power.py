"""What a number of seeds can tell: the chance that a true difference is found, and the smallest one likely to be.

A difference between two activations under one seed is taken as normal around the true one, with the standard deviation
`noise`. It is found where the two-sided p of its sign flips is at most 0.05 / family, Holm's strictest step, so that
what is said here holds for each of the family whatever the others do.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from nonlin.comparison.judge import ALPHA, seeds_for

CHANCE = 0.8  # that a difference is found, where one is called detectable
DRAWS, DRAW_SEED = 1000, 0
ENUMERATED = 12  # seeds: 2^12 patterns of signs; from there on Student's t is as good
QUANTILES = 500
MOST_SEEDS = 10_000

Array = np.ndarray[Any, Any]


def power(seeds: int, family: int, effect: float, noise: float) -> float:
    """The chance that a true difference is found with so many seeds, among so many comparisons.

    >>> power(5, 8, 1.0, 0.1), power(10, 1, 1.0, 0.1)
    (0.0, 1.0)
    """
    if seeds < seeds_for(family):
        return 0.0
    if noise == 0:
        return 1.0 if effect else 0.0
    if seeds <= ENUMERATED:
        return _by_signs(seeds, ALPHA / family, abs(effect) / noise)
    return _by_t(seeds, ALPHA / family, abs(effect) / noise)


def detectable(seeds: int, family: int, noise: float) -> float:
    """The smallest true difference that is found with a chance of 80 %; infinite where the seeds can decide nothing."""
    if seeds < seeds_for(family):
        return math.inf
    low, high = 0.0, 20.0
    while high - low > 5e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if power(seeds, family, middle, 1.0) >= CHANCE else (middle, high)
    return high * noise


def seeds_to_find(effect: float, family: int, noise: float) -> int | None:
    """The fewest seeds with which that difference is found with a chance of 80 %; None beyond 10,000."""
    low = seeds_for(family)
    if power(low, family, effect, noise) >= CHANCE:
        return low
    high = low
    while power(high, family, effect, noise) < CHANCE:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, family, effect, noise) >= CHANCE else (middle, high)
    return high


def _by_signs(seeds: int, alpha: float, effect: float) -> float:
    """By the very test, on 1000 draws that are the same in every call."""
    draws = np.random.default_rng(DRAW_SEED).normal(size=(DRAWS, seeds)) + effect
    totals = np.abs(draws @ _signs(seeds).T)
    p = (totals >= totals[:, :1] * (1 - 1e-12)).mean(axis=1)
    return float((p <= alpha).mean())


@cache
def _signs(seeds: int) -> Array:
    """Every pattern of signs up to their common one, the observed pattern first."""
    patterns = np.arange(2 ** (seeds - 1))
    return 1.0 - 2.0 * (patterns[:, None] >> np.arange(seeds) & 1)


def _by_t(seeds: int, alpha: float, effect: float) -> float:
    """By Student's t: the chance at each quantile of the standard deviation, on average."""
    from scipy.stats import chi2, norm, t

    free = seeds - 1
    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    bounds = t.ppf(1 - alpha / 2, free) * np.sqrt(chi2.ppf(quantiles, free) / free)
    shift = effect * math.sqrt(seeds)
    return float((norm.sf(bounds - shift) + norm.cdf(-bounds - shift)).mean())
