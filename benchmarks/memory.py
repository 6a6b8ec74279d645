"""What the backward pass keeps in memory, with torch and with nonlin: `python benchmarks/memory.py [--out PATH]`.

Three tables: the bytes an element that each activation keeps beside its output; the bytes that the MLP blocks of a
12-layer transformer keep, and the peak of resident memory in a training step on the CPU, each way in a process of its
own; the loss of a character model on the standard library's sources over 200 steps, beside the noise of its seeds.
Written to benchmarks/results/memory.json. Takes some minutes on two cores. Exit code 1 if a promise is broken.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformer import MODES, Transformer, batch, text

import nonlin as nl
import nonlin.torch
from nonlin.errors import ParameterError
from nonlin.files import check_path, write_whole
from nonlin.inverse import inverse
from nonlin.measure.machine import machine, versions
from nonlin.vector import VectorActivation

RESULTS = Path(__file__).parent / "results" / "memory.json"
STEPS, SEEDS, AVERAGED = 200, 5, 10
_SHOWN = {
    "saved_by_mlps": "saved by the MLP blocks",
    "peak": "peak of the step",
    "peak_as_it_is": "the same, glibc as it is",
}
PROMISED = 0.4  # what the MLP blocks keep less than torch's


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where to write the results")
    out = check_path(parser.parse_args().out, ".json")
    header = f"{'torch':>8}{'input':>8}{'output':>8}"
    print(f"{'bytes an element beside the output':36}{header}   error of f' from it: max, rms")
    kept = []
    for activation in elementwise():
        kept.append(row := bytes_kept(activation) | errors(activation))
        cells = "".join(f"{row[mode]:8.3f}" if row[mode] is not None else f"{'-':>8}" for mode in MODES)
        wrong = "" if row["max"] is None else f"{row['max']:18.1e}{row['rms']:10.1e}"
        print(f"  {row['name']:34}{cells}{wrong}")
    steps = {mode: one_step(mode) for mode in MODES}
    print(f"\n{'12 layers, 2048 tokens, MiB':36}{header}")
    for name, shown in _SHOWN.items():
        print(f"  {shown:34}" + "".join(f"{steps[mode][name] / 2**20:8.0f}" for mode in MODES))
    less = 1 - steps["output"]["saved_by_mlps"] / steps["torch"]["saved_by_mlps"]
    print(f"  the MLP blocks keep {less:.1%} less than torch's")
    losses = {mode: [curve(mode, seed) for seed in range(SEEDS)] for mode in ("torch", "output")}
    noise = beside_noise(losses)
    print(
        f"\nloss over {STEPS} steps, {SEEDS} seeds: {noise['torch']:.4f} at the end, with outputs {noise['output']:.4f}"
    )
    print(
        f"  the mean curves differ by at most {noise['difference']:.2g}, {noise['ratio']:.2g} deviations between seeds"
    )
    results = {"format": 1, "machine": machine(), "versions": versions(), "bytes": kept, "transformer": steps}
    results |= {"less": less, "loss": noise | {"curves": losses}}
    write_whole(out, as_json(results))
    print(f"\nwritten to {out}")
    return 0 if less >= PROMISED and noise["ratio"] <= 1 else 1


def elementwise() -> list[Any]:
    """The catalogue's entries that map a number to a number, and one that a user might define."""
    own = nl.define("parametric_bump", "exp(-x*x)*(1 + a)", a=0.5)
    return [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)] + [own]


# Bytes an element ---------------------------------------------------------------------------------------------------


def bytes_kept(activation: Any) -> dict[str, Any]:
    """Between two Linear layers, for each mode; None where torch has no such layer, or the output does not suffice."""
    found: dict[str, Any] = {"name": str(activation)}
    peer = activation.definition.peers.get("torch")
    kind = getattr(nn, peer.names[0]) if peer else None
    layers = {
        "torch": lambda: kind and (kind(0.0, 0.0) if kind is nn.Threshold else kind()),
        "input": lambda: nonlin.torch.layer(activation),
        "output": lambda: nonlin.torch.layer(activation, save="output"),
    }
    for mode in MODES:
        try:
            layer = layers[mode]()
        except ParameterError:
            layer = None
        found[mode] = None if layer is None else between(layer.train())
    return found


