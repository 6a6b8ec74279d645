"""What `health.revive` makes of the optimizer's state."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from nonlin.errors import WatchError

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.0),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-3, initial_accumulator_value=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9, centered=True),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1e-3),
    "rprop": lambda p: torch.optim.Rprop(p, lr=1e-3),
    "asgd": lambda p: torch.optim.ASGD(p, lr=1e-3),
    "plain": lambda p: torch.optim.SGD(p, lr=1e-3),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_optimizer_forgets_them_and_nothing_else(models: Any, kill: Any, trained: Any, kind: str) -> None:
    model, x = models["mlp"](), torch.randn(512, 8)
    kill(model, ["0", "2"])
    optimizer = OPTIMIZERS[kind](model.parameters())
    health = trained(model, x, optimizer)
    fresh = {"sum": 0.1 if kind == "adagrad" else 0, "step_size": 1e-3}
    before = copy.deepcopy({i: dict(s) for i, s in enumerate(map(optimizer.state.get, model.parameters())) if s})
    units = {layer.layer: list(layer.units) for layer in health.revive()}
    masks = [torch.zeros_like(p, dtype=torch.bool) for p in model.parameters()]
    for i, name in ((0, "0"), (1, "0"), (2, "2"), (3, "2")):
        masks[i][units[name]] = True
    masks[2][:, units["0"]] = True
    masks[4][:, units["2"]] = True
    for i, parameter in enumerate(model.parameters()):
        for name, value in (optimizer.state.get(parameter) or {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                start = parameter.detach() if name == "ax" else torch.full_like(value, fresh.get(name, 0))
                assert torch.equal(value, torch.where(masks[i], start, before[i][name])), name
            elif isinstance(value, Tensor):
                assert torch.equal(value, before[i][name])
    trained(model, x, optimizer)  # and it still trains


def test_an_optimizer_of_one_history_is_refused(models: Any, kill: Any, trained: Any) -> None:
    model = models["mlp"]()
    kill(model, ["0"])
    health = trained(model, torch.randn(512, 8))
    health.optimizer = torch.optim.LBFGS(model.parameters())
    with pytest.raises(WatchError, match="LBFGS"):
        health.revive()
