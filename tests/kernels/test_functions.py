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
