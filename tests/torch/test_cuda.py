"""On a GPU, where there is one: the laws that the interpreter cannot show, for every function of the catalogue."""

import numpy as np
import pytest
import torch

import nonlin as nl
import nonlin.torch

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:Please use the new API settings to control TF32"),
]
HARD = [0.0, 1e-30, 1e-8, 1e-3, 0.25, 0.5, 1.0, 1.278, 2.0, 2.4, 3.0, 4.97, 5.5, 6.0, 9.1, 13.0, 17.4, 20.0, 30.0, 80.0]
HARD += [87.0, 88.0, 89.0, 89.7, 92.0, 100.0, 500.0, 1e4, 1e10, 1e19, np.inf]
# relative; absolute beside a zero of f'
CONTRACT = {torch.float32: (1e-6, 1.2e-7), torch.float64: (1e-14, 2.3e-16)}


def points_of(activation, dtype):
    """Hard points, kinks, nan, and a grid that several programs of a kernel share."""
    kinks = activation.facts.kinks
    points = np.concatenate([HARD, np.negative(HARD), kinks, [np.nan], np.linspace(-20, 20, 5001)])
    return torch.as_tensor(points).to(dtype)


def slope(function, x, order=1):
    """The derivative of an order by autograd."""
    result, x = None, x.detach().requires_grad_()
    for k in range(order):
        result = function(x) if result is None else result
        (result,) = torch.autograd.grad(result, x, torch.ones_like(result), create_graph=k < order - 1)
    return result.detach()


def near_a_zero(activation, points):
    """Where f' has a zero within 0.25: it changes its sign, or is much larger on both sides."""
    with np.errstate(invalid="ignore"):
        left, here, right = (activation.derivative(points + d) for d in (-0.25, 0.0, 0.25))
    return (np.sign(left) * np.sign(right) < 0) | (10 * abs(here) < np.minimum(abs(left), abs(right)))


def breaches(got, want, x, relative, absolute):
    """The points at which a result is neither within the bounds, nor equal, nor infinite beyond the largest number."""
    info = torch.finfo(got.dtype)
    got, size = got.double().cpu().numpy(), np.abs(want)
    with np.errstate(invalid="ignore"):
        off = np.abs(got - want)
    good = (off <= relative * size + absolute) | (got == want) | (np.isnan(got) & np.isnan(want))
    good |= np.isinf(got) & (size > info.max)
    good |= (size < info.tiny) & ((got == 0) | (off <= 2 * info.smallest_normal * info.eps))
    good &= ~((got == 0) & (size > info.tiny))
    return [*zip(x[~good], got[~good], want[~good], strict=True)]


@pytest.mark.parametrize("dtype", CONTRACT)
@pytest.mark.parametrize("order", [0, 1])
def test_the_contract_at_hard_points_and_kinks(activation, order, dtype):
    x = points_of(activation, dtype)
    wide = x.double().numpy()
    want = activation.derivative(wide, order=order)
    got = slope(activation, x.cuda()) if order else activation(x.cuda())
    assert got.dtype == dtype and got.is_cuda
    relative, absolute = CONTRACT[dtype]
    assert not breaches(got, want, wide, relative, absolute * near_a_zero(activation, wide) * order)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("order", [0, 1])
def test_every_half_is_the_true_value_rounded(activation, order, dtype):
    """To 0.51 ulp: the rounding is half of one, and what float32 adds a hundredth. A subnormal one may be 0."""
    every = torch.arange(-32768, 32768, dtype=torch.int16).view(dtype)
    wide, info = every.double().numpy(), torch.finfo(dtype)
    want = activation.derivative(wide, order=order)
    got = slope(activation, every.cuda()) if order else activation(every.cuda())
    assert got.dtype == dtype
    with np.errstate(all="ignore"):
        ulp = np.exp2(np.floor(np.log2(np.maximum(np.abs(want), info.tiny)))) * info.eps
        size = np.where(np.abs(want) >= info.max + ulp / 2, np.inf, np.abs(want))
        true = np.copysign(size, want)
        off = np.abs(got.double().cpu().numpy() - true)
        allowed = 0.51 * ulp + 1.2e-7 * near_a_zero(activation, wide) * order
    found = got.double().cpu().numpy()
    good = (off <= allowed) | (found == true) | (np.isnan(true) & np.isnan(found))
    good |= (found == 0) & (size < info.tiny)
    assert good.all(), [*zip(wide[~good], found[~good], want[~good], strict=True)][:9]


