"""What was measured of one function at one size, as data, and the ratios that are read from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nonlin.measure.peers import LIBRARIES, OURS
from nonlin.measure.timing import Times

Direction = Literal["forward", "forward+backward"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "forward+backward")
COPY = "copy"
PEERS = tuple(name for name in LIBRARIES if name not in OURS and name != COPY)
# Arrays read and written: x and y forward; x again, the gradient and the result backward. A copy has two.
_ARRAYS: dict[Direction, int] = {"forward": 2, "forward+backward": 5}


@dataclass(frozen=True)
class Cell:
    """Nanoseconds of one call, for each library, measured side by side.

    `failed`: what a peer raised that could not be measured.
    """

    function: str
    size: int
    direction: Direction
    threads: int
    rounds: int
    nanoseconds: Mapping[str, Times]
    failed: Mapping[str, str]

    def median(self, library: str) -> float:
        """nan where the library has not been measured."""
        return self.nanoseconds[library][0] if library in self.nanoseconds else math.nan

    def best_peer(self, *among: str) -> str | None:
        """The peer of the smallest median, of all or of these."""
        return min((p for p in among or PEERS if p in self.nanoseconds), key=self.median, default=None)

    def ratio(self, ours: str, *among: str) -> float:
        """How many times faster ours is than the best peer, of all or of these; nan where either is missing."""
        peer = self.best_peer(*among)
        return self.median(peer) / self.median(ours) if peer is not None else math.nan

    @property
    def copy(self) -> float:
        """Nanoseconds for a copy of the bytes that the function reads and writes."""
        return self.median(COPY) * _ARRAYS[self.direction] / _ARRAYS["forward"]

    def to_dict(self) -> dict[str, Any]:
        """The cell for JSON, times to four digits."""
        rounded = {name: [float(f"{t:.4g}") for t in times] for name, times in self.nanoseconds.items()}
        return {**asdict(self), "nanoseconds": rounded}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cell:
        """The cell that `to_dict` made the data of."""
        times: Any = {name: tuple(times) for name, times in data["nanoseconds"].items()}
        return cls(**{**data, "nanoseconds": times})


def geometric_mean(ratios: Iterable[float]) -> float:
    """Of those that are numbers; nan where none is.

    >>> geometric_mean([2.0, 8.0, math.nan])
    4.0
    """
    logarithms = [math.log2(ratio) for ratio in ratios if math.isfinite(ratio)]
    return 2 ** (math.fsum(logarithms) / len(logarithms)) if logarithms else math.nan


def chosen(
    cells: Iterable[Cell],
    *,
    direction: Direction | None = None,
    threads: int | None = None,
    size: int | None = None,
) -> list[Cell]:
    """The cells of that kind."""
    return [
        cell
        for cell in cells
        if direction in (None, cell.direction) and threads in (None, cell.threads) and size in (None, cell.size)
    ]
