"""nonlin.torch.lean: a whole model keeps outputs, computes what it did, and says what it changed and what it left."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import nonlin as nl
import nonlin.torch
from nonlin.vector import VectorActivation

PEERS = [
    a
    for a in nl.catalog.values()
    if "torch" in a.definition.peers and not isinstance(a, VectorActivation) and a.definition.text != "x"
]


def theirs(activation):
    kind = getattr(nn, activation.definition.peers["torch"].names[0])
    return kind(0.5, 0.5) if kind is nn.Threshold else kind()


def saved_bytes(call):
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        call()
    return sum(kept.values())


def saved(call):
    found = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: found.append(t) or t, lambda t: t):
        call()
    return found


@pytest.mark.parametrize("activation", PEERS, ids=str)
def test_every_module_of_torchs_is_replaced_or_left_for_a_reason(activation):
    model = nn.Sequential(nn.Linear(6, 6), theirs(activation), nn.Linear(6, 6))
    before = copy.deepcopy(model)
    result = nonlin.torch.lean(model)
    (place,) = result.changed + result.left
    assert (place.where, place.activation) == ("1", activation.name) and str(result) == str(place)
    definition = activation.definition
    if definition.noise or definition.always_learned:
        assert place.reason and type(model[1]) is type(before[1])
        return
    assert model[1].save == "output" and place.kept in (0, 0.125) and not place.reason
    x = torch.randn(5, 6)
    grads = [torch.autograd.grad(m(x).square().sum(), list(m.parameters())) for m in (model, before)]
    for ours, others in zip(*grads, strict=True):
        torch.testing.assert_close(ours, others, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_transformer_of_torchs_own(activation):
    block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation=activation, batch_first=True)
    model = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
    before = copy.deepcopy(model)
    result = nonlin.torch.lean(model)
    assert [p.where for p in result.changed] == ["layers.0.activation", "layers.1.activation"] and not result.left
    assert model.state_dict().keys() == before.state_dict().keys()
    x = torch.randn(3, 7, 32)
    torch.testing.assert_close(model(x), before(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.eval()(x), before.eval()(x), rtol=1e-5, atol=1e-5)
    if activation == "gelu":
        kept = [saved_bytes(lambda m=m: m.train()(x)) for m in (model, before)]
        assert kept[1] - kept[0] == 2 * (4 - 1 / 8) * 3 * 7 * 64


def test_arguments_training_and_places_stay():
    shared = nn.ReLU(inplace=True)
    model = nn.ModuleDict(
        {
            "a": shared,
            "b": nn.Sequential(shared, nn.LeakyReLU(0.3)),
            "c": nn.ELU(2.0),
            "d": nn.GELU(approximate="tanh"),
            "e": nn.Hardtanh(-2.0, 3.0),
            "f": nn.Softplus(beta=2.0),
        }
    ).eval()
    result = nonlin.torch.lean(model)
    assert model["a"] is model["b"][0] and str(model["a"]) == "ReLU(inplace=True, save='output')"
    assert model["b"][1].negative_slope == 0.3 and model["c"].alpha == 2.0 and model["f"].beta == 2.0
    assert model["d"].activation.name == "gelu_tanh" and model["e"].min_val == -2.0
    assert not any(m.training for m in model.modules()) and not result.left


def test_layers_of_this_package_keep_their_output_from_then_on():
    model = nn.Sequential(
        nonlin.torch.GELU(), nonlin.torch.Sine(), nonlin.torch.PReLU(), nonlin.torch.Swish(trainable=True)
    )
    result = nonlin.torch.lean(model)
    assert [p.where for p in result.changed] == ["0"] and [m.save for m in model] == ["output", *["input"] * 3]
    assert [p.where for p in result.left] == ["1", "2", "3"]
    for place, reason in zip(result.left, ("oscillates", "learns", "learns"), strict=True):
        assert reason in place.reason


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.act, self.scale, self.softmax = functional.silu, lambda x: 2 * x, functional.softmax

    def forward(self, x):
        return self.softmax(self.scale(self.act(x)), -1)


def test_functions_that_are_attributes():
    model = Functional()
    x = torch.randn(3, 4)
    want = model(x)
    result = nonlin.torch.lean(model)
    assert [p.where for p in result.changed] == ["act"] and not result.left
    torch.testing.assert_close(model(x), want)


def test_what_is_left_is_named():
    hooked = nn.GELU()
    hooked.register_forward_hook(lambda *_: None)
    model = nn.Sequential(hooked, nn.Softplus(threshold=5.0), nn.Identity(), nn.Softmax(-1), nn.Dropout())
    result = nonlin.torch.lean(model)
    assert [(p.where, p.reason.split(":")[0]) for p in result.left] == [
        ("0", "it has hooks, which its replacement would not"),
        ("1", "it has threshold=5.0, which this package's layer does not have"),
    ]
    assert not result.changed and type(model[0]) is nn.GELU
    (alone,) = nonlin.torch.lean(nn.GELU()).left
    assert "the model itself" in alone.reason
    assert str(nonlin.torch.lean(nn.Linear(2, 2))).startswith("no activation found among the model's modules: ")


class Foreign(nn.Module):
    """Another library's layer."""

    def forward(self, x):
        return x * torch.sigmoid(x)


class Calls(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.foreign = nn.Linear(4, 6), nn.Linear(6, 4), Foreign()

    def forward(self, x):
        return self.foreign(self.last(functional.gelu(self.first(x))))


def test_swap_reaches_calls_and_foreign_modules():
    model, x = Calls(), torch.randn(5, 4)
    want = model(x)
    assert not nonlin.torch.lean(model).changed
    lean = {name: nonlin.torch.layer(name, save="output") for name in ("gelu", "silu")}
    assert len(nl.swap(model, lean, example_inputs=x).changed) == 2
    torch.testing.assert_close(model(x), want)
    assert {t.dtype for t in saved(lambda: model(x))} == {torch.float32, torch.uint8}
