"""The goals of speed, and whether a measurement meets them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nonlin.measure.cells import DIRECTIONS, PEERS, Cell, Direction, chosen, geometric_mean

# Those that the goals are about.
GOAL_SET = (
    *("relu", "silu", "gelu", "mish", "elu", "selu", "tanh", "sigmoid", "softplus", "hard_silu"),
    *("leaky_relu", "log_sigmoid", "gelu_tanh", "softsign", "hard_sigmoid"),
)
# Those that `nonlin bench` measures without being told which.
SHORT_SET = ("relu", "silu", "gelu", "mish", "tanh")
SMALL, LARGE = 100, 1_000_000
# A goal is held against the frameworks; NumPy's textbook expression, which overflows, is told beside it.
FRAMEWORKS = tuple(name for name in PEERS if name != "numpy")


@dataclass(frozen=True)
class Goal:
    """A number, and the bound that it must not be below (`least`) or above. nan: not measured."""

    text: str
    number: float
    bound: float
    least: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        if math.isnan(self.number):
            return None
        return self.number >= self.bound if self.least else self.number <= self.bound

    def to_dict(self) -> dict[str, Any]:
        """The goal for JSON."""
        number = None if math.isnan(self.number) else float(f"{self.number:.4g}")
        return {**asdict(self), "number": number, "met": self.met}


def goals(cells: Iterable[Cell], start: Mapping[str, Any] | None = None) -> list[Goal]:
    """Every goal with its number; `start`: what `nonlin.measure.start` measured."""
    counted = [cell for cell in cells if cell.function in GOAL_SET]
    found: list[Goal] = []
    single = chosen(counted, threads=1)
    large = chosen(single, direction="forward", size=LARGE)
    found += _faster("forward, NumPy arrays", large, "nonlin numpy", 2.0)
    found += _faster("forward, torch tensors", large, "nonlin torch", 2.0)
    backward = chosen(single, direction="forward+backward", size=LARGE)
    found += _faster("forward+backward, against torch", backward, "nonlin torch", 2.5, peer="torch")
    found += [goal for direction in DIRECTIONS for goal in _threads(counted, direction)]
    for direction, bound in zip(DIRECTIONS, (2.5, 1.6), strict=True):
        small = chosen(single, direction=direction, size=SMALL)
        slower = {cell.function: 1 / cell.ratio("nonlin torch", "torch") for cell in small}
        found.append(_worst(f"{direction}, {SMALL} elements, time over torch's: highest", slower, bound))
    return found + _start(start or {})


def _faster(text: str, cells: Sequence[Cell], ours: str, bound: float, peer: str | None = None) -> list[Goal]:
    """The geometric mean of the ratios to a peer, or to the best framework, and the lowest one."""
    ratios = {cell.function: cell.ratio(ours, *([peer] if peer else FRAMEWORKS)) for cell in cells}
    notes = [] if peer else [f"{geometric_mean(cell.ratio(ours) for cell in cells):.2f} with NumPy among the peers"]
    out = geometric_mean(cell.ratio("nonlin numpy out", *FRAMEWORKS) for cell in cells)
    if ours == "nonlin numpy" and not math.isnan(out):
        notes.append(f"{out:.2f} with out=")
    return [
        Goal(
            f"{text}: geometric mean", geometric_mean(ratios.values()), bound, note=", ".join(notes if ratios else [])
        ),
        _worst(f"{text}: lowest", ratios, 0.95, least=True),
    ]


def _threads(cells: Sequence[Cell], direction: Direction) -> list[Goal]:
    """How much faster two threads are than one, at each size that counts."""
    found: list[Goal] = []
    of = {(c.function, c.size, c.threads): c.median("nonlin torch") for c in chosen(cells, direction=direction)}
    for size in sorted({size for _, size, _ in of if size >= LARGE}):
        gains = {f: of[f, size, 1] / of.get((f, size, 2), math.nan) for f, s, t in of if (s, t) == (size, 1)}
        note = _lowest(gains)
        text = f"{direction}, {size / 1e6:g}M, two threads over one: geometric mean"
        found.append(Goal(text, geometric_mean(gains.values()), 1.6, note=note))
    return found


def _start(start: Mapping[str, Any]) -> list[Goal]:
    first: Mapping[str, Mapping[str, float]] = start.get("first_call", {})
    seconds = {way: {f: times[way] for f, times in first.items()} for way in ("warm", "cold")}
    return [
        Goal("import nonlin over import numpy", start.get("import_ratio", math.nan), 1.3, least=False),
        _worst("first result of a process, warm cache, seconds: highest", seconds["warm"], 0.7),
        _worst("first result of a process, cold cache, seconds: highest", seconds["cold"], 2.0),
    ]


def _worst(text: str, numbers: Mapping[str, float], bound: float, least: bool = False) -> Goal:
    """The goal that each has to meet."""
    known = {name: number for name, number in numbers.items() if not math.isnan(number)}
    if not known:
        return Goal(text, math.nan, bound, least)
    name = (min if least else max)(known, key=lambda name: known[name])
    missed = [n for n, number in known.items() if (number < bound if least else number > bound)]
    rest = f"; missed by {', '.join(missed)}" if len(missed) > 1 else ""
    return Goal(text, known[name], bound, least, f"{name}{rest}")


def _lowest(numbers: Mapping[str, float]) -> str:
    known = {name: number for name, number in numbers.items() if not math.isnan(number)}
    name = min(known, key=lambda name: known[name], default="")
    return f"lowest: {name} {known[name]:.2f}" if name else ""
