"""The measurement of speed: a grid of functions, sizes and directions, cell after cell, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.backends.kernels.pool import set_threads
from nonlin.errors import DtypeError, ParameterError
from nonlin.measure import peers
from nonlin.measure.cells import COPY, DIRECTIONS, Cell, Direction
from nonlin.measure.peers import Call, Library
from nonlin.measure.timing import side_by_side
from nonlin.registry import get
from nonlin.vector import VectorActivation

LARGE = 4_000_000  # elements from which on a third of the rounds is enough, and takes long enough
FEWEST = 3
SPREAD = 3.0  # standard deviation of the inputs, which then lie on both sides of every bend


@dataclass(frozen=True)
class Grid:
    """What is measured: functions as specs, libraries by name, on so many threads."""

    functions: tuple[str, ...]
    sizes: tuple[int, ...]
    directions: tuple[Direction, ...] = DIRECTIONS
    libraries: tuple[str, ...] = peers.LIBRARIES
    threads: int = 1
    rounds: int = 15

    def __post_init__(self) -> None:
        counts = [("threads", self.threads), ("rounds", self.rounds), *(("size", size) for size in self.sizes)]
        for name, count in counts:
            if count < 1:
                raise ParameterError(f"{name} of a measurement: {count}: give 1 or more")
        for name in self.functions:
            elementwise(name)

    def rounds_at(self, size: int) -> int:
        """How many rounds: fewer where a single call takes long."""
        return self.rounds if size < LARGE else max(min(self.rounds, FEWEST), self.rounds // 3)

    def weight(self, size: int) -> float:
        """About how long a cell of that size takes, in seconds, to tell how much is left."""
        return 2.0 + (self.rounds_at(size) + 3) * len(self.libraries) * (0.003 + 1.2e-8 * size)

    @property
    def cells(self) -> list[tuple[str, int, Direction]]:
        """Every cell in the order in which they are measured."""
        return [(f, s, d) for f in self.functions for s in self.sizes for d in self.directions]

    def to_dict(self) -> dict[str, Any]:
        """The grid for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grid:
        """The grid that `to_dict` made the data of."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**fields)


def elementwise(name: str) -> Activation:
    """The activation of that spec. Raises UnknownActivation, and DtypeError for a function of a whole axis."""
    activation = get(name)
    if isinstance(activation, VectorActivation):
        raise DtypeError(f"a function of a whole axis is not measured: {name!r}: choose an elementwise one")
    return activation


def measured(grid: Grid) -> Iterator[Cell]:
    """Every cell of the grid.

    The threads of nonlin and of each library are set, and stay so. JAX alone decides by the cores that the process
    may run on when it starts: see the worker.
    """
    libraries = [peers.library(name) for name in grid.libraries]
    set_threads(grid.threads)
    for library in libraries:
        library.use_threads(grid.threads)
    for function, size, direction in grid.cells:
        yield _cell(grid, libraries, function, size, direction)


def _cell(grid: Grid, libraries: list[Library], function: str, size: int, direction: Direction) -> Cell:
    activation, random = get(function), np.random.default_rng(0)
    x = SPREAD * random.standard_normal(size, dtype=np.float32)
    gradient = random.standard_normal(size, dtype=np.float32) if direction == "forward+backward" else None
    calls: dict[str, Call] = {}
    failed: dict[str, str] = {}
    for library in libraries:
        try:
            # The yardstick is the same in both directions: a copy of x.
            forward = gradient is None or library.name == COPY
            call = library.forward(activation, x) if forward else library.forward_backward(activation, x, gradient)
            if call is not None:
                call()  # compiles, where something is to be compiled
                calls[library.name] = call
        except Exception as error:
            if library.ours:
                raise
            # What a library of others cannot do is not our failure; it is said beside the result.
            failed[library.name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    rounds = grid.rounds_at(size)
    times = side_by_side(calls, rounds, rest=grid.threads > 1)
    return Cell(function, size, direction, grid.threads, rounds, times, failed)
