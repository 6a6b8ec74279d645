"""What watching costs: `python benchmarks/watch.py` prints how much longer training takes with watch.

An MLP, a convolutional net and a transformer on one thread; `nl.watch` at every = 25, 5 and 1, beside histograms of
every gradient as `wandb.watch` takes them, and beside naive forward and backward hooks that count on every step.
Blocks of each kind alternate in one process; medians of the ratios of neighbouring blocks, of the processor's time, so
that what else the machine does counts for little. A model is watched by one `Health` throughout, and its first looks,
which take more observations, come before what is timed. Written to benchmarks/results/watch.json. Some minutes.
"""

import argparse
import itertools
import json
import platform
import statistics
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import nonlin as nl

RESULTS = Path(__file__).parent / "results" / "watch.json"
STEPS, BEFORE = 50, 4  # of a block: two sampled ones at every = 25; blocks that are not timed


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        widths = (3, 32, 64, 64)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths[1:])
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.max_pool2d(F.relu(norm(conv(x)), inplace=True), 2)
        return self.head(x.mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


def mlp():
    widths = (256, 512, 512, 512)
    layers = [m for a, b in itertools.pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(512, 10))


MODELS = {
    "mlp": (mlp, (128, 256)),
    "conv": (Conv, (32, 3, 32, 32)),
    "transformer": (Transformer, (16, 64, 128)),
}


@contextmanager
def histograms(model, _optimizer):
    """What wandb.watch(log="gradients") does to each gradient, without its upload: a histogram of 64 bins."""
    kept = []

    def hook(grad):
        flat = grad.detach().reshape(-1).float()
        kept.append(torch.histc(flat, bins=64, min=float(flat.min()), max=float(flat.max())).tolist())

    handles = [p.register_hook(hook) for p in model.parameters()]
    yield
    for handle in handles:
        handle.remove()


@contextmanager
def naive(model, _optimizer):
    """Hooks on every module that count zeros and the size of the gradient, each as a Python number."""
    kept = []

    def forward(_module, _inputs, output):
        if isinstance(output, torch.Tensor) and output.requires_grad:
            kept.append((output == 0).float().mean().item())
            output.register_hook(lambda grad: kept.append(grad.square().mean().sqrt().item()))

    handles = [m.register_forward_hook(forward) for m in model.modules()]
    yield
    for handle in handles:
        handle.remove()


def ways(model, optimizer):
    """Contexts in which the model is trained."""
    healths = {f"every={every}": nl.watch(model, optimizer, every=every) for every in (25, 5, 1)}
    return {way: lambda health=health: health for way, health in healths.items()} | {
        "histograms": partial(histograms, model, optimizer),
        "naive hooks": partial(naive, model, optimizer),
    }


def block(model, optimizer, x, y, way):
    """Seconds of the processor, of STEPS steps."""
    with way():
        begin = time.process_time()
        for _ in range(STEPS):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return time.process_time() - begin


def measured(name, rounds):
    """Median ratio to the plain blocks before and after, of each way."""
    make, shape = MODELS[name]
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    x, y = torch.randn(shape), torch.randint(0, 10, shape[:1])
    contexts = ways(model, optimizer)
    for way in (nullcontext, *contexts.values()):
        for _ in range(BEFORE):
            block(model, optimizer, x, y, way)
    ratios = {way: [] for way in contexts}
    times = [block(model, optimizer, x, y, nullcontext)]
    for _ in range(rounds):
        for way, context in contexts.items():
            own = block(model, optimizer, x, y, context)
            times.append(block(model, optimizer, x, y, nullcontext))
            ratios[way].append(2 * own / (times[-2] + times[-1]))
    step = statistics.median(times) / STEPS
    return {"step_ms": step * 1e3} | {way: statistics.median(r) - 1 for way, r in ratios.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each kind")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, help="where to write the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for name in MODELS:
        rows[name] = measured(name, options.rounds)
        shares = "  ".join(f"{way} {share:+.1%}" for way, share in rows[name].items() if way != "step_ms")
        print(f"{name:12} {rows[name]['step_ms']:>7.2f} ms  {shares}", flush=True)
    machine = {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__, "threads": 1}
    options.out.write_text(json.dumps({"machine": machine, "rounds": options.rounds, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