def between(layer: nn.Module) -> float:
    """Bytes an element that Linear, the layer and Linear keep, less the input, the weights and the output."""
    first, last = nn.Linear(512, 512), nn.Linear(512, 8)
    x = torch.randn(256, 512)
    known = {t.untyped_storage().data_ptr() for t in (x, *first.parameters(), *last.parameters(), *layer.parameters())}
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = layer(first(x))
        last(y)
    kept.pop(y.untyped_storage().data_ptr(), None)
    return sum(size for size, _ in kept.values()) / y.numel()


def errors(activation: Any) -> dict[str, float | None]:
    """Largest and root mean square error of f' from the output in float32; relative where f' is above 1.

    At 200,000 normal pre-activations of standard deviation 3; for the largest, at as many beside the turn too, but
    not within rounding of a kink.
    """
    try:
        layer = nonlin.torch.layer(activation, save="output")
    except ParameterError:
        return {"max": None, "rms": None}
    turn = inverse(activation.rule, tuple(activation.parameters.values())).turn
    z = torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wrong = [error_at(activation, layer, z * 3)]
    if turn is not None:
        wrong.append(error_at(activation, layer, turn.place + z / 1000))
    largest = max(w.max().item() for w in wrong)
    return {"max": float(f"{largest:.2g}"), "rms": float(f"{wrong[0].square().mean().sqrt().item():.2g}")}


def error_at(activation: Any, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for kink in activation.facts.kinks:
        x = x[(x - kink).abs() > 1e-6 * max(1.0, abs(kink))]
    leaf = x.float().requires_grad_()
    (got,) = torch.autograd.grad(layer(leaf).sum(), leaf)
    want = activation.derivative(leaf.detach().double())
    return (got.double() - want).abs() / want.abs().clamp(min=1)


# A training step, and training ----------------------------------------------------------------------------------------


def one_step(mode: str) -> dict[str, float]:
    """Measured in processes of their own, whose memory nothing else has used.

    glibc keeps what is freed for itself once it was told of large blocks, and its holes hide what became free:
    "peak" is with MALLOC_MMAP_THRESHOLD_ fixed, which gives large blocks back at once, "peak_as_it_is" without.
    """
    found = {}
    for name, fixed in (("peak_as_it_is", {}), ("peak", {"MALLOC_MMAP_THRESHOLD_": "131072"})):
        command = [sys.executable, Path(__file__).parent / "transformer.py", mode]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **fixed})
        result = json.loads(done.stdout)
        found[name] = result.pop("peak")
        found |= result
    return found


def curve(mode: str, seed: int) -> list[float]:
    """The loss at each step, from the same weights and pieces of text in each mode."""
    torch.set_num_threads(1)  # so that runs repeat to the bit
    torch.manual_seed(seed)
    model = Transformer(mode, layers=2, width=64, heads=2, length=64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator, data = torch.Generator().manual_seed(seed), text()
    found = []
    for _ in range(STEPS):
        loss = model(*batch(data, 16, 64, generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def beside_noise(losses: dict[str, list[list[float]]]) -> dict[str, float]:
    """The largest difference between the mean curves, and in standard deviations between torch's own seeds.

    Each point is the mean of ten steps.
    """
    smooth = {
        mode: [[statistics.fmean(c[i : i + AVERAGED]) for i in range(0, STEPS, AVERAGED)] for c in curves]
        for mode, curves in losses.items()
    }
    points = [list(zip(*curves, strict=True)) for curves in smooth.values()]
    differences = [abs(statistics.fmean(a) - statistics.fmean(b)) for a, b in zip(*points, strict=True)]
    noise = [statistics.stdev(a) for a in points[0]]
    ends = {mode: statistics.fmean(c[-1] for c in curves) for mode, curves in smooth.items()}
    ratio = max(d / n for d, n in zip(differences, noise, strict=True))
    return {**ends, "difference": max(differences), "ratio": ratio}


def as_json(results: dict[str, Any]) -> str:
    """The text of the file, a row or a curve a line."""
    curves = results["loss"].pop("curves")
    rows = [json.dumps(row) for row in results.pop("bytes")]
    rounded = [json.dumps({"mode": mode, "loss": [round(v, 4) for v in c]}) for mode in curves for c in curves[mode]]
    lists = (f'"{name}": [\n    {_LINES.join(lines)}\n  ]' for name, lines in (("bytes", rows), ("curves", rounded)))
    return ",\n  ".join([json.dumps(results, indent=2)[:-2], *lists]) + "\n}\n"


_LINES = ",\n    "


if __name__ == "__main__":
    sys.exit(main())
