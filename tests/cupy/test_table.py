"""The CuPy backend's own source, run with NumPy and SciPy in CuPy's place, which have the same names.

It shows that the table is right and the dtypes are kept; it cannot show that CuPy's kernels are.
"""

import importlib
import sys
import types

import numpy as np
import pytest
import scipy.special

import nonlin as nl

POINTS = np.array(
    [-1e4, -89.0, -30.0, -13.0, -5.5, -1.0, -0.3, -1e-8, 0.0, 0.4, 2.5, 20.0, 1e4, np.nan, np.inf, -np.inf]
)


@pytest.fixture(scope="module")
def backend():
    special = types.ModuleType("cupyx.scipy.special")
    special.erf = scipy.special.erf
    places = {"cupy": np, "cupyx": types.ModuleType("cupyx"), "cupyx.scipy.special": special}
    places["cupyx.scipy"] = types.ModuleType("cupyx.scipy")
    places["cupyx"].scipy, places["cupyx.scipy"].special = places["cupyx.scipy"], special
    with pytest.MonkeyPatch.context() as patch:
        for name, module in places.items():
            patch.setitem(sys.modules, name, module)
        patch.delitem(sys.modules, "nonlin.backends.cupy", raising=False)
        yield importlib.import_module("nonlin.backends.cupy")
        del sys.modules["nonlin.backends.cupy"]


@pytest.mark.parametrize("order", [0, 1])
def test_values_and_slopes(backend, activation, order):
    orders, parameters = activation.rule.orders(order), tuple(activation.parameters.values())
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-13)):
        with np.errstate(all="ignore"):
            got = backend.evaluate(activation.rule, orders, POINTS.astype(dtype), parameters)
        assert got.dtype == dtype
        want = activation.derivative(POINTS.astype(dtype).astype(float), order=order)
        tiny = np.finfo(dtype).tiny
        normal = ~(np.abs(want) < tiny)
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(got[normal], want.astype(dtype)[normal], rtol=tolerance, atol=0)
        assert (np.abs(got[~normal]) <= tiny).all()


def test_dtypes_and_parameters(backend):
    rule = nl.leaky_relu.rule
    assert backend.evaluate(rule, (0, 0), np.ones(3, np.float16), (0.1,)).dtype == np.float16
    assert backend.evaluate(rule, (0, 0), np.ones(3, np.int32), (0.1,)).dtype == np.float64
    got = backend.evaluate(rule, (0, 1), np.array([-1.0, 2.0]), (np.array([[0.1], [0.2]]),))
    np.testing.assert_array_equal(got, [[-1, 0], [-1, 0]])
    with pytest.raises(nl.errors.DtypeError, match="complex128"):
        backend.array(np.array([1j]))


def test_functions_of_an_axis(backend, vector_activation):
    name = vector_activation.definition.along_axis
    if not name:
        pytest.skip("a gated unit, which is a product of two halves")
    block = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    for axis in (0, 1, None):
        np.testing.assert_allclose(
            backend.along_axis(name, block, axis), vector_activation(block, axis=axis), rtol=1e-6
        )
