"""Speed of nonlin beside every peer, function by function.

    scripts/install .venv --editable '.[torch,jax,plot]' --group bench
    .venv/bin/python benchmarks/speed.py

prints the tables, and writes benchmarks/results/speed.json and docs/images/speed.png. It takes about three quarters of
an hour; `--functions relu,mish --sizes 100,1000000 --threads 1` takes a part of the grid, and writes no file unless
it is told which (`--json`, `--figure`). `--show FILE.json` prints the tables of a file, `--figure` draws it again.

How it is measured: nonlin/measure/timing.py and worker.py. For each number of threads one process, bound to as many
cores before anything is imported; all libraries side by side in it, each with a turn in every round, in an order drawn
anew; medians. Inputs are float32, 3*N(0, 1). Each library is called as its users do: torch eager and torch.compile
on tensors that ask for no gradient, or with `y = f(x); y.backward(g)` and `x.grad = None` before; JAX jitted, waited
for, forward+backward as one jitted vjp; ONNX Runtime on a model of one node, by `run` or by an IO binding with its
output in place, whichever is faster; NumPy and numexpr with the textbook expression. Outputs are new memory each time
but in the IO binding, the copy, and `out=`.
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from nonlin.errors import NonlinError
from nonlin.files import check_path, write_whole
from nonlin.measure import worker
from nonlin.measure.cells import DIRECTIONS, Cell, chosen
from nonlin.measure.figure import speed_figure
from nonlin.measure.goals import GOAL_SET, LARGE, SMALL
from nonlin.measure.machine import machine, versions
from nonlin.measure.peers import LIBRARIES, OURS, absent
from nonlin.measure.progress import Progress
from nonlin.measure.results import Results
from nonlin.measure.speed import Grid
from nonlin.measure.start import start
from nonlin.measure.tables import WIDE, behind, by_size, count, failures, times, verdicts
from nonlin.picture import SUFFIXES, picture

ROOT = Path(__file__).parents[1]
RESULTS, FIGURE = ROOT / "benchmarks" / "results" / "speed.json", ROOT / "docs" / "images" / "speed.png"
SIZES = (SMALL, 1_000, 10_000, 100_000, LARGE, 32_000_000)
QUIET = 0.3  # the load of a machine that is free to measure on
START = 4.0  # seconds that the start-up of one function takes


def main() -> None:
    asked = arguments()
    if asked.json:
        check_path(asked.json, ".json")
    if asked.figure:
        check_path(asked.figure, *SUFFIXES)
    results = Results.from_json(asked.show.read_text("utf-8")) if asked.show else measured(asked)
    if asked.json:
        write_whole(asked.json, results.to_json())
    if asked.figure:
        write_whole(asked.figure, picture(speed_figure(results.cells), asked.figure.suffix))
    show(results)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", type=words, metavar="NAMES", help="with commas between; the goal set without")
    parser.add_argument("--sizes", type=numbers, metavar="NUMBERS", help="with commas between")
    parser.add_argument("--threads", type=numbers, metavar="NUMBERS", help="1,2 without")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="where the figure goes")
    parser.add_argument("--show", type=Path, metavar="FILE", help="results to show, instead of measuring")
    asked = parser.parse_args()
    if not (asked.functions or asked.sizes or asked.threads or asked.show):  # the whole grid: what is committed
        asked.json, asked.figure = asked.json or RESULTS, asked.figure or FIGURE
        RESULTS.parent.mkdir(exist_ok=True)
    return asked


def measured(asked: argparse.Namespace) -> Results:
    """The grid, a process for each number of threads, then the start of fresh processes."""
    where, lacking = machine(), absent()
    usable = tuple(name for name in LIBRARIES if name not in lacking)
    functions, sizes = asked.functions or GOAL_SET, asked.sizes or SIZES
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = asked.threads or tuple(n for n in (1, 2) if n <= cores)
    grids = [Grid(functions, sizes, libraries=usable, threads=n, rounds=asked.rounds) for n in threads]
    if (where["load"] or 0.0) > QUIET:  # OpenMP's threads wait for one whose core something else has taken
        print(f"other work runs here (load {where['load']}): times will be off, of two threads most", file=sys.stderr)
    for name, parts in lacking.items():
        print(f"{name} is not measured: not installed: {', '.join(parts)}", file=sys.stderr)
    cells: list[Cell] = []
    with Progress(sum(g.weight(s) for g in grids for _, s, _ in g.cells) + START * len(functions)) as progress:
        for grid in grids:
            for cell in worker.speed(grid):
                cells.append(cell)
                what = f"threads: {cell.threads}, {cell.function}, {count(cell.size)}, {cell.direction}"
                progress.at(what, grid.weight(cell.size))
        first = start(functions, said=lambda what: progress.at(what, START))
    return Results(where, versions(), cells, first)


def show(results: Results) -> None:
    """Times at the smallest size and at the one of the goals; ratios at all; what is slower; the goals last."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE + 12)
    cells, width = results.cells, console.width
    console.print(f"{results.machine['processor']}, {results.machine['cores']} cores; float32")
    console.print(", ".join(f"{name} {version}" for name, version in results.versions.items()), "\n")
    sizes, threads = (sorted({getattr(cell, name) for cell in cells}) for name in ("size", "threads"))
    for n in threads:
        for size in (s for s in sizes if s in (SMALL, LARGE) or len(sizes) == 1):
            for direction in DIRECTIONS:
                console.print(times(chosen(cells, direction=direction, threads=n, size=size), width), "")
    console.print(Text("Times faster than the best peer\n"))
    for n in threads:
        for direction, ours in ((d, o) for d in DIRECTIONS for o in OURS):
            if any(ours in cell.nanoseconds for cell in chosen(cells, direction=direction, threads=n)):
                console.print(by_size(cells, ours, direction, n), "")
    if (table := behind(cells)) is not None:
        console.print(table, "")
    for line in failures(cells):
        console.print(line, markup=False)
    console.print(verdicts(results.goals))


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, words(text)))


def run() -> None:
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped: nothing is written")
    except (NonlinError, OSError) as error:
        sys.exit(f"speed.py: {error}")


if __name__ == "__main__":
    run()
