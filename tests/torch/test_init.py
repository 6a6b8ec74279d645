"""nonlin.torch.gain and init_: the gain of any formula, the layer that it is for, the variance that comes of it."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

import nonlin as nl
import nonlin.torch
from nonlin.errors import NonlinError, ParameterError
from nonlin.signal import variance_map

DEPTH, WIDTH, BATCH = 50, 2048, 16


def test_the_gain_keeps_the_second_moment(activation):
    z = torch.randn(400_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    second = activation(z).square() * nonlin.torch.gain(activation) ** 2
    assert second.mean().item() == pytest.approx(1, abs=6 * second.std().item() / len(z) ** 0.5)


def test_gains_of_names_layers_and_parameters():
    gain = nonlin.torch.gain
    assert gain("relu") == gain(nn.ReLU()) == gain(nonlin.torch.ReLU()) == pytest.approx(math.sqrt(2), rel=1e-14)
    slope = pytest.approx(math.sqrt(2 / (1 + 0.3**2)), rel=1e-14)
    for same in ("leaky_relu(negative_slope=0.3)", nn.LeakyReLU(0.3), nonlin.torch.LeakyReLU(0.3), nn.PReLU(init=0.3)):
        assert gain(same) == (pytest.approx(slope.expected, rel=1e-7) if isinstance(same, nn.PReLU) else slope)
    assert gain(nn.GELU(approximate="tanh")) == gain("gelu_tanh")
    assert gain(nonlin.torch.Swish(1.5)) == gain(nl.swish.bind(beta=1.5)) != gain("swish")


BAD = [
    ("relo", "relo"),
    ("softmax", "softmax is a function of a whole axis"),
    (nn.Linear(2, 2), "Linear"),
    (nl.define("nothing", "0*x"), "is 0"),
    (nl.define("pole", "1/x"), "is inf"),
    (nl.define("half_line", "log(x)"), "no value at some inputs"),
]


@pytest.mark.parametrize(("activation", "names"), BAD, ids=[n for _, n in BAD])
def test_what_has_no_gain_is_an_error_of_one_line(activation, names):
    with pytest.raises(NonlinError, match=names) as caught:
        nonlin.torch.gain(activation)
    assert "\n" not in str(caught.value)


# Depth ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layers():
    """Weights of variance 1/fan_in: one matrix, whose rows are in another order and of other signs for each layer."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
    signs = torch.randint(0, 2, (DEPTH, WIDTH), generator=generator) * 2.0 - 1
    return matrix, [(torch.randperm(WIDTH, generator=generator), sign) for sign in signs]


def variances(activation, layers):
    """The mean square of the pre-activations, layer by layer."""
    found, gain = [], nonlin.torch.gain(activation)
    matrix, shuffles = layers
    signal = torch.randn(BATCH, WIDTH, generator=torch.Generator().manual_seed(1))
    for order, sign in shuffles:
        signal = (activation(signal)[:, order] * sign) @ matrix * gain
        found.append(signal.square().mean().item())
    return found


def test_through_fifty_layers_the_variance_does_what_its_map_says(activation, layers):
    """It stays in [0.5, 2] where a deviation does not grow; where it does, it leaves once chance has grown enough."""
    v = variance_map(activation.rule, tuple(activation.parameters.values()))
    assert v(1.0) == pytest.approx(1, rel=1e-9)
    stays = all(0.5 <= q <= 2 for q in variances(activation, layers))
    chance = WIDTH**-0.5  # what the variance of one layer is off, relatively
    if v.slope < 1 + 1e-3:
        assert stays and v.verdict.startswith("stays")
    else:
        assert v.verdict.startswith("cannot stay")
        assert not stays or chance * v.slope**DEPTH < 4


def test_the_slope_of_the_map_is_its_slope(activation):
    v, h = variance_map(activation.rule, tuple(activation.parameters.values())), 1e-2
    assert v.slope == pytest.approx((v(1 + h) - v(1 - h)) / (2 * h), abs=2e-3)


def test_where_a_variance_goes_that_cannot_stay():
    v = variance_map(nl.exponential.rule, ())
    assert v.destination(0.9) == pytest.approx(0.2032, abs=1e-4) and v.destination(1.1) == math.inf
    assert "to 0.203 or infinity" in v.verdict


# Which activation follows --------------------------------------------------------------------------------------------


def checked(model, result, scheme="he"):
    """Where, what follows; after the weights are seen to have the distribution that the result tells."""
    modules = dict(model.named_modules())
    for layer in result:
        if layer.std is None:
            continue
        weight = modules[layer.where].weight
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
        if isinstance(modules[layer.where], nn.ConvTranspose2d):
            fan_in, fan_out = fan_out, fan_in
        wanted = layer.gain * math.sqrt(1 / fan_in if scheme == "he" else 2 / (fan_in + fan_out))
        assert layer.std == pytest.approx(wanted) and f"std {layer.std:.4g}" in str(layer)
        error = 5 * layer.std / math.sqrt(weight.numel())
        assert abs(weight.mean().item()) < error and weight.std().item() == pytest.approx(layer.std, abs=error)
        assert modules[layer.where].bias is None or not modules[layer.where].bias.any()
        if layer.follows and not layer.note:
            assert layer.gain == nonlin.torch.gain(layer.follows)
    return [(layer.where, layer.follows) for layer in result]


