"""The user's own PyTorch models: a builder, a finished model, a function without arguments; and what is refused."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.comparison.plan import Trial
from nonlin.comparison.sources import mnist5k
from nonlin.comparison.torch_memory import kept_for_backward
from nonlin.comparison.torch_models import DefaultModel, maker_of
from nonlin.errors import DataError

X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def builder(activation):
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), activation(), nn.Linear(8, 2))


class Mixed(nn.Module):
    """A layer, a function and a gate."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.activation = nn.ReLU()

    def forward(self, x):
        hidden = F.relu(self.second(self.activation(self.first(x))))
        return self.last(hidden * torch.sigmoid(hidden))


def maker(make_model, init="gain", baseline="relu"):
    return maker_of(make_model, init, nl.get(baseline), X, 2)


def weights(make, name, seed=3):
    torch.manual_seed(seed)
    model, _ = make(nl.get(name))
    return {n: m.weight.detach().clone() for n, m in model.named_modules() if isinstance(m, nn.Linear)}


@pytest.mark.parametrize(
    ("make_model", "before"),
    [(builder, {"0"}), (Mixed, {"first", "second"}), (Mixed(), {"first", "second"})],
    ids=["builder", "no argument", "finished"],
)
@pytest.mark.parametrize("name", ["gelu", "prelu", "selu"])
def test_only_the_gain_before_the_activation_differs(make_model, before, name):
    make = maker(make_model)
    base, other = weights(make, "relu"), weights(make, name)
    ratio = nl.get(name).facts.gain / nl.relu.facts.gain
    for layer, weight in base.items():
        torch.testing.assert_close(other[layer], weight * (ratio if layer in before else 1.0))
    for layer, weight in weights(make, "relu", seed=4).items():
        assert not torch.equal(weight, base[layer])


def test_the_baseline_keeps_the_initialisation_of_the_builder():
    torch.manual_seed(3)
    model = builder(nn.ReLU)
    torch.testing.assert_close(weights(maker(builder), "relu"), {n: model[int(n)].weight.detach() for n in ("0", "3")})
    assert "(0) times gain/gain of relu" in maker(builder).weights


def test_a_finished_model_is_left_as_it_was_and_its_weights_are_kept_where_asked():
    model = Mixed()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn, kept = maker(model), maker(model, "model")
    for seed in (0, 1):
        for name, weight in weights(kept, "gelu", seed).items():
            assert torch.equal(weight, before[f"{name}.weight"])
    # He's rule: the square of the weights before an activation times fan-in is that of the gain
    squares = np.mean([weights(drawn, "relu", s)["second"].square().mean().item() * 8 for s in range(40)])
    assert squares == pytest.approx(2, rel=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("make_model", [Mixed, Mixed()], ids=["no argument", "finished"])
def test_a_model_with_activations_gets_another_everywhere_but_in_gates(make_model):
    make = maker(make_model)
    model, layers = make(nl.get("gelu"))
    names = [place.name for place in nl.activations(model, X) if place.calls]
    assert sorted(names) == ["gelu", "gelu", "sigmoid"]
    called = []
    for one in layers:
        one.register_forward_pre_hook(lambda *_: called.append(1))
    model(X)
    assert len(called) == 2
    assert "in place of relu" in make.weights
    assert "left as they are: sigmoid" in make.weights


def test_every_parameter_that_a_swap_brings_is_trained():
    model, layers = maker(Mixed)(nl.get("prelu"))
    assert len(layers) == 2
    assert {id(p) for one in layers for p in one.parameters()} <= {id(p) for p in model.parameters()}


def test_images_get_a_small_convolutional_net_that_learns():
    from nonlin.comparison.metrics import METRICS
    from nonlin.comparison.trainers import trainer_of

    data = mnist5k()
    assert data.train.x.shape == (3000, 1, 28, 28)
    assert (data.train.x.min(), data.train.x.max()) == (0, 1)
    activations = {name: nl.get(name) for name in ("relu", "tanh")}
    train = trainer_of(None, data, METRICS["accuracy"], activations, "relu", "gain", 1, 64)
    outcome = train(Trial("final", "tanh", 0.003, 0))
    assert outcome["score_test"] > 0.7
    assert len(outcome["dead_by_layer"]) == 3


def test_weights_of_the_convolutional_net_are_the_same_draws_times_the_gain():
    def drawn(name):
        torch.manual_seed(1)
        model, _ = DefaultModel((1, 8, 8), 2)(nl.get(name))
        return [m.weight for m in model if isinstance(m, nn.Conv2d | nn.Linear)]

    for number, (relu, tanh) in enumerate(zip(drawn("relu"), drawn("tanh"), strict=True)):
        torch.testing.assert_close(tanh, relu * (nl.tanh.facts.gain / nl.relu.facts.gain if number else 1.0))


def test_memory_of_a_step_is_what_the_backward_pass_needs():
    """Of Linear, ReLU, Linear: the input, the hidden values and what ReLU keeps of them; no parameter."""
    x = torch.randn(32, 5)
    sizes = []
    for width in (64, 128):
        model = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 2))
        sizes.append(kept_for_backward(model, lambda model=model: model(x).sum()))
    assert sizes[0] == 4 * 32 * (5 + 64)
    assert sizes[1] - sizes[0] == 4 * 32 * 64


