"""Models under torch.compile: the swap holds for what is compiled already, and leaves no graph break."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.act, self.b = nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6)
        self.activation = F.relu

    def forward(self, x):
        x = self.act(self.a(x))
        return self.activation(self.b(F.relu(x - 0.1).clamp(min=0) + 0.1)) + F.leaky_relu(x, 0.2)


@pytest.fixture
def data():
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield torch.randn(3, 6)
    torch._dynamo.reset()


def compiled(model, **options):
    return torch.compile(model, backend="aot_eager", fullgraph=True, **options)


@pytest.mark.parametrize("target", ["softplus", "prelu", "gelu_tanh"])
def test_a_swapped_model_compiles_whole(data, target):
    model = Net()
    nl.swap(model, {"relu": target, "leaky_relu": "tanh"}, example_inputs=data)
    want = model(data)
    got = compiled(model)(data)
    torch.testing.assert_close(got, want)
    weights = list(model.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(got.sum(), weights), torch.autograd.grad(want.sum(), weights), rtol=1e-4, atol=1e-5
    )


def test_a_compiled_model_is_swapped_and_undone(data):
    model = Net()
    fast = compiled(model)
    old = fast(data)
    places = nl.activations(fast, data)
    assert [(p.where, p.name) for p in places] == [(p.where, p.name) for p in nl.activations(model, data)]
    change = nl.swap(fast, {"relu": "softplus"}, example_inputs=data)
    assert len(change.changed) == 3
    torch.testing.assert_close(fast(data), model(data))
    assert not torch.allclose(fast(data), old)
    change.undo()
    assert torch.equal(fast(data), old)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_parts_that_are_compiled(data):
    model = nn.Sequential(torch.compile(Net(), backend="aot_eager"), Net())
    model[1].compile(backend="aot_eager")
    old = model(data)
    change = nl.swap(model, {"relu": "softplus"}, example_inputs=data)
    assert len(change.changed) == 6
    plain = nn.Sequential(model[0]._orig_mod, model[1])
    with torch.compiler.set_stance("force_eager"):
        want = plain(data)
    torch.testing.assert_close(model(data), want)
    change.undo()
    assert torch.equal(model(data), old)
