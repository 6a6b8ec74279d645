"""What cannot be done is said in one line, with the value and the remedy; the model is as it was."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl
from nonlin.errors import NonlinError, ParameterError, SwapError, UnknownActivation


def model():
    return nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.GLU())


X = torch.randn(2, 6)
LAZY = nn.Sequential(nn.LazyLinear(3), nn.ReLU())


class Stuck(nn.Module):
    def __deepcopy__(self, memo):
        raise RuntimeError("not to be copied")

    def forward(self, x):
        return F.relu(x)


BAD = [
    (lambda m: nl.swap(m, {"relo": "gelu"}), UnknownActivation, "'relo'.*'relu'"),
    (lambda m: nl.swap(m, {"layer1.relu": "gelu"}), UnknownActivation, "'layer1.relu'.*nonlin.activations"),
    (lambda m: nl.swap(m, {"relu": "gelo"}), UnknownActivation, "'gelo'"),
    (lambda m: nl.swap(m, {"relu": "elu(beta=2)"}), ParameterError, "'beta'"),
    (lambda m: nl.swap(m, {"relu": 3}), ParameterError, "replacement: 3"),
    (lambda m: nl.swap(m, {}), ParameterError, "{}"),
    (lambda m: nl.swap(m, "gelu"), ParameterError, "'gelu'"),
    (lambda m: nl.swap(m, {"tanh": "gelu"}, example_inputs=X), SwapError, "tanh: it has glu, relu"),
    (lambda m: nl.swap(m, {"tanh": "gelu"}), SwapError, "without example_inputs"),
    (lambda m: nl.swap(m, {"glu": "gelu"}), ParameterError, "halves its axis"),
    (lambda m: nl.swap(m, {"relu": "swiglu"}), ParameterError, "halves its axis"),
    (lambda m: nl.swap(m, {"relu": lambda: 3}), SwapError, "no layer: 3"),
    (lambda m: nl.swap(m, {"relu": nn.Linear}), SwapError, "in_features"),
    (lambda m: nl.swap(m, {"relu": lambda: nn.Linear(5, 5)}, example_inputs=X), SwapError, "RuntimeError"),
    (lambda m: nl.swap(m, {"relu": "gelu"}, example_inputs=X[:, :3]), SwapError, "example_inputs in training"),
    (lambda m: nl.swap(m.forward, {"relu": "gelu"}), ParameterError, "method"),
    (lambda m: nl.activations(3), ParameterError, "int"),
    (lambda m: nl.swap(m[1], {"relu": "gelu"}, example_inputs=X), SwapError, "itself the activation"),
    (lambda m: nl.swap(LAZY, {"relu": "gelu"}, example_inputs=X), SwapError, "'0.weight'"),
    (lambda m: nl.swap(Stuck(), {"relu": "gelu"}, example_inputs=X), SwapError, "not to be copied"),
]


@pytest.mark.parametrize(("call", "kind", "names"), BAD)
def test_bad_input_is_one_line(call, kind, names):
    m = model()
    before = [(name, id(one), vars(one).keys()) for name, one in m.named_modules()]
    with pytest.raises(kind, match=names) as caught:
        call(m)
    assert isinstance(caught.value, NonlinError) and "\n" not in str(caught.value) and ": " in str(caught.value)
    assert [(name, id(one), vars(one).keys()) for name, one in m.named_modules()] == before


def test_what_fails_late_is_undone():
    class Counted(nn.Module):
        """Fails in a block of two elements, which the second layer gets."""

        def forward(self, x):
            if x.shape[-1] == 3:
                raise ValueError("three")
            return x

    m = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 3))
    kept = list(m)
    with pytest.raises(SwapError, match="three"):
        nl.swap(m, {"relu": Counted}, example_inputs=X)
    assert list(m) == kept and not m._forward_hooks


def test_tables():
    change = nl.swap(model(), {"relu": nl.torch.PReLU}, example_inputs=X)
    assert repr(change).splitlines() == [
        "1 place changed, proved by a run in training and one in evaluation",
        "",
        "where  activation  now    how     calls  note",
        "---------------------------------------------",
        "1      relu        prelu  module  1",
        "",
        "left as they are",
        "",
        "where  activation  how     calls  note",
        "-----------------------------------------------",
        "3      glu         module  1      along an axis",
        "",
        '1 new parameter to learn: optimizer.add_param_group({"params": change.parameters})',
    ]
    assert repr(nl.activations(nn.Sequential(nn.Linear(2, 2)))) == "no activations"
