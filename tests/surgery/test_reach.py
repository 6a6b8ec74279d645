"""How far a rerouted forward reaches: its own calls, in every thread, copy and checkpoint, and no other's."""

import copy
import io
import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import nonlin as nl
from nonlin.errors import SwapError


def data(*shape):
    return torch.randn(*(shape or (4, 6)), generator=torch.Generator().manual_seed(3))


class Block(nn.Module):
    """A function called in a forward."""

    def __init__(self, function=F.relu):
        super().__init__()
        self.linear, self.function = nn.Linear(6, 6), [function]

    def forward(self, x):
        return self.function[0](self.linear(x)) * 1.0


class Named(Block):
    def forward(self, x: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
        """What is documented."""
        return F.relu(self.linear(x)) * scale


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_computes_the_new_one_again(reentrant):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(Block() for _ in range(3))

        def forward(self, x):
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=reentrant) if self.training else block(x)
            return x

    torch.manual_seed(0)
    model, x = Model(), data().requires_grad_()
    change = nl.swap(model, {"relu": "gelu"}, example_inputs=x)
    assert [(p.where, p.calls) for p in change.changed] == [(f"blocks.{i}", 1) for i in range(3)]
    want = x
    for block in model.blocks:
        want = nl.gelu(block.linear(want))
    weights = [block.linear.weight for block in model.blocks]
    model(x).square().sum().backward()
    got = [w.grad for w in weights]
    torch.testing.assert_close(got, list(torch.autograd.grad(want.square().sum(), weights)))


def test_a_checkpoint_that_is_out_of_reach_is_refused():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 6)

        def forward(self, x):
            return checkpoint(lambda x: F.relu(self.linear(x)), x, use_reentrant=False)

    model = Model()
    with pytest.raises(SwapError, match="checkpoint"):
        nl.swap(model, {"relu": "gelu"}, example_inputs=data())
    assert "forward" not in vars(model)


def test_threads_do_not_disturb_each_other():
    torch.manual_seed(0)
    model, plain = nn.Sequential(Block(), Block()), Block()
    nl.swap(model, {"relu": "gelu"}, example_inputs=data())
    wants = [(m, x, m(x)) for m in (model, plain) for x in (data(), data(50, 6), -data())]
    wrong = []

    def work(m, x, want):
        for _ in range(200):
            if not torch.equal(m(x), want):
                wrong.append(m)

    threads = [threading.Thread(target=work, args=one) for one in wants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_replaced_in_a_forward_is_not_in_the_modules_inside(excitation):
    class Tanh(nn.Module):  # GPT-2's GELU, written out: an activation as a whole
        def forward(self, x):
            return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.gate, self.known = Tanh(), excitation(torch.sigmoid), nn.Sigmoid()
            self.linear, self.swish = nn.Linear(6, 6), lambda x: x * torch.sigmoid(x)

        def forward(self, x):
            x = self.gate(self.act(torch.tanh(self.linear(x))))
            return self.linear(self.swish(torch.sigmoid(self.linear(x)))) + self.known(x)

    torch.manual_seed(0)
    model, x = Outer(), data()
    inner = copy.deepcopy(model)
    place = next(p for p in nl.activations(model, x) if p.where == "known")
    change = nl.swap(model, {"tanh": "softplus", "sigmoid": "mish", place: "nonlin"}, example_inputs=x)
    assert sorted((p.where, p.name, p.now) for p in change.changed) == [
        ("", "sigmoid", "mish"), ("", "tanh", "softplus"), ("gate", "sigmoid", "mish"), ("known", "sigmoid", "sigmoid"),
    ]  # fmt: skip
    y = inner.act(nl.softplus(inner.linear(x)))
    gate = inner.gate
    y = y * torch.sigmoid(gate.up(nl.mish(gate.down(y))))
    want = inner.linear(inner.swish(nl.mish(inner.linear(y)))) + torch.sigmoid(y)
    torch.testing.assert_close(model(x), want)
    change.undo()
    torch.testing.assert_close(model(x), inner(x), rtol=0, atol=0)


def test_a_layer_that_no_module_knows_is_reached_by_its_function():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.layers = nn.Linear(6, 6), {"act": nn.ReLU()}

        def forward(self, x):
            return self.layers["act"](self.linear(x)) - 1

    model = nn.Sequential(Hidden())
    (place,) = nl.swap(model, {"relu": "gelu"}, example_inputs=data()).changed
    assert (place.where, place.how) == ("0", "function")
    torch.testing.assert_close(model(data()), nl.gelu(model[0].linear(data())) - 1)


def test_copies_and_files_of_a_swapped_model_are_swapped_too():
    torch.manual_seed(0)
    model, x = nn.Sequential(Named(), Named()), data()
    nl.swap(model, {"relu": nl.torch.PReLU}, example_inputs=x)
    want = model(x)
    saved = io.BytesIO()
    torch.save(model, saved)
    saved.seek(0)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(saved, weights_only=False)]
    for other in copies:
        assert torch.equal(other(x), want)
        with torch.no_grad():
            other[0].swapped_relu.weight.fill_(1.0)
        assert not torch.equal(other(x), want) and torch.equal(model(x), want), "a copy has its own slope"
    fresh = nn.Sequential(Named(), Named())
    nl.swap(fresh, {"relu": nl.torch.PReLU}, example_inputs=x)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(x), want)


