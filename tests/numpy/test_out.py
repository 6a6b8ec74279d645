"""`out=` and memory: the same numbers wherever they are read and written, and nothing besides is touched or taken."""

import tracemalloc

import numpy as np
import pytest

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def points(dtype, count=99):
    return np.linspace(-8, 8, count).astype(dtype)


def calls(activation):
    """The function, its derivative, and the function with each parameter an array."""
    yield lambda x, **out: activation(x, **out)
    yield lambda x, **out: activation.derivative(x, **out)
    for name, value in activation.parameters.items():
        yield lambda x, name=name, value=value, **out: activation(x, **{name: np.full(x.shape, value)}, **out)


@DTYPES
def test_out_gets_what_a_fresh_array_gets(activation, dtype):
    x = points(dtype)
    for call in calls(activation):
        out = np.full_like(x, 7)
        assert call(x, out=out) is out
        np.testing.assert_array_equal(out, call(x))


@DTYPES
def test_out_may_be_or_overlap_the_input(activation, dtype):
    for call in calls(activation):
        want = call(points(dtype))
        same = points(dtype)
        np.testing.assert_array_equal(call(same, out=same), want)
        for shift in (-40, -1, 1, 17):
            memory = np.zeros(200, dtype)
            x, out = memory[50:149], memory[50 + shift : 149 + shift]
            x[:] = points(dtype)
            np.testing.assert_array_equal(call(x, out=out), want)


def test_out_may_be_the_array_of_a_parameter(activation):
    x = points(np.float64)
    for name, value in activation.parameters.items():
        want = activation(x, **{name: np.full(x.shape, value)})
        same = np.full(x.shape, value)
        np.testing.assert_array_equal(activation(x, out=same, **{name: same}), want)


@DTYPES
def test_out_of_any_layout_and_nothing_beside_it(activation, dtype):
    x = points(dtype, 96).reshape(8, 12)
    want = activation(x)
    for layout in (np.s_[::2, ::3], np.s_[::-2, 2::3], np.s_[:8, -12:]):
        memory = np.full((16, 36), 7, dtype)
        out = memory[layout]
        assert activation(x, out=out) is out
        np.testing.assert_array_equal(out, want)
        out[...] = 7
        assert (memory == 7).all()
    columns = np.empty((8, 12), dtype, order="F")
    np.testing.assert_array_equal(activation(x, out=columns), want)
    wide = np.empty((3, 8, 12), dtype)
    np.testing.assert_array_equal(activation(x, out=wide), np.broadcast_to(want, wide.shape))


@DTYPES
def test_out_of_another_dtype_is_converted(activation, dtype):
    x = points(dtype)
    for other in (np.float64, np.float32, np.float16, np.dtype(dtype).newbyteorder()):
        out = np.empty(x.shape, other)
        np.testing.assert_array_equal(activation(x, out=out), activation(x).astype(other))


@DTYPES
def test_where_leaves_the_rest_of_out(activation, dtype):
    x = points(dtype)
    mask = np.arange(x.size) % 3 == 0
    out = np.full_like(x, 7)
    assert activation(x, out=out, where=mask) is out
    np.testing.assert_array_equal(out, np.where(mask, activation(x), np.array(7, dtype)))


@DTYPES
def test_out_needs_no_other_memory(activation, dtype):
    x = points(dtype, 100_000)
    out = activation(x)
    tracemalloc.start()
    try:
        activation(x, out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 4


@DTYPES
def test_memory_that_a_loop_cannot_read(activation, dtype):
    x = points(dtype)
    want = activation(x)
    swapped = activation(x.astype(x.dtype.newbyteorder()))
    assert swapped.dtype == dtype
    np.testing.assert_array_equal(swapped, want)
    misaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(dtype)
    np.testing.assert_array_equal(activation(x, out=misaligned), want)
    misaligned[:] = x
    np.testing.assert_array_equal(activation(misaligned), want)
    x.flags.writeable = False
    np.testing.assert_array_equal(activation(x), want)
    with pytest.raises(ValueError, match="read-only"):
        activation(x, out=x)
