"""One worker: takes a trial, trains it from its last checkpoint, records the outcome; again, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nonlin.comparison.gpu import reserved
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.store import Checkpoint
from nonlin.comparison.trainers import Train

WORST = -1e300  # what the ledger holds for a score that is not finite: Optuna takes nan for a failed trial
PAUSE = 0.1  # seconds between two looks at a ledger in which nothing waits


def one_trial(ledger: Ledger, train: Train, progressed: Callable[[], None] = lambda: None) -> bool:
    """Train the next waiting trial; False where none waits. `progressed` is called after each epoch, and may raise."""
    with reserved(train.device):
        taken = ledger.take(train.activations)
        if taken is None:
            return False
        with ledger.kept(taken):
            outcome = train(taken.trial, _Watched(taken.checkpoint, progressed))
            progressed()
    score = outcome["score_validation" if taken.trial.role == "tuning" else "score_test"]
    ledger.finish(taken, outcome, WORST if score is None else score)
    return True


def work(ledger: Ledger, train: Train, progressed: Callable[[], None]) -> None:
    """Train whatever waits, until the process is ended: at any moment, for nothing is lost by it."""
    while True:
        if not one_trial(ledger, train, progressed):
            time.sleep(PAUSE)


@dataclass
class _Watched:
    """A checkpoint that tells when it is written."""

    checkpoint: Checkpoint
    progressed: Callable[[], None]

    def read(self) -> bytes | None:
        return self.checkpoint.read()

    def write(self, content: bytes) -> None:
        self.checkpoint.write(content)
        self.progressed()

    def remove(self) -> None:
        self.checkpoint.remove()


class Crew(Protocol):
    """Whoever trains: this process, processes beside it, or actors on a cluster."""

    def __enter__(self) -> Crew: ...

    def __exit__(self, *_: object) -> None: ...

    def step(self, check: Callable[[], None]) -> None:
        """Train one trial, or look after those who do, for a moment. Raises what keeps them from it."""
        ...


@dataclass
class Here:
    """The crew that is this process."""

    ledger: Ledger
    train: Train

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, check: Callable[[], None]) -> None:
        if not one_trial(self.ledger, self.train, check):
            time.sleep(PAUSE)  # other machines are at work on what is left
