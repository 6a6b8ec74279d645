"""What a watched model's units and gradients were over the training: windows of enough observations, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.health.measures import DORMANT, dormancy
from nonlin.health.paths import Path
from nonlin.slopes import DELTA, EVIDENCE, RARELY, steepest

Array = np.ndarray[Any, Any]
_LONGEST = 400  # entries of a history: of a longer one every second is left out, and so on


@dataclass(frozen=True)
class Window:
    """A layer's units over the sampled steps from `first` to `last`, of `observations` each.

    What is said of units is judged by two windows in a row, which together are enough evidence.
    """

    first: int
    last: int
    observations: int
    active: Array  # of each unit, how often its slope counts
    steep: Array  # and how often it is not flat, at a function that has a flat end
    lost: Array  # whether no input could come to where its slope counts
    scores: Array  # ReDo's
    centred: Array  # ReDo's, of the outputs without their mean

    @property
    def dead(self) -> Array:
        return self.active < RARELY * self.observations

    @property
    def saturated(self) -> Array:
        return self.steep < RARELY * self.observations

    @property
    def dead_share(self) -> float:
        return float(self.dead.mean())

    @property
    def saturated_share(self) -> float:
        return float(self.saturated.mean())

    def dormant(self, tau: float = DORMANT[1]) -> Array:
        """Of each unit, whether its score is at most tau, with or without its mean."""
        return (self.scores <= tau) | (self.centred <= tau)

    def dormant_share(self, tau: float = DORMANT[1]) -> float:
        """The share of units that are."""
        return float(self.dormant(tau).mean())


@dataclass
class Layer:
    """One layer of weights and the activation that follows it."""

    name: str
    activation: Activation
    kind: str = ""  # of the module: Linear, Conv2d
    windows: list[Window] = field(default_factory=list[Window])
    gradients: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])  # step, RMS of dL/dz
    updates: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])  # step, |update|/|weight|
    means: Array | None = None  # of each unit's output, in the latest window
    # first and last step, observations, sums
    pending: list[tuple[int, int, int, Array]] = field(default_factory=list[tuple[int, int, int, Array]])
    # of a unit the last step that was seen before it was started anew
    revived: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def observations(self) -> int:
        """Of each unit, in the window that is not full yet."""
        return sum(count for *_, count, _ in self.pending)

    @property
    def latest(self) -> int:
        """The last step that was seen."""
        return (
            max(last for _, last, *_ in self.pending) if self.pending else self.windows[-1].last if self.windows else -1
        )

    def young(self, unit: int, windows: int) -> bool:
        """Whether it was started anew fewer than so many whole windows ago."""
        born = self.revived.get(unit)
        return born is not None and sum(window.first > born for window in self.windows) < windows

    def seen(self, step: int, observations: int, sums: Array, first: int | None = None) -> None:
        """What a sample has shown: rows of `measures.Slopes` and `Outputs`, then the steepest slope around each unit.

        Of more than one step together, `first` is where they begin.
        """
        if self.pending and self.pending[-1][-1].shape != sums.shape:
            self.pending.clear()  # the layer was replaced by one of another width
        self.pending.append((step if first is None else first, step, observations, sums))
        if 2 * self.observations >= EVIDENCE:
            self.windows.append(self._window())
            self.pending.clear()
            thin(self.windows)

    def differentiated(self, step: int, size: float) -> None:
        """One sample: RMS(dL/dz) of what its activation takes."""
        self.gradients.append((step, size))
        thin(self.gradients)

    def _window(self) -> Window:
        count = self.observations
        sums = np.array([rows[:-1] for *_, rows in self.pending], np.float64).sum(0)
        active, steep, magnitude, centred, total = sums
        around = np.max([rows[-1] for *_, rows in self.pending], axis=0)
        self.means = total / count
        return Window(
            min(first for first, *_ in self.pending),
            max(last for _, last, *_ in self.pending),
            count,
            active,
            steep if self.activation.facts.saturates else np.full_like(steep, count),
            around <= DELTA * steepest(self.activation),
            dormancy(magnitude / count),
            dormancy(centred / count),
        )


@dataclass(frozen=True)
class Bad:
    """Where a nan or an infinity was first: in a layer's values or in its gradient, at a step."""

    layer: str
    step: int
    where: str  # "values" or "gradient"


@dataclass
class Record:
    """The layers of a model in the order in which they run, and what happened to them."""

    layers: dict[tuple[str, str], Layer] = field(default_factory=dict[tuple[str, str], Layer])
    bad: list[Bad] = field(default_factory=list[Bad])
    notes: list[str] = field(default_factory=list[str])
    paths: dict[str, Path] = field(default_factory=dict[str, Path])
    steps: int = 0
    sampled: int = 0

    def layer(self, name: str, activation: Activation, kind: str) -> Layer:
        key = (name, str(activation))
        if key not in self.layers:
            self.layers[key] = Layer(name, activation, kind)
        return self.layers[key]

    def updated(self, name: str, step: int, ratio: float) -> None:
        """One step of the optimizer: |update| / |weight| of the layer of that name."""
        for layer in self.layers.values():
            if layer.name == name:
                layer.updates.append((step, ratio))
                thin(layer.updates)

    def note(self, text: str) -> None:
        """Something that the reader of the report has to know, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def ordered(self) -> Sequence[Layer]:
        return list(self.layers.values())


def thin(history: list[Any]) -> None:
    """Half of a history that has grown too long, its end kept."""
    if len(history) > _LONGEST:
        history[:-2] = history[:-2:2]
