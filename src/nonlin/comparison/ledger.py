"""The ledger: which trials are waiting, running and finished, in an Optuna journal that survives any kill."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from nonlin.comparison.plan import Trial
from nonlin.errors import OutputError

FILE, STUDY = "journal.log", "comparison"
Outcome = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


def _unbroken(write: F) -> F:
    """Ctrl-C waits until the line is written: in the middle, Optuna's lock answers it with an error of its own."""

    @wraps(write)
    def whole(*args: Any, **given: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():  # where no signal arrives
            return write(*args, **given)
        came: list[tuple[int, FrameType | None]] = []
        usual = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
        try:
            return write(*args, **given)
        finally:
            signal.signal(signal.SIGINT, usual)
            if came and callable(usual):
                usual(*came[-1])

    return cast(F, whole)


class Ledger:
    """Trials in the order in which they were added, each finished once, with its outcome."""

    def __init__(self, journal: Path):
        self._storage = JournalStorage(JournalFileBackend(str(journal)))
        # Never asked: every trial is enqueued with its values.
        sampler = optuna.samplers.RandomSampler()
        if self._storage.get_all_studies():  # `load_if_exists` would write a line each time
            self._study = optuna.load_study(study_name=STUDY, storage=self._storage, sampler=sampler)
        else:
            self._study = optuna.create_study(
                study_name=STUDY, storage=self._storage, sampler=sampler, direction="maximize"
            )
        for left in self._trials(TrialState.RUNNING):  # by a process that is gone: the folder is locked
            self._storage.set_trial_state_values(left._trial_id, TrialState.WAITING)  # pyright: ignore[reportPrivateUsage]

    @_unbroken
    def add(self, trials: Iterable[Trial]) -> None:
        """Enqueue those that are not there yet.

        As `enqueue_trial(skip_if_exists=True)`, which compares with every trial each time, so that its time grows
        with the square of their number, and takes numbers within 1e-5 of each other for equal: two seeds are.
        """
        there = {_trial(frozen) for frozen in self._trials()}
        for trial in trials:
            if trial not in there:
                self._study.enqueue_trial(trial.key, user_attrs={"trial": trial.key})

    @_unbroken
    def take(self) -> tuple[int, Trial] | None:
        """The next waiting trial and its number, now running; None where nothing waits."""
        if not self._trials(TrialState.WAITING):
            return None
        asked = self._study.ask()
        return asked.number, Trial(**asked.user_attrs["trial"])

    @_unbroken
    def finish(self, number: int, outcome: Outcome, value: float) -> None:
        """Record an outcome. It counts from the second line on: a kill between the two runs the trial again."""
        (running,) = (frozen for frozen in self._trials(TrialState.RUNNING) if frozen.number == number)
        self._storage.set_trial_user_attr(running._trial_id, "outcome", outcome)  # pyright: ignore[reportPrivateUsage]
        self._study.tell(number, value)

    def outcomes(self) -> dict[Trial, Outcome]:
        """Every finished trial with its outcome."""
        return {_trial(frozen): frozen.user_attrs["outcome"] for frozen in self._trials(TrialState.COMPLETE)}

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)


@contextmanager
def ledger_in(folder: Path) -> Generator[Ledger]:
    """The ledger of an output folder, for this process alone. Raises OutputError where another one has it."""
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"folder in use by another comparison: {str(folder)!r}: wait for it, or choose another"
        ) from None
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        journal = folder / FILE
        _mend(journal)
        yield Ledger(journal)
    finally:
        optuna.logging.set_verbosity(verbosity)
        lock.release()


def _mend(journal: Path) -> None:
    """Take away what a killed process left: its lock, and the line that it was writing."""
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
    if not journal.exists():
        return
    with open(journal, "r+b") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        os.fsync(file.fileno())


def _trial(frozen: FrozenTrial) -> Trial:
    return Trial(**frozen.user_attrs["trial"])
