"""`health.revive`: the loss of that moment stays, units start as new ones, and what is not understood is left."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nonlin as nl
from nonlin.errors import WatchError

DEAD = (1, 4, 5)  # in every layer that the tests kill units of


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


class Net(nn.Module):
    """Layers a, b, ... and a forward over them."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.run = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def mlp(activation: Any = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 12), activation(), nn.Linear(12, 12), activation(), nn.Linear(12, 3))


def functional() -> nn.Module:
    return Net(lambda m, x: m.c(m.b(F.dropout(m.a(x).relu_(), 0.5, m.training)).clamp(min=0)),
               a=nn.Linear(8, 12), b=nn.Linear(12, 12), c=nn.Linear(12, 3))  # fmt: skip


def conv() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 7, 2, padding=1, padding_mode="circular"), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(28, 12), nn.ReLU(), nn.Linear(12, 3)),
    )


def normalised() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 2)),
        *(nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
    )


def average() -> nn.Module:
    """Positions averaged by hand, in the middle of a permutation."""
    return Net(
        lambda m, x: m.b(m.a(x).relu().permute(0, 2, 3, 1).mean((1, 2))), a=nn.Conv2d(2, 8, 3), b=nn.Linear(8, 3)
    )


def block() -> nn.Module:
    """A transformer's: normalisation and a sum around the two layers, none between."""
    return Net(lambda m, x: m.out(x + m.b(F.gelu(m.a(m.norm(x))))), norm=nn.LayerNorm(8), a=nn.Linear(8, 12),
               b=nn.Linear(12, 8), out=nn.Linear(8, 3))  # fmt: skip


def images(n: int = 128) -> Tensor:
    return torch.randn(n, 2, 8, 8)


def rows(n: int = 512) -> Tensor:
    return torch.randn(n, 8)


def kill(model: nn.Module, names: list[str], bias: float = -1e3) -> None:
    """Units whose pre-activation is `bias` on all data."""
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name in names:
            layer: Any = modules[name]
            layer.weight[list(DEAD)] = 0
            layer.bias += 1.0  # the others are alive
            layer.bias[list(DEAD)] = bias


def trained(model: nn.Module, x: Tensor, optimizer: Any = None, steps: int = 8, **options: Any) -> Any:
    """Health after some steps at the learning rate 1e-4."""
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
    y = torch.arange(len(x)) % 3
    with nl.watch(model, optimizer, every=1, **options) as health:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return health


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
    "mlp": (mlp, rows, ["0", "2"]),
    "functional": (functional, rows, ["a", "b"]),
    "conv": (conv, images, ["0", "3", "7"]),
    "normalised": (normalised, images, ["1", "4"]),
    "average": (average, images, ["a"]),
    "block": (block, rows, ["a"]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_loss_stays(kind: str, dtype: torch.dtype) -> None:
    build, data, killed = UNDERSTOOD[kind]
    model, x = build().to(dtype), data().to(dtype)
    kill(model, killed)
    health = trained(model, x)
    before = loss(model, x)
    done = health.revive()
    assert done.units >= len(DEAD) * len(killed)
    assert not done.refused
    assert loss(model, x) == pytest.approx(before, abs=1e-12 if dtype is torch.float64 else 1e-6)


@pytest.mark.parametrize(("activation", "bias"), [("relu6", 1e3), ("tanh", 1e3), ("hard_sigmoid", 1e3), ("selu", -1e3)])
@pytest.mark.parametrize("shape", ["mlp", "circular"])
def test_a_constant_moves_into_the_next_bias(activation: str, bias: float, shape: str) -> None:
    function = nl.get(activation)
    if shape == "mlp":
        model, x = Net(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3)), rows()
    else:
        model, x = Net(lambda m, x: m.b(function(m.a(x))).amax((2, 3)), a=nn.Conv2d(2, 8, 3),
                       b=nn.Conv2d(8, 3, 3, padding=1, padding_mode="circular")), images()  # fmt: skip
    model, x = model.double(), x.double()
    kill(model, ["a"], bias)
    health = trained(model, x, torch.optim.SGD(model.parameters(), lr=0.0))
    before = loss(model, x)
    done = health.revive()
    assert set(DEAD) <= set(done[0].units)
    assert loss(model, x) == pytest.approx(before, abs=1e-12)


