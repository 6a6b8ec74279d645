"""Calls of an activation on tensors that pass for a GPU's: which of them start a kernel, and what they give."""

import sys

import numpy as np
import pytest
import torch

import nonlin as nl
import nonlin.backends.torch as torch_backend
from nonlin.backends import torch_eager, torch_memory

triton = pytest.importorskip("triton", reason="Triton has no release for this platform")
gpu = pytest.importorskip("nonlin.backends.triton")
pytestmark = [
    pytest.mark.usefixtures("interpreted"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
]


def kernels(activation, order=0):
    return gpu.at_numbers(activation.rule, activation.rule.orders(order), tuple(activation.parameters.values()))


@pytest.fixture
def on_gpu(monkeypatch):
    """CPU tensors are taken for a GPU's; gives how many kernels were started."""
    started = []

    def counted(kernel):
        class Counted:
            def __getitem__(self, grid):
                started.append(kernel.__name__)
                return jit(kernel)[grid]

        return Counted()

    jit, is_memory = triton.jit, torch_memory.is_memory
    monkeypatch.setattr(triton, "jit", counted)
    for module in (torch_memory, torch_eager, torch_backend):
        monkeypatch.setattr(module, "is_memory", lambda x, gpu=False: gpu and is_memory(x))
    monkeypatch.setattr(torch_backend, "KINDS", ())  # by which a call knows memory of the CPU at once
    yield started


def test_a_call_is_one_kernel_and_its_gradient_another(activation, on_gpu):
    x = torch.linspace(-4, 4, 33, dtype=torch.float64, requires_grad=True)
    y = activation(x)
    assert len(on_gpu) == 1
    grad = torch.linspace(-1, 1, 33, dtype=torch.float64)
    y.backward(grad)
    assert [name.split("_")[1] for name in on_gpu] == ["forward", "backward"]
    torch.testing.assert_close(y.detach(), kernels(activation).value(x.detach()), rtol=0, atol=0)
    torch.testing.assert_close(x.grad, kernels(activation, 1).times(x.detach(), grad), rtol=0, atol=0)


def test_every_derivative_is_a_kernel_where_parameters_are_numbers(on_gpu):
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    f = nl.swish.bind(beta=1.25)
    result = f(x.requires_grad_())
    for order in (1, 2, 3):
        (result,) = torch.autograd.grad(result.sum(), x, create_graph=True)
        np.testing.assert_allclose(result.detach(), f.derivative(x.detach().numpy(), order=order), rtol=1e-12)
    assert len(on_gpu) >= 4
    x = x.detach()
    value, tangent = torch.func.jvp(f, (x,), (torch.full_like(x, 2.0),))
    np.testing.assert_allclose(value, f(x.numpy()), rtol=1e-13)
    np.testing.assert_allclose(tangent, 2 * f.derivative(x.numpy()), rtol=1e-12)
    slopes = torch.vmap(torch.func.grad(f))(x)
    np.testing.assert_allclose(slopes, f.derivative(x.numpy()), rtol=1e-12)


def test_tensor_parameters_are_left_to_torch(on_gpu):
    x = torch.linspace(-3, 3, 8, dtype=torch.float64).reshape(2, 4).requires_grad_()
    slope = torch.tensor([[0.1], [0.2]], dtype=torch.float64, requires_grad=True)
    nl.prelu(x, negative_slope=slope).sum().backward()
    assert not on_gpu
    np.testing.assert_allclose(slope.grad, x.detach().clamp(max=0).sum(1, keepdim=True))


def test_without_triton_torch_computes(monkeypatch, on_gpu):
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "nonlin.backends.triton")
    monkeypatch.delattr(nl.backends, "triton")
    torch_eager._gpu.cache_clear()
    x = torch.linspace(-3, 3, 9, requires_grad=True)
    y = nl.silu(x)
    y.sum().backward()
    torch_eager._gpu.cache_clear()
    assert not on_gpu
    np.testing.assert_allclose(y.detach(), nl.silu(x.detach().numpy()), rtol=1e-5)
    np.testing.assert_allclose(x.grad, nl.silu.derivative(x.detach().numpy()), rtol=1e-5)
