"""Derivatives on tensors: of every order, by x and by parameters, in every way that torch asks for them."""

import threading

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.utils.checkpoint import checkpoint

import nonlin as nl
from nonlin.language.evaluate import exact
from nonlin.vector import VectorActivation

# torch's own: its function transforms compile a decomposition with `torch.jit` when they are first used
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
# Away from every kink, also of the functions whose kinks are not listed as breakpoints.
POINTS = torch.tensor([-7.3, -2.2, -1.3, -0.37, 0.23, 0.81, 1.6, 2.7, 4.4], dtype=torch.float64)

ELEMENTWISE = [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)]
ELEMENTWISE += [nl.get(name) for name in ("tent", "leaky_sine", "moving_max")]  # the users' own of conftest.py
PARAMETRIC = [a for a in ELEMENTWISE if a.parameters]
# The formulas of one piece: those whose higher derivatives are worth a compilation.
SMOOTH = [a for a in ELEMENTWISE if not a.rule.pieces(a.rule.orders()).breaks]


def away(activation):
    assert all(abs(float(exact(b, activation.rule.samples[0])) - p) > 1e-2
               for b in activation.rule.pieces(activation.rule.orders()).breaks for p in POINTS.tolist())  # fmt: skip
    return POINTS.clone().requires_grad_()


def differentiable(activation):
    """What differences of values can check: a surrogate is no derivative, but has derivatives itself."""
    return activation.derivative if activation.surrogate else activation


