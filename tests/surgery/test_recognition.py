"""Which activation a call, a layer or a callable of torch is: told from what the catalogue says and computes."""

import functools
import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.backends.torch_printed import expression, name_of
from nonlin.torch.recognition import SPELLINGS, read
from nonlin.vector import VectorActivation

LAYERS = [
    (a, getattr(nn, a.definition.peers["torch"].names[0]))
    for a in nl.catalog.values()
    if "torch" in a.definition.peers and a.definition.text != "x"
]
ELEMENTWISE = [a for a in nl.catalog.values() if not isinstance(a, VectorActivation) and a.definition.text != "x"]
WANTED = {"threshold": 0.5, "value": -1.0, "dim": -1, "weight": torch.tensor([0.25]), "min": 0.0, "max": 6.0}


# What only has an upper limit is an activation with none of them.
def named(function):
    """Its name without its address, which is another in each process."""
    return f"{getattr(function, '__module__', '')} {str(function).partition(' at 0x')[0]}"


FUNCTIONS = sorted(
    ((f, s) for f, s in SPELLINGS.items() if "clamp_max" not in f.__name__), key=lambda item: named(item[0])
)


def data():
    return torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3


class Holder(nn.Module):
    """A model around something that is called in its forward."""

    def __init__(self, call):
        super().__init__()
        self.first = nn.Linear(6, 6).double()
        self.call = [call]  # which neither modules nor attributes show

    def forward(self, x):
        return self.call[0](self.first(x)) * 1.0


def arguments(spelling):
    ours = {"dim", *(argument for argument, _, _ in spelling.parameters)}
    given = {name: WANTED[name] for name in spelling.arguments[1:] if name in WANTED and name in ours}
    return given | ({"weight": given["weight"].double()} if "weight" in given else {})


@pytest.mark.parametrize(("function", "spelling"), FUNCTIONS, ids=[named(f) for f, _ in FUNCTIONS])
def test_every_spelling_has_the_values_of_its_entry(function, spelling):
    given = arguments(spelling)
    call = read(function, (data(),), given)
    assert call is not None
    theirs = function(data(), **given)
    options = {"axis": given["dim"]} if "dim" in given else {}
    torch.testing.assert_close(theirs, call.activation(data(), **options), rtol=1e-8, atol=1e-12)


def test_the_spellings_are_all_of_torchs_functions():
    names = {name for a, _ in LAYERS for name in (a.name, *a.definition.peers["torch"].names)}
    plain = {name.replace("_", "").lower() for name in names}
    for space in (torch, F, torch.Tensor):
        for name in dir(space):
            if name.replace("_", "") in plain and not name.startswith("_"):
                assert getattr(space, name) in SPELLINGS, name
    found = {a.name for a, _ in LAYERS} - {s.entry for s in SPELLINGS.values()}
    assert not found, "layers that torch has no function of"


@pytest.mark.parametrize(("function", "spelling"), FUNCTIONS, ids=[named(f) for f, _ in FUNCTIONS])
def test_every_spelling_is_seen_in_a_forward(function, spelling):
    given = arguments(spelling)
    (place,) = nl.activations(Holder(lambda x: function(x, **given)), data())
    assert (place.where, place.how, place.calls) == ("", "function", 1)
    assert place.name == read(function, (data(),), given).name


@pytest.mark.parametrize(
    ("call", "spec"),
    [
        (lambda x: F.gelu(x), "gelu"),
        (lambda x: F.gelu(x, approximate="tanh"), "gelu_tanh"),
        (lambda x: F.leaky_relu(x), "leaky_relu"),
        (lambda x: F.leaky_relu(x, 0.2), "leaky_relu(negative_slope=0.2)"),
        (lambda x: F.leaky_relu(x, negative_slope=0.3, inplace=True), "leaky_relu(negative_slope=0.3)"),
        (lambda x: F.elu_(x, 1.5), "elu(alpha=1.5)"),
        (lambda x: F.hardtanh(x, -2, 2), "hard_tanh(min_val=-2.0, max_val=2.0)"),
        (lambda x: x.clamp(min=0), "relu"),
        (lambda x: x.clamp_(0), "relu"),
        (lambda x: torch.clamp_min(x, 0), "relu"),
        (lambda x: torch.clip(x, 0, 6), "relu6"),
        (lambda x: x.clip_(max=1, min=-1), "hard_tanh"),
        (lambda x: torch.relu(input=x), "relu"),
        (lambda x: torch.special.expit(x), "sigmoid"),
        (lambda x: torch.tanh(x, out=torch.empty_like(x)) if not x.requires_grad else x.tanh(), "tanh"),
    ],
)
def test_arguments_tell_the_activation(call, spec):
    (place,) = nl.activations(Holder(call), data())
    assert place.spec == spec and place.name == nl.get(spec).name


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.clamp(min=1e-9),
        lambda x: x.clamp(max=100.0),
        lambda x: x.clamp(min=torch.zeros(6, dtype=x.dtype)),
        lambda x: x + x.long().clamp(min=0),
        lambda x: x.exp().sin() + F.linear(x, torch.ones(6, 6, dtype=x.dtype)),
        lambda x: nn.Identity()(x),
    ],
)
def test_tools_are_no_activations(call):
    assert nl.activations(Holder(call), data()) == []


