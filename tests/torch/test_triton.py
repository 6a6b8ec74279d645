"""The kernels for GPUs, run by Triton's interpreter on CPU tensors: values, gradients, layouts; and compiled for a GPU.

The interpreter computes each line of a kernel with NumPy, in the same arithmetic as a GPU: what it cannot show is how
a GPU divides, takes roots, sines and cosines in float32, where it may be some ulp off.
"""

import re
import warnings

import numpy as np
import pytest
import torch

import nonlin as nl
from nonlin.language.evaluate import exact

triton = pytest.importorskip("triton", reason="Triton has no release for this platform")
gpu = pytest.importorskip("nonlin.backends.triton")

pytestmark = pytest.mark.usefixtures("interpreted")

HARD = [1e-30, 1e-8, 1e-3, 0.25, 0.5, 1.0, 1.278, 2.0, 2.4, 3.0, 4.97, 5.5, 6.0, 9.1, 13.0, 17.4, 20.0, 30.0, 80.0]
HARD += [87.0, 88.0, 89.0, 89.7, 92.0, 100.0, 500.0, 1e4, 1e10, 1e19]
HARD = np.array([0.0, *HARD, *(-p for p in HARD), np.nan, -np.inf, np.inf])
CONTRACT = {torch.float32: (1e-5, 1.2e-7), torch.float64: (1e-13, 2.3e-16)}  # relative; absolute beside a zero of f'
# Every function of the language at once, for the compiler.
EVERYTHING = (
    "sin(x) + cos(x)*tan(x) + atan(x) + sinh(x)*cosh(x) + tanh(x) + exp(x)*expm1(x) + log(abs(x) + 1)*log1p(x*x) "
    "+ sqrt(x*x + a) + erf(x)*erfc(x) + sigmoid(x)*softplus(x) + normal_cdf(x) + sign(x) + max(x, a)*min(x, 1) + x**9"
)


def derivative(activation, order=0, **given):
    """The kernels of a derivative, at the parameters that the activation has unless others are given."""
    values = {**activation.parameters, **given}
    return gpu.AtNumbers(activation.rule, activation.rule.orders(order), tuple(map(float, values.values())))


def points_of(activation, dtype):
    """Hard points, kinks, nan, infinities."""
    rule = activation.rule
    kinks = [float(exact(b, rule.samples[0])) for b in rule.pieces(rule.orders(1)).breaks]
    return torch.as_tensor(np.append(HARD, kinks)).to(dtype)


def near_a_zero(activation, points):
    """Where f' has a zero within 0.25: it changes its sign, or is much larger on both sides."""
    left, here, right = (activation.derivative(points + d) for d in (-0.25, 0.0, 0.25))
    return (np.sign(left) * np.sign(right) < 0) | (10 * abs(here) < np.minimum(abs(left), abs(right)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", [0, 1])
def test_the_contract_at_hard_points_and_kinks(activation, order, dtype):
    x, info = points_of(activation, dtype), torch.finfo(dtype)
    result = derivative(activation, order).value(x)
    assert result.dtype == dtype
    got, wide = result.double().numpy(), x.double().numpy()
    want = activation.derivative(wide, order=order)
    relative, absolute = CONTRACT[dtype]
    allowed = relative * np.abs(want) + absolute * near_a_zero(activation, wide) * order
    good = (np.abs(got - want) <= allowed) | (got == want) | (np.isnan(got) & np.isnan(want))
    good |= np.isinf(got) & (np.abs(want) > info.max)
    step = 2 * info.smallest_normal * info.eps
    good |= (np.abs(want) < info.tiny) & ((got == 0) | (np.abs(got - want) <= step))
    assert good.all(), [*zip(wide[~good], got[~good], want[~good], strict=True)]
    assert not ((got == 0) & (np.abs(want) > info.tiny)).any()


# The interpreter's own conversion to bfloat16 is off by one in the last place at times, and wrong for subnormals.
@pytest.mark.parametrize(("dtype", "relative"), [(torch.float16, 0.0), (torch.bfloat16, 2.0**-7)])
def test_half_precision_is_float32_rounded_once(activation, dtype, relative):
    tiny = torch.finfo(dtype).tiny
    every = torch.arange(-32768, 32768, 61, dtype=torch.int16).view(dtype)
    every = every[~(every.abs() < tiny)]
    grad = torch.linspace(-2, 2, len(every)).to(dtype)
    for order in (0, 1):
        part = derivative(activation, order)
        want, value, product = part.value(every.float()), part.value(every), part.times(every, grad)
        assert value.dtype == product.dtype == dtype
        torch.testing.assert_close(value, want.to(dtype), rtol=relative, atol=tiny, equal_nan=True)
        # two roundings before, or one
        once = torch.finfo(dtype).eps
        torch.testing.assert_close(product, (grad.float() * want).to(dtype), rtol=once, atol=tiny, equal_nan=True)


def test_the_backward_pass_is_grad_times_the_slope(activation):
    part = derivative(activation, 1)
    for dtype in (torch.float32, torch.float64):
        x = points_of(activation, dtype)
        grad = torch.linspace(-3, 2, len(x), dtype=dtype)
        one_more_rounding = torch.finfo(dtype).eps  # of the derivative, where float64 computes a float32 product
        step = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps  # of subnormal numbers
        torch.testing.assert_close(
            part.times(x, grad), grad * part.value(x), rtol=one_more_rounding, atol=step, equal_nan=True
        )


def test_parameters_are_arguments(activation):
    x = torch.linspace(-4, 4, 97, dtype=torch.float64)
    for name, value in activation.parameters.items():
        other = {name: value * 1.1 + 0.01}
        for order in (0, 1):
            want = activation.derivative(x.numpy(), order=order, **other)
            part = derivative(activation, order, **other)
            np.testing.assert_allclose(part.value(x).numpy(), want, rtol=1e-13, atol=2.3e-16)
            single = activation.derivative(x.float().numpy().astype(float), order=order, **other)
            np.testing.assert_allclose(part.value(x.float()).numpy(), single, rtol=1e-5, atol=1.2e-7)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (1023,), (1025,), (5, 7, 59)])