def test_the_gradient_and_its_gradient(activation):
    x = away(activation)
    activation = differentiable(activation)
    assert gradcheck(activation, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gradgradcheck(activation, x, check_fwd_over_rev=True, check_batched_grad=True)


def test_the_gradient_is_numpys_derivative(activation):
    x = away(activation)
    (first,) = torch.autograd.grad(activation(x).sum(), x, create_graph=True)
    np.testing.assert_array_equal(first.detach().numpy(), activation.derivative(POINTS.numpy()))
    second = torch.autograd.grad(first.sum(), x, allow_unused=True)[0]
    np.testing.assert_array_equal(second.numpy(), activation.derivative(POINTS.numpy(), order=2))


@pytest.mark.parametrize("activation", SMOOTH, ids=str)
def test_third_derivatives(activation):
    third = torch.func.grad(torch.func.grad(torch.func.grad(activation)))
    np.testing.assert_array_equal(
        torch.func.vmap(third)(POINTS).numpy(), activation.derivative(POINTS.numpy(), order=3)
    )


def test_the_gradient_at_a_kink_is_the_stated_one(activation):
    rule = activation.rule
    edges = torch.tensor(
        [float(exact(b, rule.samples[0])) for b in rule.pieces(rule.orders()).breaks], dtype=torch.float64
    )
    want = activation.derivative(edges.numpy())
    for x in (edges, edges.float() if (edges.float() == edges).all() else edges):
        x = x.clone().requires_grad_()
        (grad,) = torch.autograd.grad(activation(x).sum(), x)
        np.testing.assert_array_equal(grad.numpy(), want.astype(grad.numpy().dtype))


def test_function_transforms_agree(activation):
    slope = torch.as_tensor(activation.derivative(POINTS.numpy()))
    curvature = torch.as_tensor(activation.derivative(POINTS.numpy(), order=2))

    def total(x):
        return activation(x).sum()

    func = torch.func
    one = torch.ones_like(POINTS)
    grid = torch.stack([POINTS, POINTS.flip(0)], 1)
    torch.testing.assert_close(func.vmap(func.grad(activation))(POINTS), slope, rtol=0, atol=0)
    torch.testing.assert_close(func.jvp(activation, (POINTS,), (one,))[1], slope, rtol=0, atol=0)
    torch.testing.assert_close(func.vjp(activation, POINTS)[1](one)[0], slope, rtol=0, atol=0)
    torch.testing.assert_close(func.hessian(total)(POINTS), torch.diag(curvature), rtol=0, atol=0)
    torch.testing.assert_close(func.jacrev(func.jacfwd(total))(POINTS), torch.diag(curvature), rtol=0, atol=0)
    torch.testing.assert_close(func.vmap(activation, in_dims=1, out_dims=1)(grid), activation(grid), rtol=0, atol=0)
    with forward_ad.dual_level():
        dual = activation(forward_ad.make_dual(POINTS, one))
        torch.testing.assert_close(forward_ad.unpack_dual(dual).tangent, slope, rtol=0, atol=0)


@pytest.mark.parametrize("activation", PARAMETRIC, ids=str)
def test_gradients_by_tensor_parameters(activation):
    x = POINTS[:6].reshape(3, 2).clone().requires_grad_()
    # one value, one a column, one a row: the gradient has the parameter's shape
    shapes = [(), (2,), (3, 1)]
    values = [
        torch.full(shapes[i % 3], v * 1.125 + 0.0625, dtype=torch.float64, requires_grad=True)
        for i, v in enumerate(activation.parameters.values())
    ]

    def f(x, *values):
        return differentiable(activation)(x, **dict(zip(activation.parameters, values, strict=True)))

    assert gradcheck(f, (x, *values), check_forward_ad=True, check_batched_grad=True)
    if activation in SMOOTH:
        assert gradgradcheck(f, (x, *values))


def test_a_parameter_is_batched_with_x():
    x, betas = POINTS.reshape(3, 3), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def f(row, beta):
        return nl.swish(row, beta=beta)

    want = nl.swish(x, beta=betas.reshape(3, 1))
    torch.testing.assert_close(torch.vmap(f)(x, betas), want, rtol=0, atol=0)
    torch.testing.assert_close(torch.vmap(f, in_dims=(1, 0))(x, betas), nl.swish(x.T, beta=betas.reshape(3, 1)))
    torch.testing.assert_close(torch.vmap(f, in_dims=(None, 0))(x[0], betas), nl.swish(x[0], beta=betas[:, None]))
    torch.testing.assert_close(torch.vmap(f, in_dims=(0, None))(x, betas), nl.swish(x, beta=betas))
    by_beta = torch.vmap(torch.func.grad(lambda row, beta: f(row, beta).sum(), argnums=1))(x, betas)
    want = nl.swish.derivative(x, wrt="beta", beta=betas.reshape(3, 1)).sum(1)
    torch.testing.assert_close(by_beta, want)


def test_half_precision_has_a_gradient_of_its_dtype(activation):
    for dtype in (torch.float16, torch.bfloat16):
        x = POINTS.to(dtype).requires_grad_()
        (grad,) = torch.autograd.grad(activation(x).sum(), x)
        assert grad.dtype == dtype
        torch.testing.assert_close(grad.double(), activation.derivative(x.detach().double()), rtol=8e-3, atol=1e-3)


def test_a_gradient_does_not_vanish_by_rounding(activation):
    x = torch.tensor([-88.0, -30.0, -13.0, -5.5, 20.0, 60.0], dtype=torch.float64)
    want = torch.as_tensor(activation.derivative(x.numpy()))
    x = x.float().requires_grad_()
    (grad,) = torch.autograd.grad(activation(x).sum(), x)
    assert ((grad != 0) | (want.abs() < torch.finfo(torch.float32).tiny)).all()


def test_no_grad_and_inference_mode(activation):
    x = away(activation)
    with torch.no_grad():
        assert not activation(x).requires_grad
    with torch.inference_mode():
        assert activation(x).is_inference()
    assert activation(x).requires_grad


def test_threads_and_checkpoints(activation):
    want = activation.derivative(POINTS.numpy())
    grads = []

    def run(reentrant):
        x = away(activation)
        checkpoint(activation, x, use_reentrant=reentrant).sum().backward()
        grads.append(x.grad.numpy())

    threads = [threading.Thread(target=run, args=(i % 2 == 0,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grads) == 4
    for grad in grads:
        np.testing.assert_array_equal(grad, want)
