"""The short form of both measurements, for a user's own machine: speed at one size, accuracy on a sample of floats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from nonlin.measure import worker
from nonlin.measure.accuracy import Task
from nonlin.measure.cells import DIRECTIONS, chosen
from nonlin.measure.goals import LARGE, SHORT_SET
from nonlin.measure.machine import machine, versions
from nonlin.measure.peers import LIBRARIES, absent
from nonlin.measure.progress import Progress
from nonlin.measure.results import Results
from nonlin.measure.speed import Grid
from nonlin.measure.tables import failures, times
from nonlin.registry import get

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

ROUNDS = 7
STRIDE = 2003  # a prime, so that every pattern of the last bits comes up: two million float32
ACCURATE = ("nonlin numpy", "torch", "jax", "onnxruntime")
_TASK = 2.0  # seconds, about, that one of accuracy takes


@dataclass(frozen=True)
class Bench:
    """What was measured. `accuracy`: a row for each function, library and order. `absent`: what is not installed."""

    speed: Results
    accuracy: Sequence[Mapping[str, Any]]
    absent: Mapping[str, Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        accuracy = [dict(row) for row in self.accuracy]
        return {"speed": self.speed.to_dict(), "accuracy": accuracy, "absent": dict(self.absent)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        cells = self.speed.cells
        yield Text(f"{self.speed.machine['processor']}; float32; medians of {cells[0].rounds} rounds side by side\n")
        for direction in DIRECTIONS:
            kind = chosen(cells, direction=direction)
            if any(cell.best_peer() for cell in kind):
                yield times(kind, options.max_width)
                yield Text()
        yield _accuracies(self.accuracy)
        yield Text("\n* 0 at an input where the true value is a normal number   ! nan or inf where it is finite", "dim")
        for line in [*failures(cells), *(f"{name} is not measured: not installed: {', '.join(lacking)}"
                                         for name, lacking in self.absent.items())]:  # fmt: skip
            yield Text(line)


def bench(names: Sequence[str] = (), size: int = LARGE, threads: int = 1) -> Bench:
    """Measure these activations, or a few usual ones, beside every library that is installed.

    Takes about ten seconds and five more for each activation. Raises UnknownActivation, DtypeError for a function
    of a whole axis, ParameterError.
    """
    functions = tuple(dict.fromkeys(str(get(name)) for name in names or SHORT_SET))
    lacking = absent()
    usable = tuple(name for name in LIBRARIES if name not in lacking)
    grid = Grid(functions, (size,), libraries=usable, threads=threads, rounds=ROUNDS)
    tasks = [Task(f, lib, "float32", order, STRIDE) for f in functions for order in (0, 1) for lib in ACCURATE
             if lib in usable]  # fmt: skip
    where = machine()  # before our own load is on it
    with Progress(len(grid.cells) * grid.weight(size) + len(tasks) * _TASK) as progress:
        cells = []
        for cell in worker.speed(grid):
            cells.append(cell)
            progress.at(f"speed of {cell.function}, {cell.direction}", grid.weight(size))
        rows = []
        for task, row in zip(tasks, worker.accuracy(tasks), strict=True):
            rows.append(row)
            progress.at(f"accuracy of {task.name}, {task.library}", _TASK)
    results = Results(where, versions(), cells)
    return Bench(results, [row for row in rows if row is not None], lacking)


def _accuracies(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The worst error of f and of f', in ulp, for each library."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    title = "worst error in ulp, of f and of f'"
    table.title, table.title_justify = Text(title, no_wrap=True, overflow="ignore"), "left"
    table.add_column("", no_wrap=True)
    libraries = [name for name in ACCURATE if any(row["library"] == name for row in rows)]
    for name in libraries:
        table.add_column(name.removesuffix(" numpy"), justify="right", no_wrap=True)
    found = {(row["name"], row["library"], row["order"]): _worst(row) for row in rows}
    for function in dict.fromkeys(row["name"] for row in rows):
        cells = [", ".join(found.get((function, name, order), "-") for order in (0, 1)) for name in libraries]
        table.add_row(function, *cells)
    return table


def _worst(row: Mapping[str, Any]) -> str:
    ulp = row["ulp"]
    text = f"{ulp:.2f}" if ulp < 10 else (f"{ulp:.0f}" if ulp < 1000 else f"{ulp:.0e}")
    return text + "*" * bool(row["lost"]) + "!" * bool(row["nonfinite"])
