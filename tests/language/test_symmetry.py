"""Even and odd functions: what is said of a half holds for the whole."""

import numpy as np
import pytest

import nonlin as nl
from nonlin.language.symmetry import right_half

POINTS = np.concatenate([np.geomspace(1e-300, 1e300, 601), np.linspace(0, 9, 91), [np.inf]])


def half_of(activation, order=0):
    return right_half(activation.rule.pieces(activation.rule.orders(order)))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_half_is_half_of_a_symmetric_function(activation, order):
    found = half_of(activation, order)
    if found is None:
        return
    half, sign = found
    assert all(float(b) > 0 for b in half.breaks if not b.free_symbols)
    at = [activation.derivative(s * POINTS, order=order) for s in (-1, 1)]
    np.testing.assert_array_equal(at[0], sign * at[1])


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("x/(1 + abs(x))", -1),
        ("1/(1 + abs(x))", 1),
        ("sign(x)*log1p(abs(x))", -1),
        ("exp(-abs(x)) if abs(x) < 2 else exp(-2)", 1),
        ("abs(x)", None),  # costs less than the half
        ("x/(1 + abs(x)) + 1", None),
        ("exp(x) if x < 0 else 1 + x", None),
        ("sign(x)*exp(-abs(x))", None),  # jumps at 0, and is 0 there
        ("tanh(x)", None),  # in one piece
    ],
)
def test_what_has_a_half(text, sign):
    activation = nl.define("candidate", text)
    found = half_of(activation)
    assert (found and found[1]) == sign
    at = [activation(s * POINTS[:-1]) for s in (-1, 1)]
    if sign:
        np.testing.assert_array_equal(at[0], sign * at[1])


def test_the_sign_of_zero_is_kept():
    zeros = np.array([0.0, -0.0])
    for dtype in (np.float32, np.float64):
        assert np.signbit(nl.softsign(zeros.astype(dtype))).tolist() == [False, True]
