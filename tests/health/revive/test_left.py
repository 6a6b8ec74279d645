"""What `health.revive` leaves as it is, and why: graphs in which it is not understood where the units go."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nonlin.errors import WatchError


def tied(net: Any) -> nn.Module:
    model = net(lambda m, x: m.c(torch.relu(m.b(torch.relu(m.a(x))))), a=nn.Linear(8, 8), b=nn.Linear(8, 8),
                c=nn.Linear(8, 3))  # fmt: skip
    model.b.weight = model.a.weight  # pyright: ignore
    return model


def computed(net: Any) -> nn.Module:
    model = net(lambda m, x: m.b(torch.relu(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3))
    nn.utils.parametrizations.weight_norm(model.b)  # pyright: ignore
    return model


def two(forward: Any, inner: int = 12, width: int = 12, **more: nn.Module) -> Any:
    return lambda net: net(forward, a=nn.Linear(8, width), b=nn.Linear(inner, 3), **more)


def no_bias(net: Any) -> nn.Module:
    return net(lambda m, x: m.b(torch.tanh(m.a(x))), a=nn.Linear(8, 12), b=nn.Linear(12, 3, bias=False))


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore
        return 2 * grad


REFUSED: dict[str, tuple[Any, str]] = {
    "residual sum": (two(lambda m, x: m.b(x + F.relu(m.a(x))), 8, 8), "a sum"),
    "sum before": (two(lambda m, x: m.b(F.relu(x + m.a(x))), 8, 8), "a sum"),
    "sum in place": (two(lambda m, x: m.b(F.gelu(m.a(x)).add_(1))), r"a sum \(add_\)"),
    "norm after": (two(lambda m, x: m.b(m.n(F.relu(m.a(x)))), n=nn.BatchNorm1d(12)), "a normalisation"),
    "layer norm": (two(lambda m, x: m.b(m.n(F.relu(m.a(x)))), n=nn.LayerNorm(12)), "a normalisation"),
    "norm before": (two(lambda m, x: m.b(F.relu(m.n(m.a(x)))), n=nn.LayerNorm(12)), "before the activation"),
    "product": (two(lambda m, x: m.b(F.relu(m.a(x)) * torch.sigmoid(m.g(x))), g=nn.Linear(8, 12)), "a product"),
    "concatenation": (two(lambda m, x: m.b(torch.cat([F.relu(m.a(x)), x], 1)), 20), "a concatenation"),
    "softmax": (two(lambda m, x: m.b(F.relu(m.a(x)).softmax(1))), "the function softmax"),
    "written to": (two(lambda m, x: m.b(_written(F.gelu(m.a(x))))), "__setitem__"),
    "averaged": (two(lambda m, x: (h := F.relu(m.a(x))).mean() * 0 + m.b(h)), "the function mean"),
    "returned": (lambda net: net(lambda m, x: (m.b(h := F.relu(m.a(x))), h)[1], a=nn.Linear(8, 6), b=nn.Linear(6, 2)),
                 "the model's output"),
    "two activations": (two(lambda m, x: m.b(F.relu(z := m.a(x))) + m.c(torch.tanh(z)), c=nn.Linear(12, 3)), "follows"),
    "without": (two(lambda m, x: m.b(F.relu(z := m.a(x))) + m.c(z), c=nn.Linear(12, 3)), "c, with no activation"),
    "shared taker": (two(lambda m, x: m.b(F.relu(m.a(x))) + m.b(F.relu(m.c(x))), c=nn.Linear(8, 12)), "other units"),
    "own function": (two(lambda m, x: m.b(Twice.apply(F.relu(m.a(x))))), "a product"),
    "its own weights": (two(lambda m, x: F.linear(F.relu(m.a(x)), m.a.weight.T[:3])), "its weights"),
    "embedding": (two(lambda m, x: F.linear(F.relu(m.a(x)), m.e.weight), e=nn.Embedding(3, 12)), "Embedding"),
    "tied": (tied, "share a weight"),
    "computed": (computed, "the function linear"),
    "frozen": (lambda _: nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3).requires_grad_(False)), "frozen"),
    "no bias": (no_bias, "no bias"),
}  # fmt: skip


def _written(h: Tensor) -> Tensor:
    h[:, 0] = 0
    return h


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_left(net: Any, kill: Any, trained: Any, case: str) -> None:
    build, reason = REFUSED[case]
    model = build(net)
    name = "0" if isinstance(model, nn.Sequential) else "a"
    kill(model, [name], 1e3 if case == "no bias" else -1e3)
    health = trained(model, torch.randn(512, 8), torch.optim.SGD(model.parameters(), lr=1e-6))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(WatchError, match=rf"no layer can be revived: .*{reason}"):
        health.revive()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_groups_are_left(kill: Any, trained: Any) -> None:
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=2), nn.Flatten(), nn.Linear(96, 3))
    kill(model, ["0"])
    with pytest.raises(WatchError, match="2 is a convolution in groups"):
        trained(model, torch.randn(128, 2, 8, 8)).revive()


def test_one_layer_is_left_and_the_others_are_not(net: Any, kill: Any, trained: Any) -> None:
    model = net(lambda m, x: m.c(F.relu(m.b(h := F.relu(m.a(x)))) + h), a=nn.Linear(8, 12), b=nn.Linear(12, 12),
                c=nn.Linear(12, 3))  # fmt: skip
    model.run = lambda m, x: m.c(F.relu(m.b(F.relu(m.a(x))))) + m.d(x + F.relu(m.e(x)))
    model.add_module("e", nn.Linear(8, 8))
    model.add_module("d", nn.Linear(8, 3))
    dead = kill(model, ["a", "b", "e"])
    done = trained(model, torch.randn(512, 8)).revive()
    assert [layer.layer for layer in done.refused] == ["e"]
    assert {layer.layer: layer.units for layer in done} == {"a": dead, "b": dead, "e": ()}
    assert "e (relu): left as it is: a sum (add) takes its units" in str(done)


def test_a_mean_is_not_whole_at_a_padded_border(kill: Any, trained: Any) -> None:
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1), nn.Flatten(), nn.Linear(108, 3))
    kill(model, ["0"], 1e3)
    (done,) = trained(model, torch.randn(128, 2, 8, 8)).revive(dry_run=True)
    assert "padded with 0" in str(done)
