"""Training: what is equal between activations, what is measured, and that divergence is a result."""

import gc
import math

import numpy as np
import pytest
import torch
from torch import nn

import nonlin as nl
from nonlin.comparison.data import prepare
from nonlin.comparison.health import health
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Trial
from nonlin.comparison.torch_models import DefaultModel
from nonlin.comparison.trainers import trainer_of
from nonlin.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(700, 5)).astype(np.float32)
CLASSES = (X[:, 0] > X[:, 1]).astype(int)
VALUES = 1000 + 50 * (X @ [1.0, -1.0, 2.0, 0.0, 0.5])


def trainer(y=CLASSES, make_model=None, metric="accuracy", epochs=3, names=("relu", "tanh", "prelu"), init="model"):
    data = prepare((X, y), METRICS[metric], tabular=make_model is None)
    activations = {n: nl.get(n) for n in names}
    return trainer_of(make_model, data, METRICS[metric], activations, names[0], init, epochs, 32)


def small(activation):
    return nn.Sequential(nn.Linear(5, 8), activation(), nn.Linear(8, 2))


def test_the_default_model_has_the_same_draws_for_every_activation(activation):
    """Weights over gain/sqrt(fan_in) are the standard-normal draws of the seed, whatever the activation."""
    gain = activation.facts.gain
    if not (math.isfinite(gain) and gain > 0):
        pytest.skip("has no gain")
    torch.manual_seed(3)
    model, _ = DefaultModel((7,), 4)(activation)
    torch.manual_seed(3)
    reference, _ = DefaultModel((7,), 4)(nl.get("identity"))
    pairs = zip(*([m for m in net if isinstance(m, nn.Linear)] for net in (model, reference)), strict=True)
    for depth, (layer, other) in enumerate(pairs):
        factor = gain if depth else 1.0
        torch.testing.assert_close(layer.weight / factor, other.weight, rtol=1e-5, atol=1e-7)
        assert not layer.bias.any()


@pytest.mark.parametrize("name", ["relu", "gelu", "selu"])
def test_gain_matched_layers_keep_the_size_of_the_signal(name):
    torch.manual_seed(0)
    model, _ = DefaultModel((64,), 64)(nl.get(name))
    with torch.no_grad():
        size = model(torch.randn(500, 64)).square().mean().sqrt()
    assert 0.5 < size < 2


def test_a_trial_is_the_same_each_time_and_leaves_the_caller_s_state_alone():
    train = trainer()
    torch.manual_seed(11)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = (train(Trial("final", "prelu", 0.01, 5)) for _ in range(2))
    for outcome in (first, second):
        outcome["curves"].pop("seconds")
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_nothing_of_a_trial_stays_in_memory():
    train, counts = trainer(epochs=1), []
    for seed in range(3):
        train(Trial("final", "tanh", 0.01, seed))
        gc.collect()
        counts.append(sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects()))
    assert counts[1] == counts[2]


def test_the_score_is_that_of_the_best_validation_epoch():
    outcome = trainer(epochs=6)(Trial("final", "tanh", 0.01, 0))
    validation, test = outcome["curves"]["validation"], outcome["curves"]["test"]
    assert len(validation) == 6
    assert outcome["score_validation"] == max(validation)
    assert outcome["score_test"] == test[outcome["epoch"] - 1]


@pytest.mark.parametrize("metric", ["r2", "neg_root_mean_squared_error", "neg_mean_absolute_error"])
def test_regression_learns_and_scores_in_the_target_s_units(metric):
    outcome = trainer(VALUES, metric=metric, epochs=15)(Trial("final", "tanh", 0.003, 0))
    if metric == "r2":
        assert 0.7 < outcome["score_test"] <= 1
    else:
        assert -0.5 * VALUES.std() < outcome["score_test"] < -0.01


@pytest.mark.parametrize("y", [CLASSES, VALUES], ids=["classification", "regression"])
def test_divergence_is_a_result(y):
    def exploding(activation):
        return nn.Sequential(nn.Linear(5, 8), activation(), nn.Linear(8, 2 if y is CLASSES else 1))

    metric = "accuracy" if y is CLASSES else "r2"
    outcome = trainer(y, exploding, metric, epochs=30)(Trial("final", "relu", 1e30, 0))
    assert outcome["diverged"] is not None
    assert outcome["score_test"] is outcome["score_validation"] is None


def test_health_counts_the_dead_units_of_a_layer_that_cannot_fire():
    def half_dead(activation):
        model = small(activation)
        with torch.no_grad():
            model[0].bias[:4] = -1000.0
        return model

    assert trainer(make_model=half_dead)(Trial("final", "relu", 1e-4, 0))["dead_share"] == 0.5
    assert trainer(make_model=half_dead)(Trial("final", "tanh", 1e-4, 0))["dead_share"] == 0.5
    assert trainer(make_model=half_dead)(Trial("final", "prelu", 1e-4, 0))["dead_share"] == 0


def test_health_says_nothing_from_too_few_observations():
    slopes = [np.zeros((299, 4)), np.ones((299, 4))]
    assert health(slopes, [], nl.get("relu"))["dead_share"] is None
    assert health([np.zeros((300, 4)), np.ones((300, 4))], [], nl.get("relu"))["dead_share"] == 0.5


def test_a_deep_sigmoid_network_loses_its_gradient_and_a_relu_network_does_not():
    train = trainer(epochs=1, names=("relu", "sigmoid"))
    ratios = {n: train(Trial("final", n, 1e-5, 0))["gradient_ratio"] for n in ("relu", "sigmoid")}
    assert ratios["sigmoid"] < 1e-3 < 0.1 < ratios["relu"]


def test_units_of_an_image_are_its_channels():
    def convolution(activation):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 1, 5)), nn.Conv2d(1, 6, (1, 3)), activation(), nn.Flatten(), nn.Linear(18, 2)
        )
        with torch.no_grad():
            model[1].bias[:3] = -1000.0
        return model

    assert trainer(make_model=convolution)(Trial("final", "relu", 1e-4, 0))["dead_share"] == 0.5


BUILDERS = {
    "no module": (lambda a: "model", "str"),
    "never calls": (lambda a: nn.Linear(5, 2), "never calls"),
    "no parameters": (lambda a: nn.Sequential(a()), "without parameters"),
    "outputs": (lambda a: nn.Sequential(a(), nn.Linear(5, 3)), "(4, 3)"),
}


@pytest.mark.parametrize(("make_model", "said"), BUILDERS.values(), ids=BUILDERS)
def test_a_builder_that_cannot_be_used_is_refused_by_name(make_model, said):
    with pytest.raises(DataError) as caught:
        trainer(make_model=make_model).probed("relu")
    assert said in str(caught.value)


def test_a_single_last_sample_does_not_break_batch_normalisation():
    def normalised(activation):
        return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), activation(), nn.Linear(8, 2))

    train = trainer(make_model=normalised)
    train.batch_size = len(train.data.train.y) - 1
    assert train(Trial("final", "relu", 0.01, 0))["diverged"] is None
