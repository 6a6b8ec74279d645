"""Every function of the language has a kernel that keeps its digits, for any user's formula."""

import numpy as np
import pytest

import nonlin as nl
from nonlin.language.grammar import FUNCTIONS
from nonlin.measure.reference import Truth

ULPS = {"float32": 4.0, "float64": 8.0}
DEFINED_ABOVE = {"log": 0.0, "log1p": -1.0, "sqrt": 0.0}


@pytest.mark.parametrize("dtype", ULPS)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_by_itself_and_its_slope(name, dtype):
    own = nl.define("a_function", f"{name}(x, x**2 - 1)" if name in ("max", "min") else f"{name}(x)")
    small = 2.0 ** np.arange(-60, 3, 0.7)
    points = np.concatenate([-small, [0.0], small, np.linspace(-20, 20, 81), [-1e4, 1e4]]).astype(dtype)
    points = points[points > DEFINED_ABOVE.get(name, -np.inf)]
    with np.errstate(all="ignore"):
        for order in (0, 1):
            truth, got = Truth(own, order), own.derivative(points, order=order)
            for point, value in zip(points.tolist(), got, strict=True):
                want = truth.nearest(point)[0]
                if np.finfo(dtype).tiny <= abs(want) <= np.finfo(dtype).max:
                    step = float(np.spacing(np.asarray(abs(want), dtype)))
                    assert abs(float(value) - want) <= ULPS[dtype] * step, (order, point, float(value), want)


INSIDE = {"below": "{f} if x < 0 else 7", "above": "7 if x < 0 else {f}", "far": "{f} if -700 < x < 600 else 7",
          "near": "{f} if -30 < x < 40 else 7"}  # fmt: skip


@pytest.mark.parametrize("dtype", ULPS)
@pytest.mark.parametrize("factor", [1.0, -2.5])
@pytest.mark.parametrize("piece", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("name", ["exp", "expm1"])
def test_an_exponential_in_a_piece_is_the_whole_one_there(name, piece, factor, dtype):
    """What a kernel leaves out, since x does not come there in a piece, changes nothing where it does."""
    f = f"{name}({factor}*x)"
    whole, inside = nl.define("whole", f), nl.define("inside", piece.format(f=f))
    size = np.concatenate([2.0 ** np.arange(-149, 9, 0.25), np.linspace(0, 760, 4001), [0.0, np.inf]])
    x = np.concatenate([-size, size, [np.nan]]).astype(dtype)
    with np.errstate(all="ignore"):
        want, got = whole(x), inside(x)
        steps = abs(got - want) / np.spacing(np.maximum(abs(want), np.finfo(dtype).tiny))
    here = (got != 7) & (x == x) & (got != want)
    assert np.isnan(got[-1])
    assert not np.any(here & ~(steps <= 1))
    zero = (x == 0) & (got != 7)
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))
