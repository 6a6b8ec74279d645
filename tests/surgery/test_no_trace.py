"""Looking at a model changes no bit of it, of its surroundings, or of what it computes next."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.errors import SwapError


class Noisy(nn.Module):
    """What a run leaves its traces in: statistics, counters, generators, its input, modules of either mode."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm, self.drop = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))
        self.register_buffer("steps", torch.zeros(()))
        self.average, self.calls, self.seen = torch.zeros(6), 0, []
        self.norm.eval()

    def forward(self, x):
        x.mul_(2.0)
        self.steps += 1
        self.average.add_(x.detach().mean(0))
        self.calls += 1
        self.seen.append(random.random() + np.random.rand())
        self.last = F.relu(self.norm(self.linear(x)))
        return self.spectral(self.drop(self.last))


def state(model):
    tensors = {k: v.clone() for k, v in model.state_dict().items()}
    facts = [(name, m.training, sorted(vars(m))) for name, m in model.named_modules()]
    versions = [t._version for t in (*model.parameters(), *model.buffers())]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    return tensors, facts, versions, grads, model.average.clone(), model.calls, list(model.seen)


def generators():
    return torch.get_rng_state(), random.getstate(), str(np.random.get_state())


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def failed(model, x):
    with pytest.raises(SwapError):
        nl.swap(model, {"tanh": "gelu"}, example_inputs=x)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "look",
    [
        nl.activations,
        lambda m, x: nl.swap(m, {"relu": "gelu"}, example_inputs=x).undo(),
        failed,
        lambda m, x: nl.activations(m),
    ],
)
def test_a_look_leaves_nothing_behind(look, training):
    torch.manual_seed(0)
    model, x = Noisy().train(training), torch.randn(4, 6)
    model.norm.eval()
    model.linear(x.clone()).sum().backward()
    hooks = []
    model.linear.weight.register_post_accumulate_grad_hook(hooks.append)
    twin, shown = copy.deepcopy(model), x.clone()
    before, states = state(model), generators()
    look(model, shown)
    assert equal(state(model), before) and equal(generators(), states)
    assert torch.equal(shown, x) and not hooks and not shown.requires_grad
    outputs = []
    for one in (model, twin):
        torch.set_rng_state(states[0])
        outputs.append(one(x.clone()))
    assert torch.equal(*outputs)
    assert torch.is_grad_enabled()


def test_a_graph_under_way_is_not_disturbed():
    torch.manual_seed(0)
    model, x = Noisy().eval(), torch.randn(4, 6)
    loss = model(x.clone()).square().sum()
    nl.swap(model, {"relu": "gelu"}, example_inputs=x)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_batch_of_one_will_do():
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU())
    assert nl.swap(model, {"relu": "gelu"}, example_inputs=torch.randn(1, 6)).proved


def test_activations_of_either_mode_are_seen():
    class Modes(nn.Module):
        def forward(self, x):
            return F.relu(x) + 1 if self.training else F.gelu(F.gelu(x)) + 1

    model = nn.Sequential(Modes())
    assert {p.name: p.calls for p in nl.activations(model, torch.randn(2))} == {"relu": 1, "gelu": 2}
    change = nl.swap(model, {"relu": "tanh", "gelu": "sine"}, example_inputs=torch.randn(2))
    x = torch.randn(5)
    assert len(change.changed) == 2
    torch.testing.assert_close(model.eval()(x), nl.sine(nl.sine(x)) + 1)
    torch.testing.assert_close(model.train()(x), nl.tanh(x) + 1)


@pytest.mark.parametrize(
    ("forward", "example"),
    [
        (lambda self, a, b: F.relu(a) + b, (torch.ones(2), torch.ones(2))),
        (lambda self, a, b: F.relu(a) + b, [torch.ones(2), torch.ones(2)]),
        (lambda self, a, b=None: F.relu(a) + 1, {"a": torch.ones(2)}),
        (lambda self, a: F.relu(a["x"][0]) + 1, ({"x": [torch.ones(2)]},)),
        (lambda self, a: {"logits": [F.relu(a)], "loss": (a.sum(),)}, torch.ones(2)),
    ],
)
def test_what_a_model_is_called_with(forward, example):
    kind = type("Model", (nn.Module,), {"forward": forward})
    assert [p.name for p in nl.activations(nn.Sequential(kind())[0], example)] == ["relu"]
    change = nl.swap(kind(), {"relu": "gelu"}, example_inputs=example)
    assert len(change.changed) == 1
