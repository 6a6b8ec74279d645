"""Remarks follow from facts: each has its number, holds for one of the two, and never for both."""

import re
from itertools import pairwise

import pytest

import nonlin as nl
from nonlin.activation import Activation
from nonlin.errors import DtypeError
from nonlin.explore.side_by_side import side_by_side
from nonlin.vector import VectorActivation

ENTRIES = [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)]
PAIRS = [*pairwise(ENTRIES), (nl.relu, nl.sigmoid), (nl.tanh, nl.selu), (nl.linear, nl.step), (nl.sine, nl.gelu)]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda a: str(a))
def test_each_remark_has_a_number_or_a_place_and_is_of_one_side(first, second):
    both = side_by_side(first, second)
    mine, yours = ({r.text for r in remarks} for remarks in both.remarks)
    assert not mine & yours
    for remark in (*both.remarks[0], *both.remarks[1]):
        assert re.search(r"\d|inf", remark.text), remark


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda a: str(a))
def test_swapped_sides_swap_remarks(first, second):
    here, there = side_by_side(first, second), side_by_side(second, first)
    assert here.remarks == there.remarks[::-1]
    assert [(label, b, a) for label, a, b in here.rows] == list(there.rows)


def test_an_activation_has_nothing_over_itself(activation):
    assert side_by_side(activation, activation).remarks == ((), ())


def test_names_play_no_part():
    alike = nl.define("someone_s_own", nl.sigmoid.formula)
    assert isinstance(alike, Activation)
    assert side_by_side(nl.relu, alike).remarks == side_by_side(nl.relu, nl.sigmoid).remarks


def test_the_textbook_s_pair():
    both = side_by_side(nl.relu, nl.sigmoid)
    said = [" ".join(f"{r.kind}: {r.text}" for r in remarks) for remarks in both.remarks]
    assert "advantage: Gradients keep their size" in said[0]
    assert "drawback: The slope is exactly 0 for 50%" in said[0]
    assert "drawback: Saturates at both ends: the slope, at most 0.25" in said[1]
    assert "advantage: Bounded: outputs stay in 0 to 1" in said[1]
    rows = {label: values for label, *values in both.rows}
    assert rows["gain"] == ["1.414", "1.846"]


def test_functions_of_an_axis_are_refused(vector_activation):
    with pytest.raises(DtypeError, match=vector_activation.name):
        side_by_side(nl.relu, vector_activation)
