"""PyTorch: what is known of the tensors of one forward, of each as long as it lives."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nonlin.health.torch_measured import Seen


@dataclass(frozen=True, slots=True)
class Units:
    """Where `count` units of the layer `source` lie: along `axis`, each `spread` times in a row.

    `activation` is what they have gone through, "" before it.
    """

    source: str
    axis: int
    count: int
    spread: int = 1
    activation: str = ""


@dataclass(slots=True)
class Mark:
    """What a tensor comes from: layers of weights, the last one last, and activations; and where units are still apart.

    `weight` is the layer whose weight it is, transposed or so.
    """

    sources: tuple[str, ...] = ()
    activations: tuple[Seen, ...] = ()
    weight: str = ""
    units: Units | None = None


class Marks:
    """Marks by tensor. By the tensor's id, and whether it is still the same one: a forward asks often."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Any, Mark]] = {}

    def get(self, tensor: Tensor) -> Mark | None:
        found = self._of.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def set(self, tensor: Tensor, mark: Mark) -> None:
        self._of[id(tensor)] = weakref.ref(tensor), mark

    def clear(self) -> None:
        self._of.clear()