@pytest.mark.parametrize(("activation", "kind"), LAYERS, ids=[a.name for a, _ in LAYERS])
def test_every_layer_of_torch(activation, kind):
    given = {n: WANTED[n] for n in inspect.signature(kind).parameters if n in WANTED and kind is not nn.GLU}
    model = nn.Sequential(nn.Linear(6, 6).double(), kind(**given).double())
    for places in (nl.activations(model, data()), nl.activations(model)):
        assert [(p.where, p.name, p.how) for p in places] == [("1", activation.name, "module")]
    assert nl.activations(model, data())[0].calls == 1 and nl.activations(model)[0].calls == 0


@pytest.mark.parametrize(
    ("layer", "spec"),
    [
        (nn.GELU(approximate="tanh"), "gelu_tanh"),
        (nn.LeakyReLU(0.2), "leaky_relu(negative_slope=0.2)"),
        (nn.Hardshrink(lambd=0.3), "hard_shrink(threshold=0.3)"),
        (nn.Softplus(beta=2), "softplus(beta=2.0)"),
        (nl.torch.Swish(1.5), "swish(beta=1.5)"),
        (nl.torch.PReLU(), "prelu"),
        (type("Named", (nn.ReLU,), {})(), "relu"),
    ],
)
def test_arguments_of_layers(layer, spec):
    (place,) = nl.activations(nn.Sequential(layer))
    assert place.spec == spec


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_a_layer_of_the_users_is_told_by_its_values(activation):
    class Written(nn.Module):
        def forward(self, x):
            return expression(
                name_of(activation.rule, activation.rule.orders()), x, tuple(activation.parameters.values())
            )

    (place,) = nl.activations(nn.Sequential(nn.Linear(6, 6).double(), Written()), data())
    assert place.how == "module" and place.where == "1"
    a, b = nl.get(place.spec), activation
    points = torch.linspace(-6, 6, 49, dtype=torch.float64)
    torch.testing.assert_close(a(points), b(points))


def test_what_also_drops_units_is_not_only_an_activation():
    class Dropping(nn.Module):
        def forward(self, x):
            return F.dropout(F.relu(x), 0.5, self.training)

    (place,) = nl.activations(nn.Sequential(nn.Linear(6, 6).double(), Dropping()), data())
    assert (place.where, place.name, place.how) == ("1", "relu", "function")


@pytest.mark.parametrize(
    ("kept", "spec"),
    [
        (F.relu, "relu"),
        (torch.tanh, "tanh"),
        (torch.Tensor.relu_, "relu"),
        (functools.partial(F.leaky_relu, negative_slope=0.2), "leaky_relu(negative_slope=0.2)"),
        (functools.partial(F.gelu, approximate="tanh"), "gelu_tanh"),
        (lambda x: x * torch.sigmoid(1.702 * x), "quick_gelu"),
        (nl.get("swish(beta=1.5)"), "swish(beta=1.5)"),
    ],
)
def test_callables_in_attributes(kept, spec):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act_fn, self.kind, self.size = nn.Linear(6, 6).double(), kept, nn.ReLU, 6

        def forward(self, x):
            return self.act_fn(self.act_fn(self.first(x))) + 1

    (place,) = nl.activations(Block(), data())
    assert (place.where, place.how, place.spec, place.calls) == ("act_fn", "attribute", spec, 2)


def test_every_entry_has_a_kind_that_the_surgery_knows():
    assert all(
        isinstance(a, VectorActivation) == bool(a.definition.along_axis or a.definition.gate)
        for a in nl.catalog.values()
    )
