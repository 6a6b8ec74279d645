"""What a swap has done, and how it is undone: every edit is an entry of a dictionary, kept with what was there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nonlin.errors import SwapError
from nonlin.surgery.place import Places

ABSENT = object()


@dataclass(frozen=True)
class Edit:
    """An entry of a module's own dictionaries: what was there, what is there now; ABSENT is no entry."""

    entries: dict[str, Any]
    key: str
    before: Any
    after: Any

    def apply(self) -> None:
        """Put the new one there."""
        self._put(self.after)

    def revert(self) -> None:
        """Put back what was there, in the mode that the model has by now."""
        training = getattr(self.after, "training", None)
        if training is not None and hasattr(self.before, "train"):
            self.before.train(training)
        self._put(self.before)

    @property
    def holds(self) -> bool:
        """Whether the new one is there still."""
        return self.entries.get(self.key, ABSENT) is self.after

    def _put(self, value: Any) -> None:
        if value is ABSENT:
            del self.entries[self.key]
        else:
            self.entries[self.key] = value


@dataclass(repr=False)
class Change:
    """What `swap` has done.

    `changed`: the places as they were, each with what is there `now`. `left`: every other activation of the model.
    `parameters`: new ones that are to be learned; no optimizer has them yet. `proved`: whether a run in training and
    one in evaluation have shown that nothing of the old is called any more.
    """

    changed: Places
    left: Places
    parameters: list[Any]
    proved: bool
    edits: list[Edit] = field(default_factory=list)

    def undo(self) -> None:
        """Give the model back its modules, attributes and forwards: the same objects, hence the same bits.

        A second call does nothing. Raises SwapError, and changes nothing, where something else has been put in place
        since.
        """
        for edit in self.edits:
            if not edit.holds:
                raise SwapError(f"changed since the swap: {edit.key!r}: undo the later change first")
        while self.edits:
            self.edits.pop().revert()

    def __repr__(self) -> str:
        count = len(self.changed)
        proof = "proved by a run in training and one in evaluation" if self.proved else (
            "not proved: give example_inputs, for a run that shows whether functions are called too"
        )  # fmt: skip
        lines = [f"{count} place{'' if count == 1 else 's'} changed, {proof}"]
        if self.changed:
            lines += ["", repr(self.changed)]
        if self.left:
            lines += ["", "left as they are", "", repr(self.left)]
        if self.parameters:
            numbers = sum(p.numel() for p in self.parameters)
            lines += ["", f"{numbers} new parameter{'' if numbers == 1 else 's'} to learn: "
                      'optimizer.add_param_group({"params": change.parameters})']  # fmt: skip
        return "\n".join(lines)
