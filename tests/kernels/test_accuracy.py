"""The promise of accuracy, on a part of the inputs: every float is measured by benchmarks/accuracy.py.

The points here are among those of the full measure, so no worst case here can be above the recorded one, except by
what the reference itself may differ: 8 ulp of float64 are 1.5e-8 ulp of float32.
"""

import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

import nonlin as nl
from nonlin.measure.accuracy import DTYPES, Task, breaches, measure
from nonlin.measure.points import every, hard, oscillates, zeros
from nonlin.measure.reference import Truth

STRIDE = 1009  # a prime: all remainders of the low bits are met
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "accuracy.json"
WORST = ("ulp", "near_zero", "subnormal_steps")

every_order = pytest.mark.parametrize("order", [0, 1])
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@pytest.fixture(scope="module")
def recorded():
    if not RESULTS.exists():
        pytest.skip("benchmarks/results/accuracy.json is not written yet")
    rows = json.loads(RESULTS.read_text())["rows"]
    return {(r["name"], r["dtype"], r["order"]): r for r in rows if r["library"] == "nonlin numpy"}


@pytest.fixture(scope="module")
def rows():
    """Of each task its row: two tests look at it."""
    found = {}

    def row(activation, dtype, order):
        task = Task(str(activation), "nonlin numpy", dtype, order, STRIDE)
        if task not in found:
            found[task] = measure(task)
        return found[task]

    return row


@every_dtype
@every_order
def test_accuracy_is_what_is_promised(activation, dtype, order, rows):
    if str(activation) not in nl.catalog:
        pytest.skip("a user's own may overflow on its way, as b*x does in sin(b*x)")
    assert not breaches(rows(activation, dtype, order))


@every_dtype
@every_order
def test_no_worst_case_grows(activation, dtype, order, rows, recorded):
    if str(activation) not in nl.catalog:
        pytest.skip("a user's own is not recorded")
    before = recorded.get((str(activation), dtype, order))
    if before is None:
        pytest.skip("not measured over every float yet: benchmarks/accuracy.py")
    now = rows(activation, dtype, order)
    for name in WORST:
        assert now[name] <= before[name] * (1 + 1e-6) + 1e-7, (name, now[f"{name.removesuffix('_steps')}_at"])


def test_the_second_derivative_keeps_its_digits(activation):
    """Within 1e-5 of its value, near its zeros within 1e-6; finite wherever the true value is."""
    points = hard(activation, "float32")
    points = points[np.isfinite(points)]
    with np.errstate(all="ignore"):
        got = activation.derivative(points, order=2)
        fine = activation.derivative(points.astype(np.float64), order=2)
    largest, tiny = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
    finite = np.abs(fine) < largest
    assert np.isfinite(got[finite]).all(), points[finite][~np.isfinite(got[finite])]
    truth, places, waves = Truth(activation, 2), np.array(zeros(activation, 2)), oscillates(activation)
    for point, value in zip(points[::7].tolist(), got[::7].tolist(), strict=True):
        want = truth.nearest(point)[0]
        if not abs(want) < largest:
            continue
        near = waves or (np.abs(places - point) < 0.25).any()
        slack = 1e-6 if near else tiny if abs(want) < tiny else 0.0
        assert abs(value - want) <= 1e-5 * abs(want) + slack, (point, value, want)


# Where an element stands makes no difference ----------------------------------------------------------------------


def bits(values):
    """The bits of floats, every nan the same."""
    unsigned = {2: np.uint16, 4: np.uint32, 8: np.uint64}[values.dtype.itemsize]
    return np.where(values == values, np.ascontiguousarray(values).view(unsigned), unsigned(-1 % 2**16))


def unaligned(values):
    """The same values at an odd address."""
    memory = np.empty(values.nbytes + 1, np.uint8)
    memory[1:] = np.ascontiguousarray(values).view(np.uint8)
    return np.ndarray(values.shape, values.dtype, memory, 1)


@every_dtype
@every_order
def test_bits_do_not_depend_on_the_place(activation, dtype, order):
    points = hard(activation, dtype)[::3]
    with np.errstate(all="ignore"):
        want = bits(activation.derivative(points, order=order))
        alone = np.array([activation.derivative(p, order=order) for p in points[::50]])
        odd = activation.derivative(unaligned(points), order=order)

        @given(st.integers(0, points.size), st.integers(0, 300), st.sampled_from([1, 2, 3, 7, -1, -5]))
        @settings(max_examples=25, deadline=None)
        def holds(start, length, step):
            part = slice(start, start + length) if step > 0 else slice(start + length, start)
            got = activation.derivative(points[part][::step], order=order)
            np.testing.assert_array_equal(bits(got), want[part][::step])

        holds()
    np.testing.assert_array_equal(bits(alone), want[::50])
    np.testing.assert_array_equal(bits(odd), want)


@every_order
@every_dtype
def test_tensors_get_the_bits_that_arrays_get(activation, dtype, order):
    points = hard(activation, dtype)
    if dtype == "float32":
        points = np.concatenate([points, *every(dtype, 104729)])
    unsigned = points.view({2: np.uint16, 4: np.uint32, 8: np.uint64}[points.dtype.itemsize])
    tensor = torch.from_numpy(unsigned.copy()).view(getattr(torch, dtype))
    with np.errstate(all="ignore"):
        want = activation.derivative(points, order=order)
    got = activation.derivative(tensor, order=order)
    strided = activation.derivative(tensor.repeat_interleave(2)[::2], order=order)
    learned = tensor.clone().requires_grad_()
    result = activation(learned)
    chained = torch.autograd.grad(result, learned, torch.ones_like(result))[0] if order else result.detach()
    for each in (got, strided, chained):
        np.testing.assert_array_equal(bits(each.contiguous().view(torch.uint8).numpy().view(points.dtype)), bits(want))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_the_number_of_threads(activation, dtype, order):
    points = np.random.default_rng(0).uniform(-20, 20, 1_000_003).astype(dtype)
    found = []
    for threads in (1, 2, 3):
        nl.set_threads(threads)
        try:
            found.append(bits(activation.derivative(points, order=order)))
        finally:
            nl.set_threads(None)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