# What a unit is afterwards --------------------------------------------------------------------------------------------


def test_units_start_as_new_ones() -> None:
    model, x = conv(), images()
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


def test_units_learn_again() -> None:
    model, x = mlp(), rows()
    kill(model, ["0", "2"])
    health = trained(model, x)
    health.revive()
    trained(model, x, torch.optim.SGD(model.parameters(), lr=0.1))
    assert model[2].weight[:, list(DEAD)].any(0).all()
    with nl.watch(model, every=1) as after:
        for _ in range(4):
            model(x).sum().backward()
    assert all(window.dead.sum() == 0 for layer in after.record.ordered for window in layer.windows)


def test_young_units_are_left() -> None:
    model, x = mlp(), rows()
    kill(model, ["0"])
    with nl.watch(model, every=1) as health:
        for windows in range(1, 8):
            model(x).sum().backward()
            if windows == 3:
                assert by_name(health.revive())["0"].units == DEAD
                assert not health.findings  # what was seen before is of the old units
                kill(model, ["0"])
            elif windows in (5, 6):  # seen dead in two windows, but younger than four
                layer = by_name(health.revive())["0"]
                assert (layer.units, layer.young, layer.refused) == ((), DEAD, "")
                assert "3 young units left" in str(layer)
        assert by_name(health.revive(dry_run=True))["0"].units == DEAD


# The optimizer --------------------------------------------------------------------------------------------------------

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
def test_the_optimizer_forgets_them_and_nothing_else(kind: str) -> None:
    model, x = mlp(), rows()
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


def test_an_optimizer_of_one_history_is_refused() -> None:
    model = mlp()
    kill(model, ["0"])
    health = trained(model, rows())
    health.optimizer = torch.optim.LBFGS(model.parameters())
    with pytest.raises(WatchError, match="LBFGS"):
        health.revive()


@pytest.mark.parametrize("build", [mlp, functional, normalised])
def test_a_dry_run_changes_nothing(build: Any) -> None:
    model = build()
    x = images() if build is normalised else rows()
    kill(model, ["1"] if build is normalised else [next(n for n, m in model.named_modules() if hasattr(m, "weight"))])
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


def test_nothing_to_do() -> None:
    done = trained(mlp(nn.GELU), rows()).revive()
    assert (done.units, str(done)) == (0, "No units to start anew.")


# What is left, and why ------------------------------------------------------------------------------------------------


def tied() -> nn.Module:
    model = Net(lambda m, x: m.c(torch.relu(m.b(torch.relu(m.a(x))))), a=nn.Linear(8, 8), b=nn.Linear(8, 8),
                c=nn.Linear(8, 3))  # fmt: skip
    model.b.weight = model.a.weight  # pyright: ignore
    return model