class Words(nn.Module):
    """Takes numbers of words."""

    def __init__(self, activation):
        super().__init__()
        self.words, self.hidden, self.last = nn.Embedding(10, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.activation = activation()

    def forward(self, x):
        return self.last(self.activation(self.hidden(self.words(x).mean(1))))


def test_a_model_that_takes_whole_numbers_gets_them(tmp_path):
    x = np.random.default_rng(0).integers(10, size=(60, 5))
    found = nl.compare(Words, (x, (x[:, 0] > 4).astype(int)), activations=["gelu"], seeds=1, epochs=1,
                       learning_rates=[0.01], out=tmp_path)  # fmt: skip
    assert "(hidden) times gain" in found.plan.weights
    assert all(math.isfinite(score) for score in found.table["score_mean"])


def raises(activation):
    raise RuntimeError("no such\nlayer")


def ignores(activation):
    activation()
    return Mixed()


class Detached(nn.Module):
    """Runs, but nothing in it learns."""

    def __init__(self, activation):
        super().__init__()
        self.first, self.activation = nn.Linear(5, 2), activation()

    def forward(self, x):
        return self.activation(self.first(x)).detach()


REFUSED = {
    "raises": (raises, "make_model raised RuntimeError: no such layer (test_models.py, line "),
    "never calls": (lambda activation: Mixed(), "never calls its argument"),
    "ignores": (ignores, "never calls it, but relu at the model, sigmoid at the model, relu at activation: put"),
    "no parameters": (lambda activation: nn.Sequential(activation()), "without parameters"),
    "no module": (lambda activation: "model", "str"),
    "gives nothing": (lambda: None, "NoneType"),
    "nothing to replace": (nn.Linear(5, 2), "no activation to replace"),
    "nothing learns": (Detached, "the model cannot be trained: RuntimeError"),
    "another input": (lambda activation: nn.Sequential(nn.Linear(6, 8), activation()), "samples of shape (4, 5)"),
    "not a model": (3, "int"),
}


@pytest.mark.parametrize(("make_model", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line_before_training(tmp_path, make_model, said):
    data = np.tile(X.numpy(), (20, 1)), np.arange(80) % 2
    with pytest.raises(DataError) as caught:
        nl.compare(make_model, data, activations=["tanh"], out=tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_init_cannot_be_is_refused():
    with pytest.raises(ValueError, match="init: 'he'"):
        nl.compare(builder, (np.tile(X.numpy(), (20, 1)), np.arange(80) % 2), activations=["tanh"], init="he")


def test_a_comparison_of_a_finished_model_runs(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 5))
    found = nl.compare(Mixed(), (x, (x[:, 0] > 0).astype(int)), activations=["gelu", "x*tanh(exp(x))"], seeds=1,
                       epochs=1, learning_rates=[0.01], out=tmp_path)  # fmt: skip
    assert "by He's rule" in found.plan.weights
    assert all(math.isfinite(score) for score in found.table["score_mean"])
