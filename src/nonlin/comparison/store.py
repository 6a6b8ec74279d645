"""Where a ledger and its checkpoints are kept: a folder of one machine, or a database of many."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from optuna.storages import BaseStorage


class Checkpoint(Protocol):
    """The state of one unfinished trial after its last whole epoch, as bytes; the newest replaces the one before."""

    def read(self) -> bytes | None:
        """What was last written, whole; None where nothing was."""
        ...

    def write(self, content: bytes) -> None:
        """Keep it, whole or not at all."""
        ...

    def remove(self) -> None:
        """The trial is finished."""
        ...


class Store(Protocol):
    """Opens what it names once in each process; `address` is what another process needs to open the same."""

    @property
    def address(self) -> dict[str, Any]:
        """JSON that `opened` takes."""
        ...

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def study(self) -> str:
        """The name of the study in it."""
        ...

    def open(self) -> BaseStorage:
        """Optuna's view of it; only used inside `alone`."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    def alone(self) -> AbstractContextManager[float]:
        """No other process reads or writes meanwhile; gives the time in seconds by a clock that all share.

        A process that is killed in here lets the others in at once. Raises OutputError where the place does not
        answer or has no room.
        """
        ...

    def checkpoint(self, number: int) -> Checkpoint:
        """That of the trial of this number."""
        ...
