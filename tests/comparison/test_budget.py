"""A budget: what fits is what is run, enough seeds come first, and what cannot be done is said."""

import itertools

import pytest

from nonlin.comparison.budget import MOST_SEEDS, fitted, seconds_of, trials
from nonlin.comparison.judge import seeds_for
from nonlin.errors import ParameterError

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
FREE = (False, False, None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("10 min", 600), ("1.5h", 5400), ("1d", 86400), (45, 45), ("7", 7)]
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0s", "-5m", "5 lightyears", "1e3", True, None])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ParameterError, match=r"budget: .*10m"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "activations", "workers"), list(itertools.product((30, 300, 3000, 1e6), (2, 9), (1, 4)))
)
def test_what_is_planned_fits_and_a_larger_budget_is_never_less(seconds, activations, workers):
    scope = fitted(seconds, 0.02, activations, workers, RATES, 20, FREE)
    assert trials(scope, activations) * scope.epochs * 0.02 / workers <= seconds
    assert set(scope.learning_rates) <= set(RATES)
    assert 2 <= scope.seeds <= MOST_SEEDS
    more = fitted(2 * seconds, 0.02, activations, workers, RATES, 20, FREE)
    assert (more.epochs, len(more.learning_rates)) >= (scope.epochs, len(scope.learning_rates))


def test_runs_are_shortened_before_the_seeds_are_too_few_to_decide():
    whole = fitted(1e6, 1.0, 5, 1, RATES, 20, FREE)
    assert (whole.epochs, whole.learning_rates) == (20, RATES)
    short = fitted(1500, 1.0, 5, 1, RATES, 20, FREE)
    assert short.epochs < 20
    assert short.seeds >= seeds_for(4)
    hopeless = fitted(20, 1.0, 5, 1, RATES, 20, FREE)
    assert 2 <= hopeless.seeds < seeds_for(4)


def test_what_is_given_is_kept():
    scope = fitted(1000, 1.0, 3, 1, (0.1, 0.2), 7, (True, True, None))
    assert (scope.learning_rates, scope.epochs) == ((0.1, 0.2), 7)
    assert fitted(1000, 1.0, 3, 1, RATES, 20, (False, False, 4)).seeds == 4


def test_a_budget_too_small_for_anything_says_what_it_would_take():
    with pytest.raises(ParameterError, match=r"budget: 3 s: too small for anything: .* about 6 s: give at least that"):
        fitted(3, 1.0, 2, 1, RATES, 20, FREE)
    assert fitted(6, 1.0, 2, 1, RATES, 20, FREE).seeds == 2
