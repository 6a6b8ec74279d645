"""Compilers, exporters and tracers see the printed expression in one graph, with our derivatives where they train."""

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

import nonlin as nl
import nonlin.torch
from nonlin.language.evaluate import exact
from nonlin.vector import VectorActivation

pytestmark = [
    # torch's own: Dynamo makes an instance of every autograd.Function that it traces, and torch uses torch.jit
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
]
HARD = [-88.0, -30.0, -13.0, -5.5, -3.0, -1.0, -1e-8, 0.0, 0.3, 1.0, 3.0, 6.0, 20.0, 89.0]
TIGHT = {"rtol": 1e-12, "atol": 1e-13}


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()


def points(activation):
    """Hard points and the kinks, where a derivative that is not ours would be another one."""
    rule = activation.rule
    kinks = [float(exact(b, rule.samples[0])) for b in rule.pieces(rule.orders()).breaks]
    return torch.tensor(HARD + kinks, dtype=torch.float64)


def test_a_call_and_its_gradient_compile_to_one_graph(activation):
    x = points(activation).requires_grad_()
    parameters = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in activation.parameters.items()}
    arguments = [x, *parameters.values()]
    got = torch.compile(activation, fullgraph=True, backend="aot_eager")(x, **parameters)
    want = activation(x, **parameters)
    torch.testing.assert_close(got, want, **TIGHT)
    grads = (torch.autograd.grad(y.sum(), arguments) for y in (got, want))
    for grad, expected in zip(*grads, strict=True):
        torch.testing.assert_close(grad, expected, **TIGHT)


def test_one_function_compiles_for_several_activations():
    """What differs from one compilation to the next, Dynamo takes for a variable the next time."""

    def compiled(activation):
        return torch.compile(lambda x: activation(x), fullgraph=True, dynamic=True, backend="aot_eager")

    x = torch.linspace(-3, 7, 41).requires_grad_()
    for activation in (nl.relu6, nl.gelu, nl.leaky_relu, nl.swish.bind(beta=1.5), nl.softplus):
        got, want = compiled(activation)(x), activation(x)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(*(torch.autograd.grad(y.sum(), x) for y in (got, want)))


def test_functions_of_an_axis_compile_to_one_graph(vector_activation):
    x = torch.linspace(-3, 3, 24, dtype=torch.float64).reshape(4, 6)
    compiled = torch.compile(vector_activation, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), vector_activation(x), **TIGHT)


@pytest.mark.parametrize("name", ["gelu", "prelu", "tent"])
def test_inductor_trains_a_layer(name):
    layer = nonlin.torch.layer(nl.get(name))
    x = torch.linspace(-6, 6, 24).reshape(4, 6).requires_grad_()
    compiled = torch.compile(layer, fullgraph=True, dynamic=True)
    grads = [torch.autograd.grad(each(x).square().sum(), [x, *layer.parameters()]) for each in (compiled, layer)]
    torch.testing.assert_close(compiled(x), layer(x))
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("name", ["relu", "gelu", "mish", "swish"])
def test_compiled_function_transforms(name):
    f = nl.get(name)
    x = torch.tensor(HARD, dtype=torch.float64)
    per_sample = torch.compile(torch.vmap(torch.func.grad(f)), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(per_sample(x), f.derivative(x), **TIGHT)


def test_a_layer_exports_to_plain_operators(activation):
    layer = nonlin.torch.layer(activation).double().eval()
    x = points(activation).reshape(-1, 1)
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    for node in program.graph.nodes:
        assert node.op != "call_function" or str(node.target).startswith("aten."), node
    torch.testing.assert_close(program.module()(x), layer(x), **TIGHT)
    torch.testing.assert_close(program.module()(x[:3]), layer(x[:3]), **TIGHT)


@pytest.mark.parametrize("name", ["relu", "gelu", "hard_silu"])
def test_strict_export(name):
    layer, x = nonlin.torch.layer(name), torch.linspace(-4, 4, 9)
    program = torch.export.export(layer, (x,), strict=True)
    torch.testing.assert_close(program.module()(x), layer(x))


def test_tracers_record_torch_operators(activation):
    x = points(activation)
    want = activation(x)
    for mode in ("real", "symbolic"):
        graph = make_fx(activation, tracing_mode=mode)(x)
        torch.testing.assert_close(graph(x.flip(0)), want.flip(0), **TIGHT)
    graph = make_fx(torch.func.grad(lambda x: activation(x).sum()))(x)
    torch.testing.assert_close(graph(x), torch.as_tensor(activation.derivative(x.numpy())), **TIGHT)
    layer = nonlin.torch.layer(activation).double().eval()
    torch.testing.assert_close(torch.fx.symbolic_trace(layer)(x), layer(x), **TIGHT)


@pytest.mark.parametrize("name", ["relu", "gelu", "soft_shrink"])
def test_jit_trace(name):
    layer, x = nonlin.torch.layer(name), torch.linspace(-4, 4, 9)
    traced = torch.jit.trace(layer, x)
    torch.testing.assert_close(traced(x.flip(0)), layer(x).flip(0))


def test_half_precision_compiles(activation):
    x = torch.tensor(HARD, dtype=torch.bfloat16)
    got = torch.compile(activation, fullgraph=True, backend="eager")(x)
    assert got.dtype == x.dtype
    torch.testing.assert_close(got, activation(x), rtol=8e-3, atol=0)


def test_a_first_call_inside_a_compiled_function():
    fresh = nl.define("fresh_in_graph", "x * exp(-a*x**2)", a=0.5)
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)
    got = torch.compile(lambda x: fresh(x, a=2.0) + fresh.derivative(x, wrt="a"), fullgraph=True, backend="eager")(x)
    np.testing.assert_allclose(got.numpy(), fresh(x.numpy(), a=2.0) + fresh.derivative(x.numpy(), wrt="a"), rtol=1e-12)


def test_vector_layers_export():
    for activation in nl.catalog.values():
        if isinstance(activation, VectorActivation):
            layer, x = nonlin.torch.layer(activation), torch.linspace(-3, 3, 24).reshape(4, 6)
            torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), layer(x))
