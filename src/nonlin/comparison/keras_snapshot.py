"""Keras: a training run after a whole epoch as bytes, to go on from bit for bit, on any of its engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import keras
import numpy as np

from nonlin.comparison.store import Checkpoint

if keras.backend.backend() == "torch":  # whose generator drops units out there, not the layers' own
    from nonlin.comparison import torch_seeded
else:
    torch_seeded = None


@dataclass
class KerasSnapshots:
    """Keeps a compiled model after each epoch: its variables, those of its layers' generators and of the optimizer,
    and what was measured. A line of JSON and numbers: nothing that is read makes an object or runs code.

    A layer that holds state outside Keras' variables (a plain attribute that counts, say) goes on without it.
    """

    checkpoint: Checkpoint
    model: Any
    step: Callable[[], object]  # trains for a moment: what is built and drawn for once in a run's first step is then

    def keep(self, measured: dict[str, Any]) -> None:
        """Write the run as it now is."""
        values = [_array(variable).tobytes() for variable in self._variables()]
        values += [torch_seeded.random_state()] if torch_seeded else []
        header = {"sizes": [len(value) for value in values], "measured": measured}
        self.checkpoint.write(b"".join([json.dumps(header).encode(), b"\n", *values]))

    def resume(self) -> dict[str, Any] | None:
        """Bring the run to where it was last kept, and give what was measured; None where it begins."""
        content = self.checkpoint.read() or b""
        first, _, rest = content.partition(b"\n")
        try:
            header = json.loads(first)
        except ValueError:  # nothing, or a torn file
            return None
        ends = list(accumulate(header["sizes"], initial=0))
        if ends[-1] != len(rest):
            return None
        kept = [rest[start:end] for start, end in pairwise(ends)]
        self.step()
        if torch_seeded:
            torch_seeded.set_random_state(kept.pop())
        for variable, value in zip(self._variables(), kept, strict=True):
            array = _array(variable)
            variable.assign(np.frombuffer(value, array.dtype).reshape(array.shape))
        return header["measured"]

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _array(variable: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(variable))
