"""`health.revive`: the loss of that moment stays, units start as new ones, and what is not understood is left."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nonlin as nl


def images(n: int = 128) -> Tensor:
    return torch.randn(n, 2, 8, 8)


def rows(n: int = 512) -> Tensor:
    return torch.randn(n, 8)


def loss(model: nn.Module, x: Tensor) -> float:
    """In evaluation: no dropout, and statistics of normalisation stay what they are."""
    model.eval()
    with torch.no_grad():
        value = F.cross_entropy(model(x), torch.arange(len(x)) % 3).item()
    model.train()
    return value


def by_name(revival: Any) -> dict[str, Any]:
    return {layer.layer: layer for layer in revival}


def state(*holders: Any) -> list[Any]:
    return [copy.deepcopy(holder.state_dict()) for holder in holders]


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return torch.equal(a, b) if isinstance(a, Tensor) else a == b


# The loss of that moment ----------------------------------------------------------------------------------------------

UNDERSTOOD = {
    "mlp": (rows, ["0", "2"]),
    "functional": (rows, ["a", "b"]),
    "conv": (images, ["0", "3", "7"]),
    "normalised": (images, ["1", "4"]),
    "average": (images, ["a"]),
    "block": (rows, ["a"]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_loss_stays(models: Any, kill: Any, trained: Any, kind: str, dtype: torch.dtype) -> None:
    data, names = UNDERSTOOD[kind]
    model, x = models[kind]().to(dtype), data().to(dtype)
    dead = kill(model, names)
    health = trained(model, x)
    before = loss(model, x)
    done = health.revive()
    assert done.units >= len(dead) * len(names)
    assert not done.refused
    assert loss(model, x) == pytest.approx(before, abs=1e-12 if dtype is torch.float64 else 1e-6)


@pytest.mark.parametrize(("activation", "bias"), [("relu6", 1e3), ("tanh", 1e3), ("hard_sigmoid", 1e3), ("selu", -1e3)])
@pytest.mark.parametrize("shape", ["mlp", "circular"])
def test_a_constant_moves_into_the_next_bias(
    net: Any, kill: Any, trained: Any, activation: str, bias: float, shape: str
) -> None:
    function = nl.get(activation)
    if shape == "mlp":
        model, x = net(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3)), rows()
    else:
        model, x = net(lambda m, x: m.b(function(m.a(x))).amax((2, 3)), a=nn.Conv2d(2, 8, 3),
                       b=nn.Conv2d(8, 3, 3, padding=1, padding_mode="circular")), images()  # fmt: skip
    model, x = model.double(), x.double()
    dead = kill(model, ["a"], bias)
    health = trained(model, x, torch.optim.SGD(model.parameters(), lr=0.0))
    before = loss(model, x)
    done = health.revive()
    assert set(dead) <= set(done[0].units)
    assert loss(model, x) == pytest.approx(before, abs=1e-12)


# What a unit is afterwards --------------------------------------------------------------------------------------------


def test_units_start_as_new_ones(models: Any, kill: Any, trained: Any) -> None:
    model, x = models["conv"](), images()
    kill(model, ["0", "3", "7"])
    health = trained(model, x)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    done = by_name(health.revive())
    first, second, wide = (model.get_submodule(name) for name in ("0", "3", "7"))
    for name, layer in (("0", first), ("3", second), ("7", wide)):
        units = list(done[name].units)
        others = [u for u in range(len(layer.bias)) if u not in units]
        bound = nl.torch.gain("relu") * (3 / layer.weight[0].numel()) ** 0.5
        assert not layer.bias[units].any()
        assert layer.weight[units].abs().min() > 0
        assert bound / 2 < layer.weight[units].abs().max() <= bound
        kept = [u for u in range(layer.weight.shape[1]) if u not in {"3": done["0"].units}.get(name, ())]
        if name != "7":
            assert torch.equal(layer.weight[others][:, kept], weights[f"{name}.weight"][others][:, kept])
    others = [u for u in range(12) if u not in done["7"].units]
    for unit in range(7):  # four positions of the flattened convolution belong to each of its units
        columns = wide.weight[others, 4 * unit : 4 * unit + 4]
        assert bool(columns.any()) == (unit not in done["3"].units)


def test_units_learn_again(models: Any, kill: Any, trained: Any) -> None:
    model, x = models["mlp"](), rows()
    dead = kill(model, ["0", "2"])
    health = trained(model, x)
    health.revive()
    trained(model, x, torch.optim.SGD(model.parameters(), lr=0.1))
    assert model[2].weight[:, list(dead)].any(0).all()
    with nl.watch(model, every=1) as after:
        for _ in range(4):
            model(x).sum().backward()
    assert all(window.dead.sum() == 0 for layer in after.record.ordered for window in layer.windows)


def test_young_units_are_left(models: Any, kill: Any) -> None:
    model, x = models["mlp"](), rows()
    dead = kill(model, ["0"])
    with nl.watch(model, every=1) as health:
        for windows in range(1, 8):
            model(x).sum().backward()
            if windows == 3:
                assert by_name(health.revive())["0"].units == dead
                assert not health.findings  # what was seen before is of the old units
                kill(model, ["0"])
            elif windows in (5, 6):  # seen dead in two windows, but younger than four
                layer = by_name(health.revive())["0"]
                assert (layer.units, layer.young, layer.refused) == ((), dead, "")
                assert "3 young units left" in str(layer)
        assert by_name(health.revive(dry_run=True))["0"].units == dead


# What is said ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mlp", "functional", "normalised"])
def test_a_dry_run_changes_nothing(models: Any, kill: Any, trained: Any, kind: str) -> None:
    data, names = UNDERSTOOD[kind]
    model, x = models[kind](), data()
    kill(model, names[:1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    health = trained(model, x, optimizer)
    before, drawn, found = state(model, optimizer), torch.random.get_rng_state(), health.to_dict()
    told = health.revive(dry_run=True)
    assert equal(before, state(model, optimizer))
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert health.to_dict() == found
    done = health.revive()
    assert tuple(told) == tuple(done)
    assert str(told) == f"Dry run, nothing was changed:\n{done}"
    assert not equal(before, state(model, optimizer))


def test_nothing_to_do(models: Any, trained: Any) -> None:
    done = trained(models["mlp"](nn.GELU), rows()).revive()
    assert (done.units, str(done)) == (0, "No units to start anew.")
