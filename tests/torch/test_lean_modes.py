"""save="output" beside all else that torch does: second derivatives, in place, transforms, compilers, layouts."""

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

import nonlin as nl
import nonlin.torch
from nonlin.inverse import inverse

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
]
NAMES = ["relu", "leaky_relu", "tanh", "softplus", "gelu", "hard_silu", "tanh_shrink", "tent"]


@pytest.fixture(params=NAMES)
def layer(request):
    return nonlin.torch.layer(request.param, save="output")


def data(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()


def close(got, want, atol=1e-6):
    torch.testing.assert_close(got, want, rtol=0, atol=atol)


def test_gradcheck(layer):
    x = data(3, 4)
    assert torch.autograd.gradcheck(layer, (x,), atol=1e-5, fast_mode=True)
    if not inverse(layer.activation.rule, tuple(layer.activation.parameters.values())).stepwise:
        assert torch.autograd.gradgradcheck(layer, (x,), atol=1e-4, fast_mode=True)


def test_derivatives_of_derivatives(layer):
    x = data(200)
    value, f = layer(x), layer.activation
    for order in (1, 2, 3):
        if not value.requires_grad:
            assert not f.derivative(x.detach(), order=order).any()
            return
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        close(value.detach(), f.derivative(x.detach(), order=order), atol=1e-5)


def test_second_derivatives_where_the_function_turns():
    """f''/f' would be 0/0 there: a second derivative does not go by way of y."""
    f = nl.get("gelu")
    place = inverse(f.rule, ()).turn.place
    x = torch.tensor([place, place - 1e-9, place + 1e-9]).requires_grad_()
    (slope,) = torch.autograd.grad(nonlin.torch.layer(f, save="output")(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    close(bend, f.derivative(x.detach(), order=2), atol=2e-4)


def test_a_gradient_penalty_trains_the_layer_before(layer):
    first = torch.nn.Linear(4, 5, dtype=torch.float64)
    x = data(6, 4)
    grads = []
    for f in (layer, layer.activation):
        (by_x,) = torch.autograd.grad(f(first(x)).sum(), x, create_graph=True)
        grads.append(torch.autograd.grad(by_x.square().sum(), first.weight)[0])
    close(*grads)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n in ("relu", "leaky_relu", "hard_silu")] + ["silu", "mish", "elu"]
)
def test_in_place_overwrites_and_keeps_nothing_else(name):
    layer = nonlin.torch.layer(name, inplace=True, save="output")
    leaf = data(3, 5)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        x = leaf * 1.0
        y = layer(x)
    assert y is x and all(t.data_ptr() == x.data_ptr() or t.dtype is torch.uint8 or not t.dim() for t in kept)
    close(*(torch.autograd.grad(z.sum(), leaf)[0] for z in (y, layer.activation(leaf))))
    with pytest.raises(RuntimeError, match="leaf"):
        layer(leaf)


@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.jacrev, torch.func.jacfwd, torch.func.hessian])
def test_function_transforms_are_exact(layer, transform):
    x = data(5).detach()
    scalar = transform is torch.func.grad
    got, want = (transform(lambda x, f=f: f(x).sum() if scalar else f(x))(x) for f in (layer, layer.activation))
    close(got, want, atol=0)


def test_forward_mode_and_batched_gradients(layer):
    x, tangent = data(7), data(7).detach()
    f = layer.activation
    for each in (
        torch.func.vmap(torch.func.grad(layer)),
        lambda x: torch.func.jvp(layer, (x,), (tangent,))[1] / tangent,
    ):
        close(each(x.detach()), f.derivative(x.detach()), atol=1e-12)
    with torch.autograd.forward_ad.dual_level():
        y = layer(torch.autograd.forward_ad.make_dual(x, tangent))
        close(torch.autograd.forward_ad.unpack_dual(y).tangent, f.derivative(x.detach()) * tangent, atol=1e-12)
    (rows,) = torch.autograd.grad(layer(x), x, torch.eye(7, dtype=x.dtype), is_grads_batched=True)
    close(rows, torch.diag(f.derivative(x.detach())))


def test_compilers_take_the_printed_expression(layer):
    x = data(6, dtype=torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    close(*(torch.autograd.grad(f(x).sum(), x)[0] for f in (compiled, layer.activation)))
    program = torch.export.export(layer, (x.detach(),))
    close(program.module()(x.detach()), layer(x.detach()), atol=1e-6)
    close(torch.fx.symbolic_trace(layer)(x), layer(x))
    leaf = x.detach()
    with torch._subclasses.FakeTensorMode() as mode:
        assert layer(mode.from_tensor(leaf).requires_grad_()).shape == x.shape


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints(layer, reentrant):
    x = data(8, 3)
    y = checkpoint(lambda x: layer(x * 2.0), x, use_reentrant=reentrant)
    close(
        torch.autograd.grad(y.sum(), x)[0] if not reentrant else backward(y, x),
        2 * layer.activation.derivative(2 * x.detach()),
    )


def backward(y, x):
    y.sum().backward()
    return x.grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast(layer, dtype):
    first, x = torch.nn.Linear(8, 8), data(16, 8, dtype=torch.float32)
    with torch.autocast("cpu", dtype=dtype):
        y = layer(first(x))
        assert y.dtype is dtype
        want = layer.activation.derivative(first(x)).float() @ first.weight
    (got,) = torch.autograd.grad(y.float().sum(), x)
    close(got, want.float(), atol=0.1)


def layouts(x):
    yield x
    yield x.transpose(0, 2)
    yield x.to(memory_format=torch.channels_last)
    yield x[:, ::2]
    yield x[:1].expand(4, -1, -1, -1)
    yield x[:0]
    yield x[0, 0, 0, 0]


@pytest.mark.parametrize("which", range(7))
def test_every_layout_of_input_and_gradient(layer, which):
    x = list(layouts(data(4, 6, 5, 3)))[which].detach().requires_grad_()
    y = layer(x)
    assert y.stride() == layer.activation(x.detach()).stride()
    for grad in (torch.ones_like(y), torch.ones((), dtype=y.dtype).expand(y.shape)):
        (got,) = torch.autograd.grad(y, x, grad, retain_graph=True)
        close(got, layer.activation.derivative(x.detach()))


def test_what_offloads_saved_tensors_gets_them_back(layer):
    x = data(4, 5, 6)
    with torch.autograd.graph.save_on_cpu():
        y = layer(x.transpose(0, 1))
    close(torch.autograd.grad(y.sum(), x)[0], layer.activation.derivative(x.detach()))


def test_nan_and_infinity(layer):
    x = torch.tensor([float("nan"), float("inf"), float("-inf"), 3e38, -3e38]).requires_grad_()
    (got,) = torch.autograd.grad(layer(x).sum(), x)
    want = layer.activation.derivative(x.detach())
    assert got[0].isnan()
    np.testing.assert_allclose(got[1:].numpy(), want[1:].numpy(), atol=2e-4)


@pytest.mark.parametrize("count", [1, 7, 8, 9, (1 << 16) - 1, (1 << 16) + 13, 3 << 16])
def test_sides_of_the_turn_at_every_size(count):
    f = nl.get("silu")
    x = data(count, dtype=torch.float32)
    (got,) = torch.autograd.grad(nonlin.torch.layer(f, save="output")(x).sum(), x)
    close(got, f.derivative(x.detach()), atol=2e-4)