def test_a_rerouted_forward_looks_like_the_one_it_was():
    import inspect

    model = Named()
    before = inspect.signature(model.forward)
    nl.swap(model, {"relu": "gelu"}, example_inputs=data())
    assert inspect.signature(model.forward) == before
    torch.testing.assert_close(model(data(), scale=2.0), 2 * nl.gelu(model.linear(data())))


def test_functional_call_and_transforms_go_through():
    model, x = Named(), data()
    nl.swap(model, {"relu": nl.torch.PReLU}, example_inputs=x)
    parameters = {name: p.detach().clone() for name, p in model.named_parameters()}
    parameters["swapped_relu.weight"].fill_(1.0)
    torch.testing.assert_close(torch.func.functional_call(model, parameters, (x,)), model.linear(x))
    each = torch.func.vmap(torch.func.grad(lambda x: model(x).sum()))(x)
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()
    torch.testing.assert_close(each, leaf.grad)


def test_a_module_that_runs_over_its_children_gets_none_more():
    class Chain(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.activation = F.relu

        def forward(self, x):
            for layer in self:
                x = self.activation(layer(x))
            return F.leaky_relu(x)

    torch.manual_seed(0)
    model, x = Chain(nn.Linear(6, 6), nn.Linear(6, 6)), data()
    change = nl.swap(model, {"relu": "tanh", "leaky_relu": "sine"}, example_inputs=x)
    assert len(model) == 2 and [p.how for p in change.changed] == ["attribute", "function"]
    torch.testing.assert_close(model(x), nl.sine(nl.tanh(model[1](nl.tanh(model[0](x))))))
    change.undo()
    for old in ("relu", "leaky_relu"):
        with pytest.raises(SwapError, match="runs over its children"):
            nl.swap(model, {old: "prelu"}, example_inputs=x)
        assert len(model) == 2 and model.activation is F.relu


@pytest.mark.parametrize("target", ["softplus", "prelu", nn.SiLU])
def test_what_traces_a_swapped_model_traces_the_new_one(target):
    torch.manual_seed(0)
    model, x = nn.Sequential(Block(), Block(lambda x: x.relu_())).eval(), data()
    nl.swap(model, {"relu": target}, example_inputs=x)
    torch.testing.assert_close(torch.export.export(model, (x,), strict=False).module()(x), model(x))
    with pytest.raises(SwapError, match=r"torch\.fx"):  # which asks no mode about the methods of a tensor
        torch.fx.symbolic_trace(model)


def test_nonlins_own_functions_are_seen_and_said_to_be_out_of_reach():
    for activation in (nl.relu, nl.softmax):
        model = nn.Sequential(Block(activation), Block(F.gelu), nn.ReLU(), nn.Softmax(-1))
        (mine,) = (p for p in nl.activations(model, data()) if p.where == "0")
        assert (mine.name, mine.how, mine.note.split(", ")[-1]) == (activation.name, "function", "nonlin's own")
        with pytest.raises(SwapError, match="called as a function: 0"):
            nl.swap(model, {activation: "softmin" if activation is nl.softmax else "tanh"}, example_inputs=data())
        assert type(model[2]) is nn.ReLU and mine in nl.swap(model, "nonlin", example_inputs=data()).left
    assert nl.relu.__class__.__call__.__qualname__ == "Activation.__call__"
