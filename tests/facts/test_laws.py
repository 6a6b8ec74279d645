"""What facts must be, for every activation, whatever its formula: checked against values of the function itself."""

import dataclasses
import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from nonlin.facts import Facts

FAR = np.array([1e4, 1e6, 1e8])
GRID = np.unique(np.concatenate([np.linspace(-15, 15, 30001), -np.geomspace(15, 500, 200), np.geomspace(15, 500, 200)]))


@lru_cache
def sampled(activation):
    with np.errstate(over="ignore"):
        return activation(GRID), activation.derivative(GRID)


@lru_cache
def integral_grid():
    z = np.linspace(-12, 12, 2_400_001)
    weights = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    return z, weights


def inside(low, high):
    return np.greater(GRID, low) & np.less(GRID, high)


def oscillates(facts):
    return "within" in facts.method["zeros"]


def test_range_holds_all_values_and_no_more(activation):
    facts = activation.facts
    low, high = facts.range
    values = np.concatenate([sampled(activation)[0], activation(-FAR), activation(FAR)])
    assert values.min() >= low - 1e-12
    assert values.max() <= high + 1e-12
    for end, reached in ((low, -values.min()), (high, values.max())):
        reached = reached if end == high else -reached
        assert abs(reached) > 1e5 if math.isinf(end) else abs(reached - end) < 1e-4


def test_limits(activation):
    for limit, far in zip(activation.facts.limits, (-FAR, FAR), strict=True):
        values = activation(far)
        if math.isfinite(limit):
            assert values[-1] == pytest.approx(limit, abs=1e-4)
        elif math.isinf(limit):
            assert abs(values[-1]) > 1e4
            assert math.copysign(1, values[-1]) == math.copysign(1, limit)
        else:
            assert oscillates(activation.facts)


def test_no_chord_is_steeper_than_lipschitz_and_some_come_near(activation):
    lipschitz = activation.facts.lipschitz
    values = sampled(activation)[0]
    rng = np.random.default_rng(1)
    i, j = rng.integers(0, len(GRID), (2, 20_000))
    i, j = i[i != j], j[i != j]
    with np.errstate(invalid="ignore"):
        chords = np.abs(values[i] - values[j]) / np.abs(GRID[i] - GRID[j])
    if math.isfinite(lipschitz):
        assert chords.max() <= lipschitz * (1 + 1e-9)
        assert np.abs(np.diff(values) / np.diff(GRID)).max() >= lipschitz * (1 - 1e-3)
    else:
        assert np.nanmax(np.abs(np.diff(values) / np.diff(GRID))) > 100


def test_zeros_are_zeros_and_all_of_them(activation):
    facts = activation.facts
    assert np.all(np.abs(activation(np.array([*facts.zeros, 0.0]))[:-1]) < 1e-14)
    for low, high in facts.zero_intervals:
        here = GRID[inside(low, high)]
        assert here.size
        assert not activation(here).any()
    values = sampled(activation)[0]
    window = 10 if oscillates(facts) else 1e3
    places = [*facts.zeros, *facts.kinks, *(end for interval in facts.zero_intervals for end in interval)]
    known = np.abs(values) > 1e-300
    grid, signs = GRID[known & (np.abs(GRID) < window)], np.sign(values[known & (np.abs(GRID) < window)])
    for k in np.flatnonzero(signs[1:] != signs[:-1]):
        assert any(grid[k] <= place <= grid[k + 1] for place in places), (grid[k], grid[k + 1])


def one_sided(activation, place, side):
    """f just beside a place, and its slope there, by differences."""
    near, far = activation(np.array([place + side * 1e-9, place + side * 1e-6]))
    return near, (far - near) / (side * (1e-6 - 1e-9))


def test_kinks_are_where_the_sides_differ_and_nowhere_else(activation):
    facts = activation.facts

    def differ(place, tolerance):
        (left, slope_left), (right, slope_right) = (one_sided(activation, place, s) for s in (-1, 1))
        steepness = 1 + min(abs(slope_left), abs(slope_right))
        return abs(left - right) > tolerance * steepness or abs(slope_left - slope_right) > tolerance * steepness

    assert all(differ(kink, 1e-4) for kink in facts.kinks)
    ends = [end for p in facts.pieces for end in (p.low, p.high) if math.isfinite(end)]
    elsewhere = [p for p in [*np.arange(-7, 7.5, 0.5), *ends, *facts.zeros] if p not in facts.kinks]
    assert not any(differ(place, 1e-4) for place in elsewhere)


def test_pieces_are_monotone_and_cover_the_line(activation):
    facts = activation.facts
    for before, after in pairwise(facts.pieces):
        assert before.high == after.low
    assert (facts.pieces[0].low, facts.pieces[-1].high) == (-math.inf, math.inf) or oscillates(facts)
    values = sampled(activation)[0]
    for piece in facts.pieces:
        here = values[inside(piece.low, piece.high)]
        steps = np.diff(here[np.isfinite(here)])
        way = {"rising": 1, "falling": -1, "constant": 0}[piece.direction]
        noise = 1e-15 * np.abs(here[np.isfinite(here)]).max(initial=1)
        assert np.all(steps * way >= -noise) if way else np.all(steps == 0)
        assert way == 0 or np.any(steps * way > 0)


def test_monotonic(activation):
    facts = activation.facts
    values = sampled(activation)[0]
    steps = np.diff(values[np.abs(GRID) < 100])
    goes_up, goes_down = np.any(steps > 1e-9), np.any(steps < -1e-9)
    assert facts.monotonic is not bool(goes_up and goes_down)


def test_saturates_where_the_slope_goes_to_zero(activation):
    facts = activation.facts
    slopes = {"left": activation.derivative(-FAR), "right": activation.derivative(FAR)}
    for side, values in slopes.items():
        flat = bool(np.all(np.abs(values) < 1e-3) and abs(values[-1]) < 1e-8)
        assert (facts.saturates in (side, "both")) is flat


def test_moments(activation):
    facts = activation.facts
    z, weights = integral_grid()
    f, slope = activation(z), activation.derivative(z)
    # a trapezoid rule on steps of 1e-5: as good as a jump allows
    assert facts.mean == pytest.approx(float(f @ weights), abs=1e-5)
    assert facts.second_moment == pytest.approx(float(f * f @ weights), rel=1e-5)
    assert facts.derivative_second_moment == pytest.approx(float(slope * slope @ weights), rel=1e-4, abs=1e-9)
    assert facts.gain == pytest.approx(float(f * f @ weights) ** -0.5, rel=1e-5)
    assert facts.zero_centred is (abs(float(f @ weights)) < 1e-5)


def test_every_fact_says_how_it_was_found(activation):
    facts = activation.facts
    assert set(facts.method) == {f.name for f in dataclasses.fields(Facts)} - {"method"}
    assert all(how == "exact" or how.startswith("numerical") for how in facts.method.values())


def test_facts_are_those_of_the_bound_parameters(activation):
    for name, value in activation.parameters.items():
        bound = activation.bind(**{name: value})
        assert bound.facts is activation.facts
