"""Watching changes nothing: weights after training are the same to the last bit, and the model is as it was."""

import pytest
import torch


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("amp", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("every", [1, 7])
def test_training_is_bit_identical(make, training, every, amp):
    trained = []
    for watched in (False, True):
        torch.manual_seed(0)
        model = make()
        training(model, steps=40, every=every, watched=watched, amp=amp)
        trained.append(weights(model))
    for name, tensor in trained[0].items():
        assert torch.equal(tensor, trained[1][name]), name


def test_the_model_is_left_as_it_was(make, training):
    torch.manual_seed(0)
    model = make()
    before = {id(m): (set(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()}
    training(model, steps=4, every=2)
    after = {id(m): (set(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()}
    assert after == before
