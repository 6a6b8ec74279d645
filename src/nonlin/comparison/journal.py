"""The ledger as a file of the output folder, for the worker processes of one machine."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from nonlin.errors import OutputError
from nonlin.files import write_whole

FILE, STUDY, CHECKPOINTS = "journal.log", "comparison", "checkpoints"


class Journal:
    """A store in a folder: an Optuna journal, and beside it one file for each trial at work."""

    study = STUDY

    def __init__(self, folder: Path):
        self._folder, self._file = folder, folder / FILE
        # The kernel's lock, which goes with the process that holds it; for Optuna's own, all wait half a minute then.
        self._lock = FileLock(folder / "journal.lock")
        self._checkpoints = folder / CHECKPOINTS

    @property
    def address(self) -> dict[str, Any]:
        return {"folder": str(self._folder)}

    @property
    def name(self) -> str:
        return repr(str(self._file))

    def open(self) -> BaseStorage:
        try:
            return JournalStorage(JournalFileBackend(str(self._file), lock_obj=_Held(str(self._file))))
        except (ValueError, KeyError, AssertionError):
            raise OutputError(f"not a ledger of this version: {str(self._file)!r}: choose another folder") from None

    def close(self) -> None:
        # Not by whoever finishes a trial: others are about to write theirs.
        with suppress(OSError):  # there is none, or unfinished trials are in it
            self._checkpoints.rmdir()

    @contextmanager
    def alone(self) -> Generator[float]:
        try:
            with self._lock:
                self._mend()
                yield time.time()
        except OSError as error:
            raise _unwritable(self._file, error) from None

    def checkpoint(self, number: int) -> File:
        return File(self._checkpoints / f"{number}.pt")

    def _mend(self) -> None:
        """Take away the line that a killed process was writing."""
        if not self._file.exists():
            return
        with open(self._file, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0 or (file.seek(size - 1), file.read(1))[1] == b"\n":
                return
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            os.fsync(file.fileno())


class File:
    """A checkpoint as a file."""

    def __init__(self, path: Path):
        self._path = path

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        write_whole(self._path, content)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        for left in self._path.parent.glob(f".{self._path.name}.*"):  # by a kill in the middle of `write`
            left.unlink(missing_ok=True)


class _Held(JournalFileOpenLock):
    """What the journal asks for at each write; `alone` holds the lock already."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def claimed(folder: Path) -> Generator[None]:
    """One comparison at a time in a folder. Raises OutputError where another one is at work."""
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"folder in use by another comparison: {str(folder)!r}: wait for it, or choose another"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write: {str(path)!r} ({error.strerror}): what is finished is kept; make room, "
                       "and give the same command again")  # fmt: skip
