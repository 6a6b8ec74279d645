"""Watching changes nothing: weights after 200 steps are the same to the last bit, and the model is as it was."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def trained(make, training, watched, **options):
    torch.manual_seed(0)
    model = make()
    health = training(model, watched=watched, **options)
    return weights(model), torch.random.get_rng_state(), health


def assert_the_same(make, training, **options):
    """Also what random numbers come next; returns what watch has seen."""
    plain, drawn, _ = trained(make, training, False, **options)
    seen, drawn_too, health = trained(make, training, True, **options)
    assert plain.keys() == seen.keys() and torch.equal(drawn, drawn_too)
    for name, tensor in plain.items():
        assert torch.equal(tensor, seen[name]), name
    return health


@pytest.mark.parametrize(
    ("amp", "steps"),
    [(None, 200), (torch.bfloat16, 200), (torch.float16, 90)],  # of which the scaler leaves 8 out
    ids=["float32", "bfloat16", "float16"],
)
def test_training_is_bit_identical(make, training, amp, steps):
    health = assert_the_same(make, training, steps=steps, every=3, amp=amp, size=16)
    assert health.record.sampled > steps // 4 and not [f for f in health.findings if f.kind == "nonfinite"]


def test_training_is_bit_identical_where_each_step_is_looked_at(make, training):
    assert_the_same(make, training, steps=40, every=1)


def stateful():
    """Dropout draws random numbers, and a computed weight changes each time that it is asked for in training."""
    return nn.Sequential(
        *(parametrizations.spectral_norm(nn.Linear(16, 32)), nn.ReLU(), nn.Dropout(0.3)),
        *(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.RReLU(), nn.Linear(32, 4)),
    )


def own_module():
    """An activation of the user's, which is called with numbers to tell which one it is."""

    class Own(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x)

    return nn.Sequential(nn.Linear(16, 32), Own(), nn.Dropout(0.3), nn.Linear(32, 4))


@pytest.mark.parametrize("make_it", [stateful, own_module])
def test_what_has_a_state_is_not_touched(make_it, training):
    health = assert_the_same(make_it, training, steps=60, every=2)
    assert health.record.ordered


def test_the_model_is_left_as_it_was(make, training):
    torch.manual_seed(0)
    model = make()
    before = {id(m): (set(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()}
    training(model, steps=4, every=2)
    after = {id(m): (set(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()}
    assert after == before
