"""The model that benchmarks/memory.py measures: a plain transformer for text, in the three ways of keeping things.

Run as a program it makes one training step and prints, as JSON, the bytes that its MLP blocks save for the backward
pass and the peak of resident memory during the step: `python benchmarks/transformer.py torch|input|output`.
"""

import json
import resource
import sys
import sysconfig
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import nonlin.torch

MODES = ("torch", "input", "output")
VOCABULARY = 128


class Block(nn.Module):
    """Attention and an MLP, normalised before."""

    def __init__(self, width: int, heads: int, activation: nn.Module):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), activation, nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.mixed(self.norms[0](x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norms[1](x))


class Transformer(nn.Module):
    """Predicts the next character."""

    def __init__(self, mode: str, layers: int, width: int, heads: int, length: int):
        super().__init__()
        own = nn.GELU if mode == "torch" else nonlin.torch.GELU
        self.embedding, self.places = nn.Embedding(VOCABULARY, width), nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, own()) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)
        if mode == "output":
            nonlin.torch.lean(self)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        x = self.embedding(x) + self.places[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.cross_entropy(self.head(self.norm(x)).flatten(0, 1), target.flatten())


def text() -> Tensor:
    """Characters of the standard library's own sources, a few million of them."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    data = b"\n".join(file.read_bytes() for file in files)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).clamp(max=VOCABULARY - 1).long()


def batch(data: Tensor, size: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pieces of the text, and the same one character on."""
    starts = torch.randint(len(data) - length - 1, (size, 1), generator=generator)
    places = starts + torch.arange(length)
    return data[places], data[places + 1]


# One step, measured ---------------------------------------------------------------------------------------------------


def saved_by_mlps(model: Transformer, x: Tensor, target: Tensor) -> int:
    """Bytes of memory that the MLP blocks save, each storage once, without parameters."""
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    saved: dict[int, tuple[int, Tensor]] = {}
    inside = False

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if inside and storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage.nbytes(), tensor  # held, so that no other takes its address
        return tensor

    def begin(*_: object) -> None:
        nonlocal inside
        inside = True

    def end(*_: object) -> None:
        nonlocal inside
        inside = False

    handles = [
        h for b in model.blocks for h in (b.mlp.register_forward_pre_hook(begin), b.mlp.register_forward_hook(end))
    ]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(x, target)
    for handle in handles:
        handle.remove()
    return sum(size for size, _ in saved.values())


def peak() -> int:
    """The most bytes that this process has had in memory."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there begins with the parent's
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def step(mode: str, layers: int = 12, width: int = 256, size: int = 8, length: int = 256) -> dict[str, int]:
    """Two training steps of a fresh model: the most memory in them beyond that of the model."""
    torch.manual_seed(0)
    model = Transformer(mode, layers, width, width // 64, length)
    optimizer = torch.optim.AdamW(model.parameters())
    x, target = batch(text(), size, length, torch.Generator().manual_seed(0))
    saved = saved_by_mlps(model, x[:1], target[:1]) * size
    model(x[:1], target[:1]).backward()  # what is made once is made: gradients, moments, compiled loops
    optimizer.step()
    before = peak()
    for _ in range(2):
        model(x, target).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    return {"saved_by_mlps": saved, "peak": peak() - before}


if __name__ == "__main__":
    print(json.dumps(step(sys.argv[1])))