def test_compiled_by_torch_it_is_the_same_function(activation):
    """As exact as the compiler's own functions are: it flushes subnormal numbers, also those that are factors."""
    torch.compiler.reset()
    x = points_of(activation, torch.float32)
    compiled, wide = torch.compile(lambda x: activation(x), fullgraph=True, dynamic=True), x.double().numpy()
    for order, function in enumerate((compiled, lambda x: slope(compiled, x))):
        got, want = function(x.cuda()), activation.derivative(wide, order=order)
        want = np.where(np.abs(want) < 1e-35, 0, want)
        assert not breaches(got, want, wide, 2e-5, 1e-35 + 1.2e-7 * order)


def test_second_derivatives(activation):
    x = torch.linspace(-7, 7, 999, dtype=torch.float64)
    want = activation.derivative(x.numpy(), order=2)
    np.testing.assert_allclose(slope(activation, x.cuda(), 2).cpu(), want, rtol=1e-11, atol=1e-13)


def test_a_pass_takes_the_memory_of_its_result(activation):
    x = torch.randn(1 << 20, device="cuda", requires_grad=True)
    grad = torch.randn_like(x)
    activation(x).backward(grad)  # compiled, and x.grad is there
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    y = activation(x)
    assert torch.cuda.max_memory_allocated() - before == x.nbytes
    y.backward(grad)
    assert torch.cuda.max_memory_allocated() - before == 2 * x.nbytes


def test_layouts_are_those_of_torch(layouts):
    for name, x in layouts.items():
        x = x.cuda().as_strided(x.shape, x.stride()) if name == "expanded" else x.cuda()
        got = nl.gelu(x)
        np.testing.assert_allclose(got.cpu(), nl.gelu(x.cpu().numpy()), rtol=1e-14)
        assert got.stride() == torch.nn.functional.silu(x).stride() or not x.numel()


def test_more_elements_than_a_32_bit_index_reaches():
    x = torch.full(((1 << 31) + 5,), -1.0, dtype=torch.bfloat16, device="cuda")
    x[-3:] = 2.0
    y = nl.leaky_relu(x)
    assert (y[-3:] == 2).all() and y[-4] == y[0] < 0
    assert y.float().sum(dtype=torch.float64).item() == pytest.approx(6 + y[0].item() * ((1 << 31) + 2))


def test_streams_and_graphs():
    x = torch.randn(10_000, device="cuda")
    want = nl.silu(x)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        got = nl.silu(x)
    torch.cuda.current_stream().wait_stream(stream)
    torch.testing.assert_close(got, want, rtol=0, atol=0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = nl.silu(x)
    x.neg_()
    graph.replay()
    torch.testing.assert_close(captured, nl.silu(x), rtol=0, atol=0)


@pytest.mark.parametrize("save", ["input", "output"])
def test_training_under_autocast(save):
    torch.manual_seed(0)
    layer = nonlin.torch.GELU(save=save)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), layer, torch.nn.Linear(64, 1)).cuda()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    x = torch.randn(256, 16, device="cuda")
    losses = []
    for _ in range(100):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = torch.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_from_the_output_is_that_of_the_cpu(dtype):
    x = torch.linspace(-9, 9, 100_003)
    grads = []
    for device in ("cpu", "cuda"):
        point = x.to(device, dtype, copy=True).requires_grad_()
        nonlin.torch.Mish(save="output")(point).backward(torch.ones_like(point))
        grads.append(point.grad.cpu())
    # the outputs may be one step apart, which counts most beside the minimum
    torch.testing.assert_close(*grads, rtol=torch.finfo(dtype).eps, atol=5e-5 if dtype == torch.float32 else 0.1)
