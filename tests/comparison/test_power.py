"""What a number of seeds can tell: the prediction against the verdicts of the judge itself, and its laws."""

import math

import numpy as np
import pytest

from nonlin.comparison.judge import judge, seeds_for
from nonlin.comparison.power import CHANCE, _by_signs, _by_t, detectable, power, seeds_to_find


@pytest.mark.parametrize(("seeds", "family", "effect"), [(6, 1, 1.5), (9, 3, 1.2)])
def test_the_predicted_power_is_the_rate_at_which_the_judge_finds_the_difference(seeds, family, effect):
    """One real difference among comparisons that have none; differences are normal, as the prediction takes them."""
    draw = np.random.default_rng(7)
    count = 120
    found = 0
    for _ in range(count):
        base = draw.normal(0, 10, seeds)  # what all share under one seed falls out
        scores = {"base": base.tolist(), "better": (base + effect + draw.normal(0, 1, seeds)).tolist()}
        scores |= {f"same {i}": (base + draw.normal(0, 1, seeds)).tolist() for i in range(family - 1)}
        verdict = judge(scores, "base", base.tolist(), margin=0.0).of["better"].verdict
        found += verdict == "better"
    predicted = power(seeds, family, effect, 1.0)
    spread = math.sqrt(predicted * (1 - predicted) / count)
    assert 0.2 < predicted < 0.98
    # Holm's later steps are less strict than the first, so that the judge may find a little more.
    assert predicted - 3 * spread < found / count < predicted + 3 * spread + 0.03


def test_both_ways_to_compute_it_meet():
    for effect in (0.6, 0.9, 1.2):
        assert _by_signs(12, 0.01, effect) == pytest.approx(_by_t(12, 0.01, effect), abs=0.04)


@pytest.mark.parametrize("family", [1, 3, 8])
def test_more_seeds_find_smaller_differences_and_more_questions_only_larger_ones(family):
    found = [detectable(seeds, family, 0.01) for seeds in (seeds_for(family), 10, 12, 15, 30, 100)]
    assert found == sorted(found, reverse=True)
    assert detectable(12, family + 1, 0.01) >= detectable(12, family, 0.01)


def test_without_enough_seeds_nothing_is_found():
    assert power(seeds_for(8) - 1, 8, 1e9, 1.0) == 0
    assert math.isinf(detectable(5, 1, 0.01))


@pytest.mark.parametrize(("effect", "family"), [(2.0, 1), (0.7, 8), (0.2, 3)])
def test_the_seeds_that_it_takes_are_the_fewest(effect, family):
    seeds = seeds_to_find(effect, family, 1.0)
    assert power(seeds, family, effect, 1.0) >= CHANCE
    assert seeds == seeds_for(family) or power(seeds - 1, family, effect, 1.0) < CHANCE


def test_no_noise_and_no_difference():
    assert detectable(10, 2, 0.0) == 0
    assert power(10, 2, 0.0, 0.0) == 0
    assert power(10, 2, 0.1, 0.0) == 1
    assert seeds_to_find(1e-9, 1, 1.0) is None
