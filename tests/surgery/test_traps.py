"""The traps of replacing activations in models as they are written, each with what goes wrong without its remedy."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import nonlin as nl
from nonlin.errors import SwapError


def data(*shape):
    return torch.randn(*(shape or (4, 6)), generator=torch.Generator().manual_seed(3))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_fused_transformer_layer_computes_what_has_been_put_there():
    class Calls(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = set()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.add(func.__name__)
            return func(*args, **(kwargs or {}))

    fused = "_transformer_encoder_layer_fwd.default"
    for activation in (F.relu, nn.ReLU(), "gelu"):
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation, batch_first=True)
        model, x = nn.TransformerEncoder(layer, 2).eval(), data(3, 5, 8)
        mask = torch.zeros(3, 5, dtype=torch.bool)
        mask[1, 3:] = True
        with torch.no_grad():
            old = model(x, src_key_padding_mask=mask)
            with Calls() as before:
                model(x)
            change = nl.swap(model, {"relu": "tanh", "gelu": "tanh"}, example_inputs=x)
            with Calls() as after:
                model(x)
            swapped = model(x, src_key_padding_mask=mask)
        assert fused in before.names and fused not in after.names
        assert [(p.where, p.how) for p in change.changed] == [
            (f"layers.{i}.activation", "module" if isinstance(activation, nn.Module) else "attribute") for i in (0, 1)
        ]
        assert not torch.allclose(old[0], swapped[0])
        with torch.enable_grad():  # which takes the way that is not fused
            torch.testing.assert_close(model.train(False)(x[:1]), swapped[:1], rtol=1e-4, atol=1e-5)
        change.undo()
        with torch.no_grad():
            assert torch.equal(model(x, src_key_padding_mask=mask), old)
            with Calls() as again:
                model(x)
        assert fused in again.names


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_recurrent_kernels_are_refused(kind):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.act = kind(6, 6), nn.ReLU()

        def forward(self, x):
            y = self.cell(self.act(x))
            return y[0] if isinstance(y, tuple) else y

    model, state = Model(), None
    places = nl.activations(model, data())
    assert {(p.where, p.name) for p in places} >= {("cell", "tanh"), ("act", "relu")}
    state = copy.deepcopy(model.state_dict())
    with pytest.raises(SwapError, match=rf"tanh inside the kernel of {kind.__name__}.*'cell'"):
        nl.swap(model, {"tanh": "gelu", "relu": "gelu"}, example_inputs=data())
    assert type(model.act) is nn.ReLU and model.state_dict().keys() == state.keys()
    change = nl.swap(model, {"relu": "gelu"}, example_inputs=data())
    assert [p.where for p in change.changed] == ["act"] and {p.where for p in change.left} == {"cell"}


def test_the_activation_of_an_rnn_is_what_it_was_asked_for():
    assert [p.name for p in nl.activations(nn.Sequential(nn.RNN(6, 6, nonlinearity="relu")))] == ["relu"]
    assert [p.name for p in nl.activations(nn.Sequential(nn.RNNCell(6, 6)))] == ["tanh"]


@pytest.mark.parametrize("gate", [nn.Sigmoid(), torch.sigmoid, F.hardsigmoid])
def test_gates_are_left_unless_asked_for(gate, excitation):
    model, x = nn.Sequential(excitation(gate), nn.Linear(6, 6)), data()
    old = {"sigmoid": "relu", "hard_sigmoid": "relu"}
    change = nl.swap(model, old, example_inputs=x)
    assert [(p.where, p.how) for p in change.changed] == [("0", "function")]
    assert [(p.where, p.note) for p in change.left] == [("0.gate", "gate")]
    change.undo()
    assert {p.where for p in nl.swap(model, old, example_inputs=x, gates=True).changed} == {"0", "0.gate"}
    model = nn.Sequential(excitation(gate), nn.Linear(6, 6))
    assert [p.where for p in nl.swap(model, {"0.gate": "hard_sigmoid"}, example_inputs=x).changed] == ["0.gate"]


def test_a_hidden_unit_times_a_weight_is_no_gate():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(6))

        def forward(self, x):
            return torch.sigmoid(x) * self.scale * 2

    assert [p.note for p in nl.activations(nn.Sequential(Scaled()), data())] == [""]


def test_outputs_are_left_where_the_function_is_used_inside_too():
    model = nn.Sequential(nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, 1), nn.Sigmoid())
    change = nl.swap(model, {"sigmoid": "relu"}, example_inputs=data())
    assert [p.where for p in change.changed] == ["1"] and [(p.where, p.note) for p in change.left] == [("3", "output")]
    change.undo()
    assert nl.swap(model, {"3": "tanh"}, example_inputs=data()).changed[0].where == "3"
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1), nn.Sigmoid())
    assert nl.swap(model, {"sigmoid": "hard_sigmoid"}, example_inputs=data()).changed[0].where == "3"
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1), nn.ReLU())
    assert len(nl.swap(model, {"relu": "gelu"}, example_inputs=data()).changed) == 2, "not a probability"


def test_softmax_is_replaced_only_by_name():
    class Attention(nn.Module):
        def forward(self, x):
            return F.softmax(x @ x.transpose(-1, -2), dim=-1, dtype=torch.float64).to(x.dtype) @ x

    model, x = nn.Sequential(nn.Tanh(), Attention(), nn.Linear(6, 6), nn.Softmax(0)), data()
    assert {p.name for p in nl.swap(model, "nonlin", example_inputs=x).left} == {"softmax"}
    change = nl.swap(model, {"softmax": "sparsemax"}, example_inputs=x)
    assert [(p.where, p.now) for p in change.changed] == [("1", "sparsemax"), ("3", "sparsemax")]
    torch.testing.assert_close(model(x).sum(0), torch.ones(6))
    assert model[3].dim == 0
    change.undo()
    y = model(x)
    nl.swap(model, {"softmax": "nonlin"}, example_inputs=x)
    torch.testing.assert_close(model(x), y)


def test_one_shared_layer_stays_one_layer():
    act = nn.ReLU()
    model = nn.ModuleDict({"a": nn.Sequential(nn.Linear(6, 6), act), "b": nn.Sequential(act, nn.Linear(6, 6), act)})
    model.forward = lambda x: model["b"](model["a"](x))
    holder = nn.Sequential(model["a"], model["b"])
    holder.kept = [act]
    object.__setattr__(holder, "seen", act)
    (place,) = nl.activations(holder, data())
    assert (place.where, place.calls) == ("0.1", 3)
    change = nl.swap(holder, {"relu": "prelu"}, example_inputs=data())
    assert holder[0][1] is holder[1][0] is holder[1][2] is holder.seen and len(change.parameters) == 1
    assert list(holder[1]._modules) == ["0", "1", "2"]
    change.undo()
    assert holder[0][1] is holder[1][0] is holder[1][2] is holder.seen is act


def test_indices_and_slices_of_a_sequential_stay():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    nl.swap(model, {"relu": "gelu"})
    assert [type(m).__name__ for m in model] == ["Linear", "GELU", "Linear"]
    assert str(model[1:2][0]) == "GELU()" and len(model) == 3 and list(model.state_dict())[-1] == "2.bias"


def test_hooks_of_a_replaced_layer_stay():
    model, seen = nn.Sequential(nn.Linear(6, 6), nn.ReLU()), []
    handle = model[1].register_forward_hook(lambda module, args, output: seen.append(type(module).__name__))
    nl.swap(model, {"relu": "gelu"})
    model(data())
    handle.remove()
    model(data())
    assert seen == ["GELU"]


def test_the_input_of_an_in_place_function_is_overwritten_still():
    class Statement(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.act = nn.Linear(6, 6), nn.ReLU(inplace=True)

        def forward(self, x):
            y = self.linear(x)
            self.act(y)  # what it returns is not used
            z = self.linear(y)
            z.relu_()
            w = self.linear(z)
            torch.relu(w)  # this one does nothing
            return w

    for target in ("gelu", nn.GELU, nl.torch.PReLU):
        torch.manual_seed(0)
        model, x = Statement(), data().requires_grad_()
        nl.swap(model, {"relu": target}, example_inputs=x)
        f = model.act if target is nl.torch.PReLU else nl.gelu
        want = model.linear(f(model.linear(f(model.linear(x)).clone())))
        got = model(x)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(*(torch.autograd.grad(y.sum(), x)[0] for y in (got, want)))


def test_a_layer_that_overwrites_what_the_new_one_keeps_is_refused():
    model = nn.Sequential(nn.Linear(6, 6), nn.SiLU(), nn.Dropout(0.0), nn.Hardtanh(-9, 9, inplace=True))
    model[2] = nn.Identity()
    with pytest.raises(SwapError, match="inplace=False"):
        nl.swap(model, {"silu": "relu"}, example_inputs=data())
    assert type(model[1]) is nn.SiLU


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_scripted_modules_are_refused():
    model = nn.Sequential(nn.ReLU(), torch.jit.script(nn.Sequential(nn.ReLU())))
    with pytest.raises(SwapError, match="TorchScript"):
        nl.swap(model, {"relu": "gelu"}, example_inputs=data())
    assert type(model[0]) is nn.ReLU


def test_a_copied_decoder_layer_keeps_what_has_been_put_there():
    for target in ("gelu", "prelu"):
        layer = nn.TransformerDecoderLayer(6, 2, 8, batch_first=True, dropout=0.0)
        x = data(2, 3, 6)
        nl.swap(layer, {"relu": target}, example_inputs=(x, x))
        other = copy.deepcopy(layer)
        assert torch.equal(other(x, x), layer(x, x))
        if target == "prelu":
            with torch.no_grad():
                other.activation.weight.fill_(2.0)
            assert not torch.equal(other(x, x), layer(x, x)) and "activation.weight" in other.state_dict()
