"""Faults that are planted are found, exactly; where there is none, none is found."""

import pytest
import torch
from torch import nn

import nonlin as nl

KILLED = [1, 4, 7]


def layers_before_activations(model):
    """The names of the layers of weights that an activation follows, in these models."""
    wanted = (nn.Linear, nn.Conv2d)
    named = [(n, m) for n, m in model.named_modules() if isinstance(m, wanted)]
    hidden = [n for n, _ in named if "head" not in n and "out_proj" not in n and "embed" not in n]
    inside = [n for n in hidden if ("layers" not in n or n.endswith("linear1")) and n != str(len(model._modules) - 1)]
    return [n for n in inside if n != "block.second"]


def kill(model, name):
    layer = model.get_submodule(name)
    with torch.no_grad():
        layer.bias[KILLED] = -1e3
        layer.weight[KILLED] = 0.0
    norm = model.get_submodule(name.replace("first", "norm")) if name == "block.first" else None
    if norm is not None:  # which would bring them back
        with torch.no_grad():
            norm.weight[KILLED], norm.bias[KILLED] = 0.0, -1e3


def test_killed_units_are_found_exactly(make, training):
    torch.manual_seed(0)
    model = make()
    for name in layers_before_activations(model):
        torch.manual_seed(0)
        model = make()
        kill(model, name)
        found = [f for f in training(model).findings if f.kind == "dead" and f.layer == name]
        assert len(found) == 1, name
        assert list(found[0].units) == KILLED and found[0].step == 0 and found[0].evidence >= 300
        assert found[0].share == pytest.approx(len(KILLED) / model.get_submodule(name).weight.shape[0])


def test_a_healthy_network_has_no_finding(make, training):
    model = make()
    health = training(model)
    assert health.findings == []
    assert {layer.name for layer in health.record.ordered} >= set(layers_before_activations(model))
    assert "Nothing is wrong." in health.report()


def test_stuck_tanh_units_are_saturated(training):
    model = mlp(nn.Tanh)
    with torch.no_grad():
        model[2].bias[:2], model[2].bias[2] = 40.0, -40.0
        model[2].weight[9] *= 1e4  # at 1 for some inputs and at -1 for the others
    (found,) = training(model).findings
    assert (found.kind, found.layer, found.units, found.step) == ("saturated", "2", (0, 1, 2, 9), 0)


def mlp(activation, depth=2, width=32):
    torch.manual_seed(0)
    layers, wide = [], 16
    for _ in range(depth):
        layers += [nn.Linear(wide, width), activation()]
        wide = width
    return nn.Sequential(*layers, nn.Linear(wide, 4))


def test_a_deep_sigmoid_stack_vanishes(training):
    (found,) = (f for f in training(mlp(nn.Sigmoid, 20)).findings if f.kind != "dormant")
    assert (found.kind, found.layer, found.units, found.severity) == ("vanishing", "0", None, "alarm")
    assert found.share < 1e-3 and found.step == 0 and found.last == "38"
    assert "times that of 38 since" in str(found)


class Side(nn.Module):
    """A branch beside a skip, through which the gradient comes to the first layer whatever the branch does."""

    def __init__(self, branch, scale=1.0):
        super().__init__()
        self.first, self.branch, self.scale = nn.Linear(16, 32), branch, scale
        self.last, self.head = nn.Linear(32, 32), nn.Linear(32, 4)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.head(torch.relu(self.last(x + self.scale * self.branch(x))))


def branch(activation, depth):
    return nn.Sequential(*(m for _ in range(depth) for m in (nn.Linear(32, 32), activation())))


def test_a_branch_that_vanishes_beside_a_skip_is_named(training):
    (found,) = (f for f in training(Side(branch(nn.Sigmoid, 20))).findings if f.kind != "dormant")
    assert (found.kind, found.layer, found.units, found.severity) == ("vanishing", "branch.0", None, "warning")
    assert found.share < 1e-3 and found.step == 0 and found.last == "branch.38" and "nl.swap" in found.advice


def test_a_branch_that_counts_for_little_is_no_finding(training):
    """As in trained residual nets, and in those whose branches begin at a scale near 0."""
    healthy = branch(nn.ReLU, 5)
    nl.torch.init_(healthy)
    health = training(Side(healthy, scale=1e-5))
    sizes = {layer.name: layer.gradients[-1][1] for layer in health.record.ordered}
    assert sizes["branch.0"] < 1e-3 * sizes["first"]
    assert health.findings == []


def test_weights_that_are_too_large_explode(training):
    model = mlp(nn.ReLU, 10)
    nl.torch.init_(model)
    with torch.no_grad():
        for layer in model[::2]:
            layer.weight *= 3
    found = training(model, lr=1e-7).findings[0]
    assert (found.kind, found.layer, found.units) == ("exploding", "0", None) and found.share > 1e3


@pytest.mark.parametrize("every", [1, 25])
def test_a_nan_is_traced_to_its_layer_and_step(make, training, every):
    torch.manual_seed(0)
    model = make()
    for name in layers_before_activations(model):
        torch.manual_seed(0)
        model = make()

        def inject(step, model=model, name=name):
            if step == 13:
                with torch.no_grad():
                    model.get_submodule(name).bias[2] = float("nan")

        found = training(model, steps=20, every=every, before=inject).findings[0]
        assert (found.kind, found.layer, found.step) == ("nonfinite", name, 13)


@pytest.mark.parametrize("every", [1, 25])
def test_an_overflow_is_traced_to_its_layer_and_step(every, training):
    """Its weights are finite, and so is what it takes."""
    model = mlp(nn.ReLU, 4)

    def inject(step):
        if step == 13:
            with torch.no_grad():
                model[2].weight *= 3e38 / model[2].weight.abs().max()

    found = training(model, steps=14, every=every, before=inject).findings[0]
    assert (found.kind, found.layer, found.step) == ("nonfinite", "2", 13)


@pytest.mark.parametrize("activation", [nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.Hardswish])
def test_being_sparse_is_not_being_dead(activation, training):
    model = mlp(activation)
    with torch.no_grad():
        model[0].bias -= 2.0  # most outputs are near 0
    assert not [f for f in training(model).findings if f.kind == "dead"]
