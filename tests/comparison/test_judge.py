"""Laws of the verdict: exact p, Holm, and what may never be called better."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonlin.comparison.judge import holm, interval, judge, seeds_for, sign_flip_p

# Differences on a grid, as scores of finite test sets are: ties and zeros are the rule.
DIFFERENCES = st.lists(st.integers(-20, 20).map(lambda k: k / 64), min_size=2, max_size=9)
SCORES = st.lists(st.floats(0, 1, width=16), min_size=1, max_size=14)


def brute_force(differences: list[float]) -> float:
    """The definition: how often a random choice of signs gives a mean at least as far from 0."""
    observed = abs(sum(differences))
    patterns = list(itertools.product((-1, 1), repeat=len(differences)))
    flipped = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in patterns]
    return sum(total >= observed for total in flipped) / len(patterns)


@settings(max_examples=60, deadline=None)
@given(DIFFERENCES)
def test_p_is_that_of_all_sign_patterns(differences):
    assert sign_flip_p(np.array(differences)) == pytest.approx(brute_force(differences), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(DIFFERENCES)
def test_p_has_no_direction(differences):
    assert sign_flip_p(np.array(differences)) == pytest.approx(sign_flip_p(-np.array(differences)), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_raises_p_keeps_the_order_and_is_at_most_bonferroni(p):
    adjusted = holm(p)
    for raw, new in zip(p, adjusted, strict=True):
        assert raw <= new <= max(raw, min(1.0, len(p) * raw))
    by_raw = [new for _, new in sorted(zip(p, adjusted, strict=True))]
    assert by_raw == sorted(by_raw)


@given(st.integers(1, 60))
def test_seeds_for_is_the_first_number_that_can_pass_holm(family):
    n = seeds_for(family)
    assert 2 / 2**n * family <= 0.05 < 2 / 2 ** (n - 1) * family


@settings(max_examples=40, deadline=None)
@given(SCORES)
def test_identical_scores_are_never_better_or_worse(scores):
    judged = judge({"base": scores, "same": scores}, "base", scores)
    assert judged.of["same"].difference == 0
    assert judged.of["same"].p == 1
    assert judged.of["same"].verdict == ("practically equal" if len(scores) >= seeds_for(1) else "undecided")


@pytest.mark.parametrize(("shift", "verdict"), [(0.1, "better"), (-0.1, "worse"), (0.001, "practically equal")])
def test_a_known_shift_is_found_with_its_sign(shift, verdict):
    base = np.random.default_rng(0).normal(0.8, 0.02, 10)
    noise = np.random.default_rng(1).normal(0, 0.002, 10)
    control = np.random.default_rng(2).normal(0.8, 0.02, 10).tolist()
    judged = judge({"base": base.tolist(), "other": (base + shift + noise).tolist()}, "base", control)
    assert judged.holds
    assert judged.of["other"].verdict == verdict
    assert judged.of["other"].low < shift < judged.of["other"].high


@settings(max_examples=25, deadline=None)
@given(DIFFERENCES)
def test_the_interval_holds_the_mean_and_turns_with_the_sign(differences):
    values = np.array(differences)
    low, high = interval(values)
    assert low <= values.mean() <= high
    assert values.min() <= low
    assert high <= values.max()


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_too_few_seeds_decide_nothing_and_say_how_many_would(seeds):
    scores = {"base": [0.5] * seeds, "a": [0.9] * seeds, "b": [0.1] * seeds}
    judged = judge(scores, "base", [0.5] * seeds)
    assert {one.verdict for one in judged.of.values()} == {"undecided"}
    assert {one.seeds_needed for one in judged.of.values()} == {seeds_for(2)}


def test_a_large_difference_without_any_spread_is_decided():
    judged = judge({"base": [0.5] * 8, "a": [0.9] * 8}, "base", [0.5] * 8)
    assert (judged.of["a"].low, judged.of["a"].high) == pytest.approx((0.4, 0.4))
    assert judged.of["a"].verdict == "better"
    assert judged.noise_floor == 0


def test_no_verdict_holds_where_the_control_differs_from_the_baseline():
    base = [0.5 + i / 1000 for i in range(10)]
    judged = judge({"base": base, "a": [s + 0.3 for s in base]}, "base", [s + 0.2 for s in base])
    assert judged.control.verdict == "better"
    assert not judged.holds
    assert judged.of["a"].verdict == "undecided"


def test_undecided_says_more_seeds_than_there_were():
    noise = np.random.default_rng(3).normal(0, 0.05, 10)
    judged = judge({"base": [0.5] * 10, "a": (0.51 + noise).tolist()}, "base", [0.5] * 10)
    assert judged.of["a"].verdict == "undecided"
    assert judged.of["a"].seeds_needed > 10


@pytest.mark.parametrize("lost", [None, math.nan, math.inf])
def test_a_diverged_run_counts_as_the_worst_score(lost):
    base, other = [0.5] * 8, [lost, *[0.6] * 7]
    assert judge({"base": base, "a": other}, "base", base, floor=0.0).of["a"].differences[0] == -0.5
    # Without a floor it is the worst of all that were seen.
    assert judge({"base": base, "a": other}, "base", [-3.0, *base[1:]]).of["a"].differences[0] == -3.5


def test_every_run_diverged_is_worse_and_the_other_way_round_better():
    fine, lost = [0.5 + i / 1000 for i in range(8)], [None] * 8
    assert judge({"base": fine, "a": lost}, "base", fine, floor=0.0).of["a"].verdict == "worse"
    assert judge({"base": lost, "a": fine}, "base", lost, floor=0.0).of["a"].verdict == "better"


def test_the_margin_turns_a_small_certain_difference_into_practically_equal():
    base = [0.5 + i / 1000 for i in range(10)]
    other = [s + 0.02 + (i % 3) / 1000 for i, s in enumerate(base)]
    verdicts = {m: judge({"b": base, "a": other}, "b", base, margin=m).of["a"].verdict for m in (0.0, 0.05)}
    assert verdicts == {0.0: "better", 0.05: "practically equal"}


def test_nothing_is_said_of_two_that_both_diverged():
    fine, lost = [0.5 + i / 1000 for i in range(8)], [None] * 8
    judged = judge({"base": lost, "a": lost, "b": fine}, "base", lost, floor=0.0)
    assert (judged.of["a"].verdict, judged.of["b"].verdict) == ("undecided", "better")
    assert not judged.all_diverged
    assert judge({"base": lost, "a": lost}, "base", lost, floor=0.0).all_diverged
