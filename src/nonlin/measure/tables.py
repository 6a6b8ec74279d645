"""What was measured, as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from nonlin.measure.cells import PEERS, Cell, Direction, chosen, geometric_mean
from nonlin.measure.goals import Goal
from nonlin.measure.peers import OURS

WIDE = 118
LARGE = 10_000  # elements from which on the time of an element tells more than that of a call
SHORT = {"nonlin numpy": "numpy", "nonlin numpy out": "out=", "nonlin torch": "torch", "torch": "torch",
         "torch.compile": "compile", "onnxruntime": "onnxrt"}  # fmt: skip
BOTH = ("nonlin numpy", "nonlin torch")
MEAN = "geometric mean"
BEHIND, FAR_BEHIND = 1.0, 0.95


def times(cells: Sequence[Cell], width: int = WIDE) -> Table:
    """The times of all libraries for cells of one size, direction and number of threads, and how much faster ours is.

    `copies`: the fastest of ours in copies of the bytes that the function reads and writes. Where it is too narrow,
    of the peers only the best one, and of ours the calls without `out=`.
    """
    first, wide = cells[0], width >= WIDE
    known = {name for cell in cells for name in cell.nanoseconds}
    ours = [name for name in OURS if name in known and (wide or name in BOTH)]
    peers = [name for name in PEERS if name in known]
    unit, scale = ("ns each", first.size) if first.size >= LARGE else ("in microseconds", 1000)
    columns = [*ours, *(peers if wide else [])]
    table = _table(f"{heading(first)}, {unit}")
    for name in [*(_label(name, ours) for name in columns), "copy" if wide else "best peer"]:
        table.add_column(name, justify="right", no_wrap=True)
    for name in [*(f"faster\n{SHORT[name]}" for name in ours), *(["copies"] if wide else [])]:
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells:
        best = cell.best_peer()
        row = [_time(cell.median(name) / scale, bold=name == best) for name in columns]
        row.append(_time(cell.copy / scale) if wide else _named(best, cell.median(best or "") / scale))
        row += [ratio(cell.ratio(name)) for name in ours]
        if wide:
            row.append(_time(min(cell.median(name) for name in ours if name in cell.nanoseconds) / cell.copy))
        table.add_row(cell.function, *row)
    means = [ratio(geometric_mean(cell.ratio(name) for cell in cells)) for name in ours]
    table.add_row(MEAN, *[""] * (len(columns) + 1), *means)
    return table


def by_size(cells: Sequence[Cell], ours: str, direction: Direction, threads: int) -> Table:
    """How many times faster one of ours is than the best peer, by function and size."""
    own = [cell for cell in chosen(cells, direction=direction, threads=threads) if ours in cell.nanoseconds]
    sizes = sorted({cell.size for cell in own})
    table = _table(f"{_kind(direction, threads)}: {ours}")
    for size in sizes:
        table.add_column(count(size), justify="right", no_wrap=True)
    of = {(cell.function, cell.size): cell.ratio(ours) for cell in own}
    for function in dict.fromkeys(cell.function for cell in own):
        table.add_row(function, *(ratio(of.get((function, size), math.nan)) for size in sizes))
    table.add_row(MEAN, *(ratio(geometric_mean(c.ratio(ours) for c in chosen(own, size=s))) for s in sizes))
    return table


def behind(cells: Iterable[Cell]) -> Table | None:
    """Every cell in which one of ours is slower than a peer; None where there is none."""
    table = _table("slower than the best peer (below 0.95 in red)")
    for name in ("of nonlin", "threads", "direction", "size", "best peer", "faster"):
        table.add_column(name, justify="right" if name in ("threads", "size", "faster") else "left", no_wrap=True)
    rows = [(cell, ours, r) for cell in cells for ours in OURS if (r := cell.ratio(ours)) < BEHIND]
    for cell, ours, value in sorted(rows, key=lambda row: row[2]):
        kind = [ours.removeprefix("nonlin "), str(cell.threads), cell.direction, count(cell.size)]
        table.add_row(cell.function, *kind, cell.best_peer() or "", ratio(value))
    return table if rows else None


def verdicts(goals: Iterable[Goal]) -> Table:
    """Each goal, its number against its bound, and whether it is met."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, title="goals", title_justify="left")
    for name in ("", "goal", "number", "bound", ""):
        table.add_column(name, justify="right" if name in ("number", "bound") else "left", overflow="fold")
    words = {True: Text("met", "green"), False: Text("missed", "bold red"), None: Text("not measured", "dim")}
    for goal in goals:
        number = "" if math.isnan(goal.number) else f"{goal.number:.2f}"
        table.add_row(words[goal.met], goal.text, number, f"{'>=' if goal.least else '<='} {goal.bound:g}", goal.note)
    return table


def failures(cells: Iterable[Cell]) -> list[str]:
    """What peers raised, a line for each library and message."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        for library, message in cell.failed.items():
            found.setdefault((library, message), []).append(cell.function)
    return [f"{lib} could not be measured on {', '.join(dict.fromkeys(of))}: {m}" for (lib, m), of in found.items()]


def heading(cell: Cell) -> str:
    """What the cells of one table have in common."""
    return f"{_kind(cell.direction, cell.threads)}, {count(cell.size)} elements"


def ratio(value: float) -> Text:
    """A ratio: red where it is clearly below 1."""
    if math.isnan(value):
        return Text("")
    style = "bold red" if value < FAR_BEHIND else ("yellow" if value < BEHIND else "green")
    return Text(f"{value:.2f}" if value < 100 else f"{value:.0f}", style)


def count(size: int) -> str:
    """A number of elements, short.

    >>> count(100), count(10_000), count(32_000_000)
    ('100', '10k', '32M')
    """
    for unit, name in ((1_000_000, "M"), (1000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def _kind(direction: Direction, threads: int) -> str:
    return f"{direction}, {threads} thread{'s' if threads > 1 else ''}"


def _label(name: str, ours: Sequence[str]) -> str:
    return f"nonlin\n{SHORT[name]}" if name in ours else SHORT.get(name, name)


def _time(value: float, bold: bool = False) -> Text:
    """To three digits, zeros at the end too."""
    if math.isnan(value):
        return Text("")
    return Text(f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}", "bold" if bold else "")


def _named(name: str | None, value: float) -> Text:
    return Text(f"{SHORT.get(name, name)} ").append_text(_time(value)) if name else Text("")


def _table(title: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.title, table.title_justify = Text(title, no_wrap=True, overflow="ignore"), "left"
    table.add_column("", no_wrap=True, min_width=len(MEAN))
    return table
