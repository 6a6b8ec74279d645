"""Real architectures, as their libraries write them: found, replaced, proved, and undone to the last bit."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl


class BasicBlock(nn.Module):
    """torchvision's: one in-place ReLU for both calls, normalisation by the batch, a shortcut."""

    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = (
            None if stride == 1 else nn.Sequential(nn.Conv2d(channels, out, 1, stride), nn.BatchNorm2d(out))
        )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class PreActivation(nn.Module):
    """As CIFAR's ResNets are often written: functions, in place and not."""

    def __init__(self, channels):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x), inplace=True))
        return self.conv2(self.bn2(out).relu_()) + x


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), PreActivation(16))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(F.relu(x), 1), 1))


IN_PLACE = partial(nn.SiLU, inplace=True)


class ConvNormAct(nn.Sequential):
    """timm's way: the class of the activation is an argument, made in place."""

    def __init__(self, channels, out, act_layer=IN_PLACE):
        super().__init__(nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), act_layer())


class SqueezeExcite(nn.Module):
    def __init__(self, channels, act_layer=nn.SiLU, gate_layer=nn.Sigmoid):
        super().__init__()
        self.conv_reduce, self.act1 = nn.Conv2d(channels, 2, 1), act_layer(inplace=True)
        self.conv_expand, self.gate = nn.Conv2d(2, channels, 1), gate_layer()

    def forward(self, x):
        x_se = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.conv_expand(self.act1(self.conv_reduce(x_se))))


class Mlp(nn.Module):
    def __init__(self, features, act_layer=nn.GELU, drop=0.1):
        super().__init__()
        self.fc1, self.act, self.drop = nn.Linear(features, 4 * features), act_layer(), nn.Dropout(drop)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x):
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class TimmLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.se = ConvNormAct(3, 8), SqueezeExcite(8)
        self.blocks = nn.Sequential(Mlp(8), Mlp(8, partial(nn.GELU, approximate="tanh")))

    def forward(self, x):
        return self.blocks(self.se(self.stem(x)).flatten(2).transpose(1, 2)).mean(1)


def of_transformers(name):
    import transformers

    small = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
    ids = {"input_ids": torch.arange(14).reshape(2, 7)}
    if name == "bert":
        return transformers.BertModel(transformers.BertConfig(vocab_size=50, **small)), ids
    if name == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0
        )
        return transformers.GPT2LMHeadModel(config), ids
    if name == "llama":
        config = transformers.LlamaConfig(vocab_size=50, num_key_value_heads=2, **small)
        return transformers.LlamaForCausalLM(config), ids
    config = transformers.ViTConfig(image_size=8, patch_size=4, **small)
    return transformers.ViTModel(config), {"pixel_values": torch.linspace(-1, 1, 384).reshape(2, 3, 8, 8)}


def image():
    return torch.linspace(-2, 2, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8).sin()


CASES = {
    # the model and what it is called with; what is replaced; how many places and calls; what is left
    "transformer": (
        lambda: (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3), image()[:, 0]),
        ("relu", "gelu"), (3, 3), set(),
    ),
    "transformer, gelu": (
        lambda: (nn.Transformer(8, 2, 1, 1, 16, activation="gelu", batch_first=True), (image()[:, 0], image()[:, 1])),
        ("gelu", "prelu"), (2, 2), set(),
    ),
    "resnet": (lambda: (ResNet(), image()), ("relu", "mish"), (6, 10), set()),
    "timm": (lambda: (TimmLike(), image()), ("silu", "relu"), (2, 2), {"gelu", "gelu_tanh", "sigmoid"}),
    "bert": (lambda: of_transformers("bert"), ("gelu", "relu"), (2, 2), {"tanh"}),
    "gpt2": (lambda: of_transformers("gpt2"), ("gelu_new", "squared_relu"), (2, 2), set()),
    "llama": (lambda: of_transformers("llama"), ("silu", "gelu"), (2, 2), set()),
    "vit": (lambda: of_transformers("vit"), ("gelu", "prelu"), (2, 2), {"tanh"}),
}  # fmt: skip


def first(output):
    return output if isinstance(output, torch.Tensor) else output[0]


def called(model, example):
    if isinstance(example, dict):
        return first(model(**example))
    return first(model(*example) if isinstance(example, tuple) else model(example))


@pytest.fixture(params=CASES)
def case(request):
    torch.manual_seed(0)
    make, (old, new), counts, left = CASES[request.param]
    model, example = make()
    return model.eval(), example, old, new, counts, left


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")
def test_found_replaced_and_undone(case):
    model, example, old, new, (count, calls), left = case
    with torch.no_grad():
        before = called(model, example)
    modules, keys = [id(m) for m in model.modules()], list(model.state_dict())
    places = nl.activations(model, example)
    mine = [p for p in places if p.name == nl.get(old).name]
    assert (len(mine), sum(p.calls for p in mine)) == (count, calls)
    change = nl.swap(model, {old: new}, example_inputs=example)
    assert change.proved and [p.where for p in change.changed] == [p.where for p in mine]
    assert {p.name for p in change.left} == left
    assert {p.now for p in change.changed} == {nl.get(new).name} and len(change.parameters) in (0, count)
    with torch.no_grad():
        after = called(model, example)
    assert torch.isfinite(after).all() and not torch.allclose(after, before)
    again = nl.activations(model, example)
    assert [(p.where, p.calls) for p in again if p.name == nl.get(new).name and "own" in p.note] == [
        (p.where, p.calls) for p in mine
    ]
    model.train()
    called(model, example).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in change.parameters)
    model.eval()
    change.undo()
    assert [id(m) for m in model.modules()] == modules and list(model.state_dict()) == keys
    assert nl.activations(model, example) == places
    model.zero_grad()


def test_undo_gives_back_every_bit(case):
    model, example, old, new, *_ = case
    with torch.no_grad():
        before = called(model, example)
        nl.swap(model, {old: new}, example_inputs=example).undo()
        assert torch.equal(called(model, example), before)


def test_a_copy_computes_the_same(case):
    model, example, old, new, *_ = case
    nl.swap(model, {old: new}, example_inputs=example)
    with torch.no_grad():
        assert torch.equal(called(copy.deepcopy(model), example), called(model, example))


def test_all_of_nonlins_own(case):
    model, example, *_ = case
    fresh = copy.deepcopy(model)
    change = nl.swap(model, "nonlin", example_inputs=example)
    assert change.changed and not change.left
    for training in (False, True):
        outputs = []
        for one in (model, fresh):
            torch.manual_seed(1)
            outputs.append(called(one.train(training), example))
        torch.testing.assert_close(*outputs, rtol=2e-4, atol=2e-5)


def test_loss_goes_down_as_before():
    torch.manual_seed(0)
    model, x = ResNet(), image()
    change = nl.swap(model, {"relu": nl.torch.PReLU}, example_inputs=x)
    slopes = [p.item() for p in change.parameters]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), torch.tensor([1, 3]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2 and all(a != b.item() for a, b in zip(slopes, change.parameters, strict=True))
