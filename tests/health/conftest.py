"""Models of the usual kinds, written in the usual ways, and a short training of them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import nonlin as nl


class Functional(nn.Module):
    """Calls functions and methods; `in_place` ones overwrite what the layer before returned."""

    def __init__(self, name="relu", in_place=False):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 4)
        self.name, self.in_place = name, in_place

    def forward(self, x):
        if self.name == "relu":
            x = F.relu(self.first(x), inplace=self.in_place)
            x = self.second(x)
            x = x.relu_() if self.in_place else x.clamp(min=0)
        else:
            x = getattr(F, self.name)(getattr(F, self.name)(self.first(x)) @ self.second.weight.t() + self.second.bias)
        return self.head(x)


class Shared(nn.Module):
    """One in-place ReLU for all, as in torchvision's blocks."""

    def __init__(self, activation=None):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 4)
        self.activation = activation or nn.ReLU(inplace=True)

    def forward(self, x):
        return self.head(self.activation(self.second(self.activation(self.first(x)))))


class Block(nn.Module):
    """A residual block with batch normalisation."""

    def __init__(self, width, activation):
        super().__init__()
        self.first, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.second, self.activation = nn.Conv2d(width, width, 3, padding=1), activation

    def forward(self, x):
        return self.activation(x + self.second(self.activation(self.norm(self.first(x)))))


class Conv(nn.Module):
    def __init__(self, activation=None):
        super().__init__()
        activation = activation or nn.ReLU()
        self.first, self.activation = nn.Conv2d(1, 8, 3, padding=1), activation
        self.block, self.head = Block(8, activation), nn.Linear(8, 4)

    def forward(self, x):
        x = self.activation(self.first(x.reshape(-1, 1, 4, 4)))
        return self.head(self.block(x).mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self, activation="relu"):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, activation=activation, batch_first=True)
        self.embed, self.encoder = nn.Linear(4, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.reshape(-1, 4, 4))).mean(1))


class Checkpointed(Shared):
    reentrant = False

    def forward(self, x):
        inner = lambda x: self.activation(self.second(x))  # noqa: E731
        x = self.activation(self.first(x))
        return self.head(checkpoint(inner, x, use_reentrant=self.reentrant) if self.training else inner(x))


class Reentrant(Checkpointed):
    reentrant = True


def mlp(activation=nn.ReLU, depth=2, width=32, **options):
    layers, wide = [], 16
    for _ in range(depth):
        layers += [nn.Linear(wide, width), activation(**options)]
        wide = width
    return nn.Sequential(*layers, nn.Linear(wide, 4))


MODELS = {
    "mlp": mlp,
    "functions": Functional,
    "functions in place": lambda: Functional(in_place=True),
    "shared in place": Shared,
    "own layer": lambda: Shared(nl.torch.ReLU()),
    "own in place": lambda: Shared(nl.torch.ReLU(inplace=True)),
    "own function": lambda: Shared(nl.relu),
    "conv": Conv,
    "transformer": Transformer,
    "checkpointed": Checkpointed,
    "reentrant": Reentrant,
    "gelu": lambda: mlp(nn.GELU),
    "silu functions": lambda: Functional("silu"),
}


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


def batch(step, size):
    x = torch.randn(size, 16, generator=torch.Generator().manual_seed(step))
    return x, (x[:, :4].cumsum(1)).argmax(1)


def train(model, steps=30, every=5, watched=True, amp=None, lr=1e-3, before=None, optimizer=torch.optim.Adam, size=64):
    """What watch found; None without it. `before(step)` is called before each step; `amp` is autocast's dtype."""
    torch.manual_seed(1)
    steps_of = optimizer(model.parameters(), lr=lr)
    # of a scale at which the first gradients overflow, so that steps are left out
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=50, enabled=amp is torch.float16)
    health = nl.watch(model, steps_of, every=every) if watched else None
    if health is not None:
        health.start()
    for step in range(steps):
        if before is not None:
            before(step)
        x, y = batch(step, size)
        steps_of.zero_grad()
        with torch.autocast("cpu", dtype=amp or torch.bfloat16, enabled=amp is not None):
            loss = F.cross_entropy(model(x).float(), y)
        scaler.scale(loss).backward()
        scaler.step(steps_of)
        scaler.update()
        if step % 10 == 9:
            model.eval()
            with torch.no_grad():
                model(x)
            model.train()
    if health is not None:
        health.stop()
    return health


@pytest.fixture
def training():
    """The function above. On one thread: so small a model is slower on several."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield train
    torch.set_num_threads(threads)
