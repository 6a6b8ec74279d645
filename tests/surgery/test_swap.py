"""Laws of a swap, over every activation: the new one computes, the old one is gone, undo gives back every bit."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.errors import SwapError


class Model(nn.Module):
    """ReLU in every way that it is called, each after a linear layer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6).double() for _ in range(12))
        self.shared = nn.ReLU()
        self.inner = nn.Sequential(
            nn.Linear(6, 6).double(), self.shared, nn.Linear(6, 6).double(), nn.ReLU(inplace=True)
        )
        self.activation = F.relu
        self.act = functools.partial(torch.nn.functional.relu, inplace=True)
        self.listed = [nn.ReLU(), torch.relu]

    def forward(self, x):
        first, *layers, last = self.layers
        x = self.inner(self.shared(first(x)))
        calls = [
            self.activation,
            self.act,
            F.relu,
            torch.relu,
            lambda x: x.relu(),
            *self.listed,
            lambda x: x.clamp(min=0),
        ]
        for call in (*calls, torch.relu_, functools.partial(F.relu, inplace=True)):
            x = layers.pop(0)(x)
            y = call(x)
            x = x if call is torch.relu_ else y
        return last(x)


PLACES = {
    ("shared", "module"): 2,
    ("inner.3", "module"): 1,
    ("activation", "attribute"): 1,
    ("act", "attribute"): 1,
    ("", "function"): 8,
}


def reference(model, x, f):
    """What the model computes with f for ReLU."""
    first, *layers, last = model.layers
    for linear in (first, model.inner[0], model.inner[2], *layers):
        x = f(linear(x))
    return last(x)


def data():
    return torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model()


def everything(model):
    """What a model is made of, by identity."""
    found = [(path, id(m), type(m)) for path, m in model.named_modules()]
    found += [(path, id(p)) for path, p in (*model.named_parameters(), *model.named_buffers())]
    dictionaries = [{k: id(v) for k, v in vars(m).items()} for m in model.modules()]
    return found, dictionaries, [list(m._modules) for m in model.modules()]


def test_where_it_is(model):
    places = nl.activations(model, data())
    assert {(p.where, p.how): p.calls for p in places} == PLACES
    assert {p.name for p in places} == {"relu"} and len(places) == len(PLACES)


def test_every_activation_takes_the_place_and_gives_it_back(model, activation):
    before, old, state = everything(model), model(data()), model.state_dict()
    parameters = list(model.parameters())
    change = nl.swap(model, {"relu": activation}, example_inputs=data())
    assert {(p.where, p.how): p.calls for p in change.changed} == PLACES
    assert {p.now for p in change.changed} == {str(activation)} and not change.left and change.proved
    model.eval()
    torch.testing.assert_close(
        model(data()), reference(model, data(), activation), rtol=1e-12, atol=1e-12, equal_nan=True
    )
    learned = activation.definition.always_learned
    new = {id(p) for p in model.parameters()} - {id(p) for p in parameters}
    assert {id(p) for p in change.parameters} == new and len(new) == (5 if learned else 0)
    assert learned or model.state_dict().keys() == state.keys()
    model.train()
    change.undo()
    assert everything(model) == before
    assert torch.equal(model(data()), old)


