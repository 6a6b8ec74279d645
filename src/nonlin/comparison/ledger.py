"""The ledger: which trials are waiting, running and finished, in an Optuna study that survives any kill.

One worker at a time changes it, so that what it reads still holds when it writes.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from nonlin.comparison.interrupts import unbroken
from nonlin.comparison.lease import SECONDS, is_stale, lease
from nonlin.comparison.plan import Trial
from nonlin.comparison.store import Checkpoint, Store
from nonlin.errors import NonlinError

PLAN = "plan"
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Taken:
    """A trial that this process works on, under its number in the study."""

    number: int
    trial: Trial
    checkpoint: Checkpoint


class Ledger:
    """Trials in the order in which they were added, each finished once, with its outcome."""

    def __init__(self, store: Store):
        self._store = store
        self._finished: dict[int, tuple[Trial, Outcome]] = {}
        self._queue: list[FrozenTrial] = []
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with self._alone():
                self._storage = store.open()
                self._study = self._opened(store.study)
        except BaseException:
            store.close()
            raise
        finally:
            optuna.logging.set_verbosity(verbosity)

    def close(self) -> None:
        """Let go of the store's connections."""
        self._store.close()

    def plan(self) -> dict[str, Any] | None:
        """What was recorded with `record_plan`."""
        with self._alone():
            return self._study.user_attrs.get(PLAN)

    def record_plan(self, plan: dict[str, Any], before: dict[str, Any] | None) -> bool:
        """Keep the plan with the trials, for whoever joins; False where it is no longer `before` that is there."""
        with self._alone():
            there = self._study.user_attrs.get(PLAN)
            if there == before and there != plan:
                self._study.set_user_attr(PLAN, plan)
            return there == before

    def add(self, trials: Iterable[Trial]) -> None:
        """Enqueue those that are not there yet.

        As `enqueue_trial(skip_if_exists=True)`, which compares with every trial each time, so that its time grows
        with the square of their number, and takes numbers within 1e-5 of each other for equal: two seeds are.
        """
        with self._alone():
            there = {_trial(frozen) for frozen in self._trials()}
            for trial in trials:
                if trial not in there:
                    self._study.enqueue_trial(trial.key, user_attrs={"trial": trial.key})

    def take(self, activations: Collection[str]) -> Taken | None:
        """The next waiting trial of these activations, now leased to this process; None where none waits."""
        with self._alone() as now:
            # What waited a moment ago is tried first: to read all trials each time takes longer the more there are.
            for waiting in self._candidates(now):
                trial = _trial(waiting)
                if trial.activation in activations and self._leased(waiting, now):
                    return Taken(waiting.number, trial, self._store.checkpoint(waiting.number))
        return None

    def finish(self, taken: Taken, outcome: Outcome, value: float) -> None:
        """Record an outcome; the first one counts, should the lease have run out and another process have begun.

        It counts from the second write on: a kill between the two runs the end of the trial again.
        """
        with self._alone(), suppress(UpdateFinishedTrialError):
            identity = self._identity(taken)
            self._storage.set_trial_user_attr(identity, "outcome", outcome)
            self._storage.set_trial_state_values(identity, TrialState.COMPLETE, [value])
        taken.checkpoint.remove()

    def give_back(self, taken: Taken) -> None:
        """Let another process go on with a trial, from its last checkpoint."""
        with self._alone(), suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._identity(taken), TrialState.WAITING)

    @contextmanager
    def kept(self, taken: Taken) -> Generator[None]:
        """Renews the lease again and again in here; what is left unfinished goes back."""
        done = Event()
        beat = Thread(target=self._renew, args=(taken, done), daemon=True)
        beat.start()
        try:
            yield
        except BaseException:
            with suppress(NonlinError):  # the first error says more
                self.give_back(taken)
            raise
        finally:
            done.set()
            beat.join()

    def outcomes(self) -> dict[Trial, Outcome]:
        """Every finished trial with its outcome."""
        with self._alone():
            for frozen in self._trials(TrialState.COMPLETE):
                if frozen.number not in self._finished:
                    self._finished[frozen.number] = _trial(frozen), frozen.user_attrs["outcome"]
        return dict(self._finished[number] for number in sorted(self._finished))

    def running(self) -> list[dict[str, Any]]:
        """The leases of the trials at work: host, pid, and until when."""
        with self._alone():
            return [frozen.user_attrs["lease"] for frozen in self._trials(TrialState.RUNNING)]

    @contextmanager
    def _alone(self) -> Generator[float]:
        with unbroken(), self._store.alone() as now:
            yield now

    def _opened(self, name: str) -> optuna.Study:
        sampler = optuna.samplers.RandomSampler()  # never asked: every trial is enqueued with its values
        if name in [study.study_name for study in self._storage.get_all_studies()]:
            return optuna.load_study(study_name=name, storage=self._storage, sampler=sampler)
        return optuna.create_study(study_name=name, storage=self._storage, sampler=sampler, direction="maximize")

    def _candidates(self, now: float) -> Generator[FrozenTrial]:
        while self._queue:
            yield self._queue.pop(0)
        for left in self._trials(TrialState.RUNNING):
            if is_stale(left.user_attrs.get("lease"), now):
                self._storage.set_trial_state_values(left._trial_id, TrialState.WAITING)  # pyright: ignore[reportPrivateUsage]
        self._queue = self._trials(TrialState.WAITING)
        while self._queue:
            yield self._queue.pop(0)

    def _leased(self, waiting: FrozenTrial, now: float) -> bool:
        identity = waiting._trial_id  # pyright: ignore[reportPrivateUsage]
        try:
            if not self._storage.set_trial_state_values(identity, TrialState.RUNNING):
                return False
        except UpdateFinishedTrialError:
            return False
        self._storage.set_trial_user_attr(identity, "lease", lease(now))
        return True

    def _renew(self, taken: Taken, done: Event) -> None:
        while not done.wait(SECONDS / 3):
            # A store that does not answer is reported where the outcome is written.
            with suppress(UpdateFinishedTrialError, NonlinError), self._alone() as now:
                self._storage.set_trial_user_attr(self._identity(taken), "lease", lease(now))

    def _identity(self, taken: Taken) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, taken.number)  # pyright: ignore[reportPrivateUsage]

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)


def _trial(frozen: FrozenTrial) -> Trial:
    return Trial(**frozen.user_attrs["trial"])
