"""A measurement of speed as a file: JSON with a cell a line, so that two of them can be compared line by line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nonlin.measure.cells import Cell
from nonlin.measure.goals import Goal, goals

FORMAT = 1


@dataclass(frozen=True)
class Results:
    """Cells, and where and with what they were measured. `start`: what `nonlin.measure.start` measured."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    cells: Sequence[Cell]
    start: Mapping[str, Any] = field(default_factory=dict)

    @property
    def goals(self) -> list[Goal]:
        """Every goal of speed with its number."""
        return goals(self.cells, self.start)

    def to_dict(self) -> dict[str, Any]:
        """All that was measured, for JSON. Times are nanoseconds of one call: median, lower and upper quartile."""
        return {
            "format": FORMAT,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "start": dict(self.start),
            "cells": [cell.to_dict() for cell in self.cells],
        }

    def to_json(self) -> str:
        """The text of the file, with the goals."""
        head = self.to_dict()
        lines = ",\n    ".join(json.dumps(cell) for cell in head.pop("cells"))
        head["goals"] = [goal.to_dict() for goal in self.goals]
        return f'{json.dumps(head, indent=2)[:-2]},\n  "cells": [\n    {lines}\n  ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Results:
        """The results that `to_json` made the text of."""
        data = json.loads(text)
        cells = [Cell.from_dict(cell) for cell in data["cells"]]
        return cls(data["machine"], data["versions"], cells, data["start"])
