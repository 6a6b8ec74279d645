"""nonlin's own functions in place of torch's: the same outputs and gradients, within the contract."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.errors import SwapError
from nonlin.torch.recognition import SPELLINGS, read
from nonlin.vector import VectorActivation

LAYERS = [
    (a, getattr(nn, a.definition.peers["torch"].names[0]))
    for a in nl.catalog.values()
    if "torch" in a.definition.peers and a.definition.text != "x"
]
WANTED = {"threshold": 0.5, "value": -1.0, "dim": -1, "min": 0.0, "max": 6.0}


def named(function):
    """Its name without its address, which is another in each process."""
    return f"{getattr(function, '__module__', '')} {str(function).partition(' at 0x')[0]}"


FUNCTIONS = sorted(
    ((f, s) for f, s in SPELLINGS.items() if "clamp_max" not in f.__name__ and not s.learned),
    key=lambda item: named(item[0]),
)


def data(dtype=torch.float64):
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 3
    return x.to(dtype)


def same(model, other, dtype):
    # torch's own: its softplus is linear from 20 on, its hard_sigmoid's slope is the float32 of 1/6
    tolerances = {"rtol": 3e-6, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 1e-7, "atol": 1e-9}
    xs = [data(dtype).requires_grad_() for _ in range(2)]
    outputs = [m(x) for m, x in zip((model, other), xs, strict=True)]
    torch.testing.assert_close(*outputs, **tolerances)
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y, x in zip(outputs, xs, strict=True)]
    torch.testing.assert_close(*gradients, **tolerances)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("activation", "kind"), LAYERS, ids=[a.name for a, _ in LAYERS])
def test_layers(activation, kind, dtype):
    given = {
        n: WANTED[n] for n in inspect.signature(kind).parameters if n in WANTED and kind not in (nn.GLU, nn.Softplus)
    }
    torch.manual_seed(0)
    old = kind(**given).to(dtype).eval()
    model = nn.Sequential(nn.Linear(6, 6, dtype=dtype), old).eval()
    theirs = nn.Sequential(model[0], old)
    replace = {activation: "nonlin"} if isinstance(activation, VectorActivation) else "nonlin"
    change = nl.swap(model, replace, example_inputs=data(dtype))
    assert [p.where for p in change.changed] == ["1"] and not change.left and not change.parameters
    assert isinstance(model[1], nl.torch.modules.Layer) and not model[1].training
    assert list(model.parameters()) == list(theirs.parameters()), "a learned slope is the same parameter"
    assert model.state_dict().keys() == theirs.state_dict().keys()
    same(model, theirs, dtype)
    change.undo()
    assert model[1] is old


@pytest.mark.parametrize(("function", "spelling"), FUNCTIONS, ids=[named(f) for f, _ in FUNCTIONS])
def test_functions(function, spelling):
    ours = {"dim", *(argument for argument, _, _ in spelling.parameters)}
    given = {name: WANTED[name] for name in spelling.arguments[1:] if name in WANTED and name in ours}
    activation = read(function, (data(),), given).activation

    class Block(nn.Module):
        def forward(self, x):
            return function(x * 1.0, **given) * 2.0 - 1.0

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6).double(), Block(), nn.Identity()).eval()
    theirs = nn.Sequential(model[0], Block()).eval()
    replace = {activation: "nonlin"} if isinstance(activation, VectorActivation) else "nonlin"
    model[1].weight = nn.Parameter(torch.ones(()))  # a block, which is no activation as a whole
    (place,) = nl.swap(model, replace, example_inputs=data()).changed
    assert (place.where, place.how) == ("1", "function")
    same(model, theirs, torch.float64)


def test_all_of_a_model_but_what_is_along_an_axis():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.slope = nn.Linear(6, 6), nn.Parameter(torch.full((1,), 0.2))
            self.lstm, self.activation = nn.LSTM(6, 6, batch_first=True), F.gelu

        def forward(self, x):
            gate = torch.sigmoid(self.linear(x))
            x = self.activation(self.lstm(x)[0]) * gate
            x = F.prelu(x, self.slope) + F.leaky_relu(x, 0.3)
            return F.softmax(F.hardswish(x), -1)

    torch.manual_seed(0)
    model, x = Block(), torch.randn(2, 3, 6)
    old = model(x)
    change = nl.swap(model, "nonlin", example_inputs=x)
    assert {p.name for p in change.changed} == {"gelu", "sigmoid", "leaky_relu", "hard_silu"}
    assert {(p.name, p.how) for p in change.left} == {
        ("tanh", "module"), ("sigmoid", "module"), ("prelu", "function"), ("softmax", "function"),
    }  # fmt: skip
    torch.testing.assert_close(model(x), old)
    assert not nl.swap(model, "nonlin", example_inputs=x).changed, "there is nothing left to be nonlin's"


def test_what_nonlins_function_does_not_have_stays_torchs():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.full((1,), 0.2))

        def forward(self, x):
            return F.prelu(x, self.slope) + F.softplus(x, threshold=3)

    model, x = nn.Sequential(nn.Softplus(threshold=2), Block(), nn.Softplus()), torch.randn(2, 6)
    old = model(x)
    change = nl.swap(model, "nonlin", example_inputs=x)
    assert [p.where for p in change.changed] == ["2"] and len(change.left) == 3
    torch.testing.assert_close(model(x), old)
    for name in ("prelu", "softplus"):
        with pytest.raises(SwapError, match="argument of its own"):
            nl.swap(model, {name: "nonlin"}, example_inputs=x)
    assert len(nl.swap(model, {"prelu": "elu", "softplus": "elu"}, example_inputs=x).changed) == 4


def test_training_noise_is_drawn_in_training_only():
    class Block(nn.Module):
        def forward(self, x):
            return F.rrelu(x, training=self.training) * 1.0

    x = -torch.ones(2, 600)
    for model in (nn.Sequential(nn.RReLU()), nn.Sequential(Block())):
        assert nl.swap(model, "nonlin", example_inputs=x).changed
        assert model.eval()(x).unique().numel() == 1
        slopes = -model.train()(x)
        assert slopes.unique().numel() > 600 and 1 / 8 <= slopes.min() < slopes.max() <= 1 / 3