def test_shapes(shape):
    x = torch.linspace(-3, 3, int(np.prod(shape))).reshape(shape)
    for part in (derivative(nl.silu), derivative(nl.silu, 1)):
        for result in (part.value(x), part.times(x, torch.full_like(x, 0.5))):
            assert result.shape == shape
    np.testing.assert_allclose(derivative(nl.silu).value(x).numpy(), nl.silu(x.numpy()), rtol=1e-6)


def test_layouts_are_those_of_torch(layouts):
    del layouts["empty"]  # the strides of nothing are not compared
    for x in layouts.values():
        for grad in (
            torch.ones_like(x),
            torch.ones(x.shape, dtype=x.dtype),
            torch.ones((), dtype=x.dtype).expand_as(x),
        ):
            value, slope = derivative(nl.gelu).value(x), derivative(nl.gelu, 1).times(x, grad)
            np.testing.assert_allclose(value.numpy(), nl.gelu(x.numpy()), rtol=1e-14)
            np.testing.assert_allclose(slope.numpy(), nl.gelu.derivative(x.numpy()), rtol=1e-13)
            assert value.stride() == slope.stride() == torch.nn.functional.silu(x).stride()


def test_what_triton_has_no_word_for_is_computed_by_torch():
    x = torch.linspace(0.1, 3, 9, dtype=torch.float64)
    root = nl.define("root", "abs(x)**1.5")
    np.testing.assert_allclose(derivative(root).value(x).numpy(), root(x.numpy()), rtol=1e-13)
    np.testing.assert_allclose(
        derivative(root, 1).times(x, 2 * x), 2 * x.numpy() * root.derivative(x.numpy()), rtol=1e-13
    )
    huge = derivative(nl.threshold, threshold=1e300)  # no sum of three of float32
    assert (huge.value(x) == 0).all()


def test_where_triton_cannot_compile_torch_computes(monkeypatch):
    class Broken:
        def __getitem__(self, grid):
            raise RuntimeError("Failed to find C compiler")

    monkeypatch.setattr(triton, "jit", lambda _: Broken())
    x, part = torch.linspace(-3, 3, 9), derivative(nl.silu)
    with pytest.warns(RuntimeWarning, match=r"torch\.float32 here: Failed to find C compiler;"):
        first = part.value(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = part.value(x)
    torch.testing.assert_close(first, second)
    np.testing.assert_allclose(first.numpy(), nl.silu(x.numpy()), rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_kernels_compile_for_a_gpu(monkeypatch, gpu_driver, dtype):
    """They are compiled by Triton and by CUDA's assembler, as for a launch, and not run."""
    monkeypatch.delenv("TRITON_INTERPRET")
    everything = nl.define("everything", EVERYTHING, a=1.5, constraints={"a": "> 0"})
    kernel = gpu._kernel(everything.rule, everything.rule.orders(1), dtype, False, True).function
    made = kernel.warmup(dtype, dtype, dtype, 2**20, *gpu._parts(1.5), BLOCK=gpu.BLOCK, **gpu.OPTIONS, grid=(1,))
    assert made.asm["cubin"]
    moves = re.findall(r"(?:ld|st)\.global\.v(\d)\.b(\d+)", made.asm["ptx"])
    assert {int(count) * int(bits) for count, bits in moves} == {128}