def computed() -> nn.Module:
    model = Net(lambda m, x: m.b(torch.relu(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3))
    nn.utils.parametrizations.weight_norm(model.b)  # pyright: ignore
    return model


def two(forward: Any, inner: int = 12, **more: nn.Module) -> Any:
    return lambda: Net(forward, a=nn.Linear(8, 12), b=nn.Linear(inner, 3), **more)


def frozen() -> nn.Module:
    model = mlp()
    model[2].requires_grad_(False)
    return model


def no_bias() -> nn.Module:
    return Net(lambda m, x: m.b(torch.tanh(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3, bias=False))


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore
        return 2 * grad


REFUSED: dict[str, tuple[Any, str]] = {
    "residual sum": (lambda: Net(lambda m, x: m.b(x + F.relu(m.a(x))), a=nn.Linear(8, 8), b=nn.Linear(8, 3)), "a sum"),
    "sum before": (lambda: Net(lambda m, x: m.b(F.relu(x + m.a(x))), a=nn.Linear(8, 8), b=nn.Linear(8, 3)), "a sum"),
    "sum in place": (two(lambda m, x: m.b(F.gelu(m.a(x)).add_(1))), r"a sum \(add_\)"),
    "norm after": (two(lambda m, x: m.b(m.n(F.relu(m.a(x)))), n=nn.BatchNorm1d(12)), "a normalisation"),
    "layer norm": (two(lambda m, x: m.b(m.n(F.relu(m.a(x)))), n=nn.LayerNorm(12)), "a normalisation"),
    "norm before": (two(lambda m, x: m.b(F.relu(m.n(m.a(x)))), n=nn.LayerNorm(12)), "before the activation"),
    "product": (two(lambda m, x: m.b(F.relu(m.a(x)) * torch.sigmoid(m.g(x))), g=nn.Linear(8, 12)), "a product"),
    "concatenation": (two(lambda m, x: m.b(torch.cat([F.relu(m.a(x)), x], 1)), 20), "a concatenation"),
    "softmax": (two(lambda m, x: m.b(F.relu(m.a(x)).softmax(1))), "the function softmax"),
    "written to": (two(lambda m, x: m.b(_written(F.gelu(m.a(x))))), "__setitem__"),
    "averaged": (two(lambda m, x: (h := F.relu(m.a(x))).mean() * 0 + m.b(h)), "the function mean"),
    "returned": (lambda: Net(lambda m, x: (m.b(h := F.relu(m.a(x))), h)[1], a=nn.Linear(8, 6), b=nn.Linear(6, 2)),
                 "the model's output"),
    "two activations": (two(lambda m, x: m.b(F.relu(z := m.a(x))) + m.c(torch.tanh(z)), c=nn.Linear(12, 3)), "follows"),
    "without": (two(lambda m, x: m.b(F.relu(z := m.a(x))) + m.c(z), c=nn.Linear(12, 3)), "c, with no activation"),
    "shared taker": (two(lambda m, x: m.b(F.relu(m.a(x))) + m.b(F.relu(m.c(x))), c=nn.Linear(8, 12)), "other units"),
    "own function": (two(lambda m, x: m.b(Twice.apply(F.relu(m.a(x))))), "a product"),
    "its own weights": (two(lambda m, x: F.linear(F.relu(m.a(x)), m.a.weight.T[:3])), "its weights"),
    "embedding": (two(lambda m, x: F.linear(F.relu(m.a(x)), m.e.weight), e=nn.Embedding(3, 12)), "Embedding"),
    "tied": (tied, "share a weight"),
    "computed": (computed, "the function linear"),
    "frozen": (lambda: nn.Sequential(mlp()[0], nn.ReLU(), nn.Linear(12, 3).requires_grad_(False)), "frozen"),
    "no bias": (no_bias, "no bias"),
}  # fmt: skip


def _written(h: Tensor) -> Tensor:
    h[:, 0] = 0
    return h


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_left(case: str) -> None:
    build, reason = REFUSED[case]
    model = build()
    name = "0" if isinstance(model, nn.Sequential) else "a"
    kill(model, [name], 1e3 if case == "no bias" else -1e3)
    health = trained(model, rows(), torch.optim.SGD(model.parameters(), lr=1e-6))
    before = state(model)
    with pytest.raises(WatchError, match=rf"no layer can be revived: .*{reason}"):
        health.revive()
    assert equal(before, state(model))


def test_groups_are_left() -> None:
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=2), nn.Flatten(), nn.Linear(96, 3))
    kill(model, ["0"])
    with pytest.raises(WatchError, match="2 is a convolution in groups"):
        trained(model, images()).revive()


def test_one_layer_is_left_and_the_others_are_not() -> None:
    model = Net(lambda m, x: m.c(F.relu(m.b(h := F.relu(m.a(x)))) + h), a=nn.Linear(8, 12), b=nn.Linear(12, 12),
                c=nn.Linear(12, 3))  # fmt: skip
    model.run = lambda m, x: m.c(F.relu(m.b(F.relu(m.a(x))))) + m.d(x + F.relu(m.e(x)))
    model.add_module("e", nn.Linear(8, 8))
    model.add_module("d", nn.Linear(8, 3))
    kill(model, ["a", "b", "e"])
    done = trained(model, rows()).revive()
    assert [layer.layer for layer in done.refused] == ["e"]
    assert by_name(done)["a"].units == by_name(done)["b"].units == DEAD
    assert "e (relu): left as it is: a sum (add) takes its units" in str(done)


def test_a_mean_is_not_whole_at_a_padded_border() -> None:
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1), nn.Flatten(), nn.Linear(108, 3))
    kill(model, ["0"], 1e3)
    (done,) = trained(model, images()).revive(dry_run=True)
    assert "padded with 0" in str(done)