def stack(activation):
    layer = nonlin.torch.layer
    return nn.Sequential(
        nn.Linear(32, 48), layer(activation), nn.Linear(48, 64), nn.LayerNorm(64), nn.Dropout(), layer(activation),
        nn.Linear(64, 16, bias=False),
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["he", "xavier"])
def test_every_activation_in_a_stack(activation, scheme):
    model = stack(activation)
    expected = nonlin.torch.known.activation_of(model[1])
    for example in (None, torch.randn(4, 32)):
        result = nonlin.torch.init_(model, example, scheme=scheme)
        names = "" if expected is None else str(expected)
        assert checked(model, result, scheme) == [("0", names), ("2", names), ("6", "")]
        assert not result.unsure


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=2)
        self.bn2 = nn.BatchNorm2d(channels)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x):
        y = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return functional.relu(x + y)


def test_a_residual_network_and_functions_and_modules_used_again():
    up = nn.ConvTranspose2d(16, 4, 2)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), Residual(16), nn.AvgPool2d(2), up, nn.Flatten(), nn.Tanh())
    result = nonlin.torch.init_(model, torch.randn(2, 3, 9, 9))
    assert checked(model, result) == [("0", "relu"), ("2.conv1", "silu"), ("2.conv2", "relu"), ("4", "tanh")]
    assert not result.unsure


@pytest.mark.parametrize("first", [False, True])
def test_a_transformer_of_torchs_own(first):
    block = nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", batch_first=True, norm_first=first)
    model = nn.TransformerEncoder(block, 2, enable_nested_tensor=False).eval()
    result = nonlin.torch.init_(model, torch.randn(2, 5, 32))
    found = dict(checked(model, result))
    for i in range(2):
        assert found[f"layers.{i}.linear1"] == "gelu" and found[f"layers.{i}.linear2"] == ""
    unsure = {layer.where: layer.note for layer in result.unsure}
    assert "MultiheadAttention is not a layer that it knows" in unsure["layers.0.self_attn"]
    assert "never run" in unsure["layers.0.self_attn.out_proj"] and len(unsure) == 4


class Written(nn.Module):
    """As models write it: functions, methods, gates, branches, this package's functions and a user's own."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(24, 24) for _ in range(4))
        self.gate, self.up, self.both, self.last, self.unused = (nn.Linear(24, 24) for _ in range(5))

    def forward(self, x):
        x = functional.leaky_relu(self.a(x), 0.3)
        x = self.b(x).relu_()
        x = nl.mish(self.c(x))
        x = nl.get("tent")(self.d(x))
        x = functional.silu(self.gate(x)) * self.up(x)
        y = self.both(x)
        return torch.log_softmax(self.last(torch.tanh(y) + nl.gelu(y)), -1)


def test_functions_gates_and_what_it_cannot_tell():
    model = Written()
    before = copy.deepcopy(model)
    result = nonlin.torch.init_(model, {"x": torch.randn(3, 24)})
    expected = {"a": "leaky_relu(negative_slope=0.3)", "b": "relu", "c": "mish", "d": "tent", "gate": "silu", "up": ""}
    expected |= {"both": "tanh and gelu", "last": "log_softmax", "unused": ""}
    assert dict(checked(model, result)) == expected
    notes = {layer.where: layer.note for layer in result.unsure}
    assert notes.keys() == {"both", "last", "unused"}
    assert "several follow" in notes["both"] and "whole axis" in notes["last"] and "never run" in notes["unused"]
    assert not torch.equal(model.unused.weight, before.unused.weight)
    blind = nonlin.torch.init_(model)
    assert len(blind.unsure) == 9 and all("give example_inputs" in layer.note for layer in blind)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.inner = nn.Embedding(11, 8), nn.utils.parametrizations.orthogonal(nn.Linear(8, 8))
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(torch.relu(self.inner(self.embedding(x))))


def test_weights_that_are_not_its_to_draw_are_left():
    model = Tied()
    before = copy.deepcopy(model.state_dict())
    result = nonlin.torch.init_(model, torch.arange(5))
    assert {layer.where: layer.note for layer in result.unsure} == {
        "inner": "its weight is computed from others",
        "inner.parametrizations.weight": "ParametrizationList is not a layer that it knows",
        "head": "its weight is embedding's too",
    }
    assert all(layer.std is None and "left as it was" in str(layer) for layer in result)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_run_leaves_no_trace():
    """Nor on the random generator; modes, statistics, hooks stay."""
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU())
    model[2].eval()
    x = torch.randn(4, 6)
    nonlin.torch.init_(model, x)
    torch.manual_seed(3)
    nonlin.torch.init_(model, x)
    weight = model[0].weight.detach().clone()
    torch.manual_seed(3)
    torch.testing.assert_close(weight, torch.empty(6, 6).normal_(0, nonlin.torch.gain("relu") / 6**0.5))
    assert [m.training for m in model] == [True, True, False, True]
    assert not model[1].running_mean.any() and not any(m._forward_hooks or m._forward_pre_hooks for m in model)


def test_bad_input_is_one_line():
    for call, names in (
        (lambda: nonlin.torch.init_(nn.Linear(2, 2), scheme="lecun"), "'lecun'"),
        (lambda: nonlin.torch.init_(nn.Sequential(nn.LazyLinear(3))), "0.weight"),
    ):
        with pytest.raises(ParameterError, match=names) as caught:
            call()
        assert "\n" not in str(caught.value)
