"""Layers: torch's arguments, repr and state, made from the catalogue; learned parameters move."""

import copy
import inspect
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import nonlin as nl
import nonlin.torch
from nonlin.errors import NonlinError, ParameterError, UnknownActivation

CLASSES = [name for name in nonlin.torch.__all__ if isinstance(getattr(nonlin.torch, name), type)]
# Arguments that torch wants; its softmax family has no default dimension.
WANTED = {"Threshold": (0.5, -1.0), "Softmax": (-1,), "LogSoftmax": (-1,), "Softmin": (-1,)}
TORCHS = [name for name in CLASSES if hasattr(nn, name) and name != "Linear"]
INPLACE = [name for name in CLASSES if "inplace" in inspect.signature(getattr(nonlin.torch, name)).parameters]
LEARNED = [a for a in nl.catalog.values() if a.definition.learned]
# our spelling of an argument in a layer that torch has
OURS = {"lambd": "threshold"}


def data(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_textbook():
    assert nonlin.torch.ReLU()(torch.tensor([[1.0, -2.0, 3.0]])).tolist() == [[1.0, 0.0, 3.0]]
    model = nn.Sequential(nn.Linear(3, 4), nonlin.torch.ReLU(), nn.Linear(4, 1), nonlin.torch.Sigmoid())
    assert str(model[1]) == "ReLU()"
    loss = model(torch.ones(2, 3)).sum()
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_layers_of_any_activation_compute_it(activation):
    layer = nonlin.torch.layer(activation).double().eval()
    x = data(2, 3, 4)
    np.testing.assert_array_equal(layer(x).detach().numpy(), activation(x.numpy()))
    assert type(layer).__name__ in (activation.definition.layer, "Elementwise")
    assert str(layer).startswith(activation.definition.layer + "(")
    assert not list(layer.parameters()) or activation.definition.always_learned
    bound = activation.bind(**{k: v * 1.5 for k, v in activation.parameters.items()})
    for spec in (bound, str(bound)):
        got = nonlin.torch.layer(spec).double().eval()(x)
        np.testing.assert_allclose(
            got.detach().numpy(), bound(x.numpy()), rtol=1e-7, atol=1e-7
        )  # a learned one is float32


def test_layers_of_an_axis(vector_activation):
    x = data(4, 6)
    for options in ({}, {"dim": 0}, {"axis": 0}, {"dim": None}):
        axis = 0 if 0 in options.values() else -1
        layer = nonlin.torch.layer(vector_activation, **options)
        np.testing.assert_allclose(layer(x).numpy(), vector_activation(x.numpy(), axis=axis), rtol=1e-14)
        assert str(layer) == f"{vector_activation.definition.layer}(dim={axis})"


def test_every_copy_is_the_same_layer(activation):
    layer, x = nonlin.torch.layer(activation).eval(), data(2, 3).float()
    saved = io.BytesIO()
    torch.save(layer.state_dict(), saved)
    saved.seek(0)
    fresh = nonlin.torch.layer(activation).eval()
    fresh.load_state_dict(torch.load(saved, weights_only=True))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh):
        assert type(other) is type(layer) and str(other) == str(layer) and other is not layer
        torch.testing.assert_close(other(x), layer(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", TORCHS)
def test_torchs_arguments_and_values(name):
    ours, theirs = getattr(nonlin.torch, name), getattr(nn, name)
    wanted = WANTED.get(name, ())
    a, b = ours(*wanted).double().eval(), theirs(*wanted).double().eval()
    x = data(3, 4) * 3
    torch.testing.assert_close(a(x), b(x), rtol=1e-12, atol=1e-12)
    parameters = inspect.signature(ours).parameters
    known = [n for n in inspect.signature(theirs).parameters if OURS.get(n, n) in parameters]
    assert [p for p in parameters if parameters[p].kind is not inspect.Parameter.KEYWORD_ONLY] == [
        OURS.get(n, n) for n in known
    ]
    for n in known:  # same default
        default = inspect.signature(theirs).parameters[n].default
        assert default in (parameters[OURS.get(n, n)].default, inspect.Parameter.empty, None)
    assert a.state_dict().keys() == b.state_dict().keys()
    assert getattr(nonlin.torch, name) is ours and issubclass(ours, nn.Module) and ours.__doc__


def test_torchs_spellings_and_repr():
    assert nonlin.torch.Hardtanh is nonlin.torch.HardTanh and nonlin.torch.Hardswish is nonlin.torch.HardSiLU
    assert repr(nonlin.torch.LeakyReLU(0.2)) == repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nonlin.torch.ReLU(inplace=True)) == repr(nn.ReLU(inplace=True))
    assert repr(nonlin.torch.ELU(2.0)) == repr(nn.ELU(2.0)) and repr(nonlin.torch.PReLU(3)) == repr(nn.PReLU(3))
    assert nonlin.torch.Hardshrink(lambd=0.3).threshold == 0.3
    x = data(9)
    got = nonlin.torch.GELU(approximate="tanh")(x)
    torch.testing.assert_close(got, nn.GELU(approximate="tanh")(x), rtol=1e-12, atol=1e-14)
    assert {"ReLU", "Swish", "Hardtanh", "layer"} <= set(dir(nonlin.torch))


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_overwrites_and_still_has_a_gradient(name):
    layer = getattr(nonlin.torch, name)(inplace=True).eval()
    leaf = data(3, 4).requires_grad_()
    x = leaf * 1.0
    y = layer(x)
    want = layer.activation(leaf)
    assert y is x
    torch.testing.assert_close(y, want, rtol=0, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(z.sum(), leaf)[0] for z in (y, want)), rtol=0, atol=0)


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_and_docstrings(name):
    kind = getattr(nonlin.torch, name)
    signature = inspect.signature(kind)
    assert all(p.default is not p.empty for p in signature.parameters.values())
    assert kind.__module__ == "nonlin.torch" and getattr(nonlin.torch, kind.__qualname__) is kind
    assert "f(x) = " in kind.__doc__ and "Source: " in kind.__doc__
    given = {n: p.default for n, p in signature.parameters.items()}
    assert str(kind(**given)) == str(kind())


