"""Speed on a GPU of nonlin beside torch eager and torch.compile: `python benchmarks/gpu_speed.py`

For each function, dtype and size a process-wide round of all libraries in an order drawn anew, timed by CUDA events
over so many calls that a turn lasts milliseconds; medians of the rounds. Each library is called as its users do:
tensors that ask for no gradient, or `y = f(x); y.backward(g)` with `x.grad = None` before. A hundred elements show what
a call costs, 64M what the GPU's memory allows: a copy of the same bytes is beside it (two arrays forward, five forward
and backward). Inputs are 3*N(0, 1). Writes benchmarks/results/gpu_speed.json in about ten minutes;
`--functions relu,mish --sizes 100 --dtypes float32` takes a part and writes nothing unless `--out` says where.
"""

import argparse
import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import nonlin as nl
from nonlin.files import write_whole
from nonlin.measure.cells import DIRECTIONS, geometric_mean
from nonlin.measure.goals import GOAL_SET
from nonlin.measure.machine import machine, versions
from nonlin.measure.peers.torch import own_function

RESULTS = Path(__file__).parent / "results" / "gpu_speed.json"
SIZES = (100, 1_000_000, 1 << 26)
DTYPES = ("float32", "bfloat16", "float64")
LIBRARIES = ("nonlin", "torch", "torch.compile", "copy")
ROUNDS, TURN = 11, 4e-3  # seconds
PASSES = {"forward": 1.0, "forward+backward": 2.5}  # of a copy, which reads one array and writes one


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", help="separated by commas; the goal set by default")
    parser.add_argument("--sizes", help=f"by default {SIZES}")
    parser.add_argument("--dtypes", help=f"by default {DTYPES}")
    parser.add_argument("--libraries", help=f"by default {LIBRARIES}")
    parser.add_argument("--out", type=Path, help="file of results")
    asked = parser.parse_args()
    part = asked.functions or asked.sizes or asked.dtypes or asked.libraries
    functions = asked.functions.split(",") if asked.functions else GOAL_SET
    sizes = tuple(map(int, asked.sizes.split(","))) if asked.sizes else SIZES
    dtypes = asked.dtypes.split(",") if asked.dtypes else DTYPES
    libraries = asked.libraries.split(",") if asked.libraries else LIBRARIES
    rows: list[dict[str, Any]] = []
    for name in functions:
        for dtype in dtypes:
            for size in sizes:
                for direction in DIRECTIONS:
                    rows.append(measured(name, dtype, size, direction, libraries))
                    print(line(rows[-1]), flush=True)
    for text in means(rows):
        print(text)
    out = asked.out or (None if part else RESULTS)
    if out is not None:
        about = {**machine(), "gpu": torch.cuda.get_device_name(), "versions": versions()}
        lines = ",\n".join("  " + json.dumps(row) for row in rows)
        write_whole(out, f'{{"about": {json.dumps(about)},\n "rows": [\n{lines}\n]}}\n')


def measured(name: str, dtype: str, size: int, direction: str, libraries: Any) -> dict[str, Any]:
    """Microseconds of a call, for each library."""
    torch.manual_seed(0)
    x = (3 * torch.randn(size, device="cuda")).to(getattr(torch, dtype))
    grad = torch.randn_like(x)
    calls: dict[str, Callable[[], Any]] = {}
    for library in libraries:
        if (call := call_of(library, name, direction, x, grad)) is not None:
            calls[library] = call
    counts = {library: repeats(call) for library, call in calls.items()}
    times: dict[str, list[float]] = {library: [] for library in calls}
    order = list(calls)
    for _ in range(ROUNDS):
        random.Random(len(times[order[0]])).shuffle(order)
        for library in order:
            times[library].append(turn(calls[library], counts[library]))
    found = {library: float(f"{1e6 * statistics.median(values):.4g}") for library, values in times.items()}
    return {"function": name, "dtype": dtype, "size": size, "direction": direction, "microseconds": found}


def call_of(library: str, name: str, direction: str, x: Any, grad: Any) -> Callable[[], Any] | None:
    """What is timed; None if the library has no such function."""
    if library == "copy":
        return (lambda: torch.empty_like(x).copy_(x)) if direction == "forward" else None
    function = nl.get(name) if library == "nonlin" else own_function(nl.get(name))
    if function is None:
        return None
    function = function.cuda() if isinstance(function, torch.nn.Module) else function
    if library == "torch.compile":
        eager = function
        torch._dynamo.reset()
        function = torch.compile(lambda x: eager(x), dynamic=False, fullgraph=True)
    if direction == "forward":
        return lambda: function(x)
    point = x.clone().requires_grad_()

    def call() -> None:
        point.grad = None
        function(point).backward(grad)

    return call


def repeats(call: Callable[[], Any]) -> int:
    """So many calls as a turn takes; what is compiled is compiled by then."""
    for _ in range(3):
        call()
    return max(1, min(500, round(TURN / turn(call, 5))))


def turn(call: Callable[[], Any], count: int) -> float:
    """Seconds of one call, of so many in a row."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    for _ in range(count):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / count


def line(row: dict[str, Any]) -> str:
    times = "  ".join(f"{library} {micro:9.4g}" for library, micro in row["microseconds"].items())
    return f"{row['function']:12} {row['dtype']:9} {row['size']:9} {row['direction']:17} {times}"


def means(rows: list[dict[str, Any]]) -> list[str]:
    """Geometric means of the time of each peer over ours, by dtype, size and direction, with the lowest."""
    found: list[str] = []
    for key in dict.fromkeys((r["dtype"], r["size"], r["direction"]) for r in rows):
        some = [r for r in rows if (r["dtype"], r["size"], r["direction"]) == key]
        for peer in LIBRARIES[1:3]:
            ratios = {
                r["function"]: r["microseconds"][peer] / r["microseconds"]["nonlin"]
                for r in some
                if {peer, "nonlin"} <= r["microseconds"].keys()
            }
            if ratios:
                low = min(ratios, key=lambda name: ratios[name])
                mean = geometric_mean(ratios.values())
                found.append(f"{key}: {peer} over nonlin {mean:.2f}, lowest {low} {ratios[low]:.2f}")
    return found


if __name__ == "__main__":
    main()