def test_gradients_are_those_of_the_new_one(model, activation):
    nl.swap(model, {"relu": activation}, example_inputs=data())
    model.eval()
    xs = [data().requires_grad_() for _ in range(2)]
    model(xs[0]).square().sum().backward()
    reference(model, xs[1], activation).square().sum().backward()
    torch.testing.assert_close(xs[0].grad, xs[1].grad, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_every_activation_is_found_and_replaced_by_name(activation):
    """Also a user's own, in a module that is written out: the key says which values to look for."""
    torch.manual_seed(0)
    layer = nl.torch.layer(activation)
    model = nn.Sequential(nn.Linear(6, 6), layer, nn.Linear(6, 6)).eval()
    change = nl.swap(model, {activation: lambda: nn.ELU()}, example_inputs=torch.randn(3, 6))
    (place,) = change.changed
    assert (place.name, place.now, place.where) == (activation.name, "elu", "1")
    assert type(model[1]) is nn.ELU
    change.undo()
    assert model[1] is layer


def test_names_specs_and_activations_name_the_same():
    class Slopes(nn.Module):
        def forward(self, x):
            return F.leaky_relu(x, 0.2) + F.leaky_relu(x, 0.3) + F.leaky_relu(x)

    x = data()
    for key, count in (
        ("leaky_relu", 3),
        ("LeakyReLU", 3),
        (nl.leaky_relu, 3),
        ("leaky_relu(negative_slope=0.2)", 1),
        (nl.leaky_relu.bind(negative_slope=0.01), 1),
    ):
        model = nn.Sequential(Slopes())
        change = nl.swap(model, {key: "tanh"}, example_inputs=x)
        assert len(change.changed) == count and len(change.left) == 3 - count
    model = nn.Sequential(Slopes())
    nl.swap(model, {"leaky_relu": "tanh", "leaky_relu(negative_slope=0.3)": "sine"}, example_inputs=x)
    torch.testing.assert_close(model(x), 2 * nl.tanh(x) + nl.sine(x))
    model = nn.Sequential(Slopes())
    nl.swap(model, {"leaky_relu": "nonlin"}, example_inputs=x)
    torch.testing.assert_close(model(x), Slopes()(x))


def test_the_same_function_under_another_name_is_meant_too():
    model = nn.Sequential(nn.SiLU(), nn.Threshold(0, 0), nn.CELU(), nn.GELU("tanh"))
    change = nl.swap(model, {"swish": "mish", "relu": "gelu", "elu": "selu"})
    assert [p.now for p in change.changed] == ["mish", "gelu", "selu"]
    assert [p.name for p in change.left] == ["gelu_tanh"], "another function than gelu"


def test_two_can_change_places():
    model = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Linear(6, 6).double())
    nl.swap(model, {"relu": "tanh", "tanh": "relu"}, example_inputs=data())
    assert [str(m) for m in model[:2]] == ["Tanh()", "ReLU()"]


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (lambda: nl.torch.Swish(trainable=True), "Swish(beta=1, trainable=True)"),
        (nl.torch.Swish(2.0), "Swish(beta=2.0)"),
        (nl.torch.PReLU, "PReLU(num_parameters=1)"),
        (nn.SiLU, "SiLU()"),
        (nn.Softplus(beta=3), "Softplus(beta=3, threshold=20.0)"),
        (nl.define("wavy", "x + sin(x)"), "Wavy()"),
        ("gelu", "GELU()"),
        ("elu(alpha=0.5)", "ELU(alpha=0.5)"),
    ],
)
def test_what_a_replacement_may_be(target, shown):
    model = nn.Sequential(nn.Linear(6, 6).double(), nn.ReLU(), nn.Linear(6, 6).double(), nn.ReLU())
    change = nl.swap(model, {"relu": target}, example_inputs=data())
    assert str(model[1]) == str(model[3]) == shown and model[1] is not model[3]
    assert len(change.changed) == 2
    assert [id(p) for p in change.parameters] == [id(p) for m in (model[1], model[3]) for p in m.parameters()]
    assert all(p.dtype == torch.float64 for p in change.parameters)
    assert ("add_param_group" in repr(change)) == bool(change.parameters)


def test_places_can_be_named(model):
    x = data()
    places = nl.activations(model, x)
    inner = next(p for p in places if p.where == "inner.3")
    for key in ("inner.3", inner):
        change = nl.swap(model, {key: "tanh"}, example_inputs=x)
        assert [p.where for p in change.changed] == ["inner.3"] and len(change.left) == len(places) - 1
        change.undo()
    change = nl.swap(model, {"relu": "gelu", "inner.3": "tanh"}, example_inputs=x)
    assert {p.where: p.now for p in change.changed}["inner.3"] == "tanh"
    assert {p.now for p in change.changed} == {"tanh", "gelu"}


def test_without_an_example_layers_and_attributes_are_replaced():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))
            self.activation, self.relu = F.relu, nn.ReLU()

        def forward(self, x):
            return self.activation(self.relu(self.scale * x))

    model = nn.Sequential(Block())
    change = nl.swap(model, {"relu": "gelu"})
    assert len(change.changed) == 2 and not change.proved and "not proved" in repr(change)
    torch.testing.assert_close(model(data()), nl.gelu(nl.gelu(data())))


def test_without_an_example_a_call_that_may_be_one_is_refused(model):
    before = everything(model)
    with pytest.raises(SwapError, match=r"may call relu .* example_inputs"):
        nl.swap(model, {"relu": "gelu"})
    assert everything(model) == before
    assert nl.swap(model, "nonlin").changed, "where nothing else is asked for, what is not reached stays as good"


def test_one_swap_after_another_is_undone_the_other_way_round(model):
    x, first = data(), model(data())
    one = nl.swap(model, {"relu": "gelu"}, example_inputs=x)
    middle = model(x)
    two = nl.swap(model, {"gelu": "tanh"}, example_inputs=x)
    assert len(two.changed) == len(PLACES) and {p.now for p in two.changed} == {"tanh"}
    with pytest.raises(SwapError, match="undo the later change first"):
        one.undo()
    two.undo()
    assert torch.equal(model(x), middle)
    one.undo()
    one.undo()
    assert torch.equal(model(x), first)


def test_undo_gives_back_layers_in_the_mode_of_the_model():
    model = nn.Sequential(nn.Linear(6, 6), nn.RReLU()).train()
    change = nl.swap(model, {"rrelu": "tanh"})
    model.eval()
    change.undo()
    assert not model[1].training