@pytest.mark.parametrize("activation", LEARNED, ids=str)
def test_training_moves_the_learned_parameter(activation):
    options = {} if activation.definition.always_learned else {"trainable": True}
    layer = nonlin.torch.layer(activation, **options)
    assert len(list(layer.parameters())) == len(layer.state_dict()) == len(activation.definition.learned)
    assert options.keys() <= {"trainable"} and ("trainable=True" in str(layer)) == bool(options)
    x = data(64, 3).float()
    before = copy.deepcopy(layer.state_dict())
    target = activation(x, **{n: 2 * activation.parameters[n] for n in activation.definition.learned})
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    (name,), (start,) = before.keys(), before.values()
    assert layer.state_dict()[name].item() == pytest.approx(2 * start.item(), rel=0.05)


def test_a_users_own_parameters_can_be_learned():
    wave = nl.define("wave_layer", "x + a*sin(b*x)", a=1.0, b=2.0)
    layer = nonlin.torch.layer(wave, b=3.0, trainable=True)
    assert dict(layer.state_dict()) == {"a": torch.tensor(1.0), "b": torch.tensor(3.0)}
    layer(data(5).float()).sum().backward()
    assert layer.a.grad.abs() > 0 and layer.b.grad.abs() > 0


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4), (2, 3, 4, 5)])
def test_slopes_of_channels_as_torch_has_them(shape):
    x = data(*shape).float()
    for count in (1, 3):
        ours, theirs = nonlin.torch.PReLU(count), nn.PReLU(count)
        theirs.weight.data = torch.linspace(-0.5, 0.75, count)
        ours.load_state_dict(theirs.state_dict())
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        for layer, leaf in zip((ours, theirs), inputs, strict=True):
            layer(leaf).square().sum().backward()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
        torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_noise_in_training_is_torchs_generators():
    noisy = [a for a in nl.catalog.values() if a.definition.noise]
    assert noisy
    for activation in noisy:
        layer, x = nonlin.torch.layer(activation), -torch.rand(2000) - 0.1
        torch.manual_seed(1)
        slopes = layer(x) / x
        low, high = activation.parameters.values()
        assert low <= slopes.min() < low + 0.01 and high - 0.01 < slopes.max() <= high
        torch.manual_seed(1)
        torch.testing.assert_close(layer(x) / x, slopes, rtol=0, atol=0)
        assert not torch.equal(layer(x) / x, slopes)
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.sum().backward()
        torch.testing.assert_close(leaf.grad, (y / leaf).detach())
        torch.testing.assert_close(layer.eval()(x), (low + high) / 2 * x)


BAD = [
    (lambda: nonlin.torch.ReLU(slope=1), ParameterError, "slope"),
    (lambda: nonlin.torch.LeakyReLU("a"), ParameterError, "'a'"),
    (lambda: nonlin.torch.CELU(alpha=0.0), ParameterError, "alpha must be != 0"),
    (lambda: nonlin.torch.GELU(approximate="sigmoid"), ParameterError, "'sigmoid'"),
    (lambda: nonlin.torch.PReLU(0), ParameterError, "num_parameters"),
    (lambda: nonlin.torch.PReLU(3)(torch.zeros(2, 4)), ParameterError, r"\(2, 4\)"),
    (lambda: nonlin.torch.PReLU(3)(torch.zeros(3)), ParameterError, r"\(3,\)"),
    (lambda: nonlin.torch.layer("relu", trainable=True), ParameterError, "trainable"),
    (lambda: nonlin.torch.layer(nl.get("tent"), trainable=True), ParameterError, "tent"),
    (lambda: nonlin.torch.layer("relo"), UnknownActivation, "relo"),
    (lambda: nonlin.torch.layer(nl.define("halved", "x*half", half=0.5)), ParameterError, "'half'"),
    (lambda: nonlin.torch.Softmax(dim=3)(torch.zeros(2)), ParameterError, "3"),
]


@pytest.mark.parametrize(("call", "kind", "names"), BAD)
def test_bad_input_is_one_line(call, kind, names):
    with pytest.raises(kind, match=names) as caught:
        call()
    assert isinstance(caught.value, NonlinError) and "\n" not in str(caught.value) and ": " in str(caught.value)


def test_an_unknown_layer_is_an_attribute_error():
    with pytest.raises(AttributeError, match="ReLu"):
        _ = nonlin.torch.ReLu
