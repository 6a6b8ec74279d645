"""Values on tensors: NumPy's, whatever the layout, dtype or mode; and the printed expression within its contract."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import nonlin as nl
from nonlin.backends.torch_printed import expression, name_of
from nonlin.errors import DtypeError

HARD = [0.0, 1e-8, 1e-3, 0.25, 0.5, 1.0, 2.4, 3.0, 5.5, 6.0, 9.1, 13.0, 17.4, 20.0, 30.0, 88.0, 89.7, 1e4, 1e19]
HARD = sorted({*HARD, *(-p for p in HARD)})
POINTS = torch.linspace(-8, 8, 48, dtype=torch.float64)


def test_values_are_those_of_numpy(activation):
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor(HARD, dtype=dtype)
        got = activation(x)
        assert got.dtype == dtype and got.shape == x.shape and type(got) is torch.Tensor
        np.testing.assert_array_equal(got.numpy(), activation(x.numpy()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_rounded_once(activation, dtype):
    x = torch.tensor(HARD).to(dtype)
    torch.testing.assert_close(activation(x), activation(x.float()).to(dtype), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("dtype", "tolerance", "slack"), [(torch.float32, 1e-5, 1.2e-7), (torch.float64, 1e-13, 2.3e-16)]
)
def test_the_printed_expression_keeps_the_contract(activation, dtype, tolerance, slack):
    x, tiny = torch.tensor(HARD, dtype=dtype), torch.finfo(dtype).tiny
    for order in (0, 1):
        name = name_of(activation.rule, activation.rule.orders(order))
        got = expression(name, x, list(activation.parameters.values())).double()
        want = torch.as_tensor(activation.derivative(x.double().numpy(), order=order))
        large = want.abs() > torch.finfo(dtype).max
        assert not got[large].isfinite().any()
        # beside an interior zero of f' the bound is absolute; elsewhere, and in the tails most of all, it is relative
        near_zero = near_a_zero(activation, x.double()) & (order == 1)
        error = (got - want).abs()
        allowed = (
            tolerance * want.abs() + torch.where(near_zero, slack, 0.0) + torch.where(want.abs() < tiny, 1e-44, 0.0)
        )
        good = large | (error <= allowed) | (got == want) | ((got == 0) & (want.abs() < tiny))
        assert good.all(), (order, x[~good], got[~good])
        assert not ((got == 0) & (want.abs() > tiny)).any()


def near_a_zero(activation, x):
    """Whether f' has an interior zero within 0.25 of x, where digits cancel in any arithmetic."""
    grid = np.linspace(-9, 9, 7201)
    m = np.abs(activation.derivative(grid))
    lowest = (m[1:-1] < m[:-2]) & (m[1:-1] < m[2:]) & (m[1:-1] < 1e-2)
    return ((x[:, None] - torch.as_tensor(grid[1:-1][lowest])).abs() < 0.25).any(1)


def test_nan_and_infinity(activation):
    x = torch.tensor([torch.nan, -torch.inf, torch.inf], dtype=torch.float64)
    for order in (0, 1):
        want = activation.derivative(x.numpy(), order=order)
        printed = expression(
            name_of(activation.rule, activation.rule.orders(order)), x, [*activation.parameters.values()]
        )
        for got in (activation.derivative(x, order=order), printed):
            np.testing.assert_array_equal(got.numpy(), want)


def test_layouts_are_those_of_torch(activation, layouts):
    for x in layouts.values():
        got = activation(x)
        np.testing.assert_array_equal(got.numpy(), activation(x.numpy()))
        assert got.stride() == torch.nn.functional.silu(x).stride() or not x.numel()
        x = x.detach().requires_grad_()
        (grad,) = torch.autograd.grad(activation(x).sum(), x)
        assert grad.shape == x.shape


def test_tensor_parameters_broadcast(activation):
    x = POINTS.reshape(6, 8)
    for name, value in activation.parameters.items():
        values = torch.tensor([value, value * 1.25], dtype=torch.float64).reshape(2, 1, 1)
        got = activation(x, **{name: values})
        assert got.shape == (2, 6, 8)
        for row, v in zip(got, values.flatten().tolist(), strict=True):
            # at its defaults a function has a kernel of its own, where the parameters are constants
            np.testing.assert_array_max_ulp(row.numpy(), activation(x.numpy(), **{name: v}), maxulp=4)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            assert activation(mode.from_tensor(x), **{name: mode.from_tensor(values)}).shape == (2, 6, 8)


def test_integers_are_kept_or_refused(activation):
    whole = torch.arange(-4, 5)
    expected = activation(whole.numpy())
    if expected.dtype == np.int64:
        got = activation(whole)
        assert got.dtype == torch.int64
        np.testing.assert_array_equal(got.numpy(), expected)
    else:
        with pytest.raises(DtypeError, match=r"torch\.int64"):
            activation(whole)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bool, torch.float8_e4m3fn])
def test_other_dtypes_are_refused(activation, dtype):
    with pytest.raises(DtypeError, match=str(dtype)):
        activation(torch.zeros(2).to(dtype))


def test_tensors_that_are_not_memory(activation):
    x = POINTS.reshape(6, 8)
    meta = activation(x.to("meta"))
    assert meta.shape == (6, 8) and meta.dtype == x.dtype and meta.device.type == "meta"
    with FakeTensorMode() as mode:
        assert activation(mode.from_tensor(x)).shape == (6, 8)
    negated = torch.complex(x, x).conj().imag  # a view that negates when read
    assert negated.is_neg()
    torch.testing.assert_close(activation(negated), activation(-x), rtol=1e-12, atol=1e-13)
    assert type(activation(torch.nn.Parameter(x)).detach()) is torch.Tensor


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_dtype_of_the_input(activation, half):
    for dtype in (torch.float32, half):
        x = torch.linspace(-2, 2, 9, dtype=dtype, requires_grad=True)
        with torch.autocast("cpu", dtype=half):
            y = activation(x)
        y.sum().backward()
        assert y.dtype == dtype and x.grad.dtype == dtype


def test_functions_of_an_axis(vector_activation):
    for dtype in (torch.float64, torch.float32, torch.float16):
        x = torch.linspace(-2, 2, 24, dtype=dtype).reshape(2, 3, 4)
        got = vector_activation(x)
        assert got.dtype == dtype
        tolerance = {torch.float64: 1e-14, torch.float32: 1e-6, torch.float16: 1e-3}[dtype]
        np.testing.assert_allclose(got.numpy(), vector_activation(x.numpy()), rtol=tolerance, atol=tolerance)
    x = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(vector_activation, x)
    with pytest.raises(DtypeError, match=r"torch\.int64"):
        vector_activation(torch.arange(4))
    assert vector_activation(torch.empty(0, 4)).shape[0] == 0
    assert vector_activation(torch.empty(4, 0)).shape == (4, 0)


def test_a_tensor_parameter_makes_a_tensor():
    got = nl.swish(2.0, beta=torch.tensor([1.0, 2.0]))
    np.testing.assert_allclose(got.numpy(), nl.swish(2.0, beta=np.array([1.0, 2.0])), rtol=1e-6)
