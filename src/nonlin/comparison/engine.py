"""Where a comparison runs: in this process, in others beside it, or on other machines; and where its ledger is."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nonlin.comparison.extras import require
from nonlin.comparison.gpu import devices
from nonlin.comparison.journal import Journal, claimed
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.plan import Plan, stored_in
from nonlin.comparison.processes import Processes
from nonlin.comparison.run import Results, run
from nonlin.comparison.store import Store
from nonlin.comparison.stores import opened
from nonlin.comparison.terminal import Progress
from nonlin.comparison.trainers import Train
from nonlin.comparison.worker import Crew, Here
from nonlin.errors import ParameterError

Stored = dict[str, Any] | None


@dataclass(frozen=True)
class Engine:
    """How many workers, what they train on, where the ledger is (None: in the folder), and the Ray cluster, if any."""

    workers: int
    device: str
    storage: str | None
    ray: str | None

    def check(self, train: Train) -> None:
        """Raise ParameterError or MissingExtra for what this machine or the model cannot be trained with."""
        if self.ray is not None:
            require("ray")
        if "keras" in train.frameworks and self.device != "cpu":
            raise ParameterError(f"device: {self.device!r}: Keras places its models itself: leave it out")
        _ = self.pilot_device

    @property
    def pilot_device(self) -> str:
        """What a few runs in this process are trained on. Raises ParameterError for a device that is not there."""
        return "cpu" if self.ray is not None else devices(self.device)[0]

    @contextmanager
    def results(
        self, planned: Callable[[Stored], Plan], said: Callable[[Plan], None], train: Train, folder: Path
    ) -> Generator[tuple[Plan, Results]]:
        """The plan, which is made of what the ledger holds, said, and everything that it asks for, run or found there.

        The folder is this process's meanwhile. Raises OutputError where it or the storage belongs to another
        comparison.
        """
        # A folder that machines share is not one's alone; who works on what is then between them and the database.
        with nullcontext() if self.storage else claimed(folder):
            store = self._store(folder)
            with closing(Ledger(store)) as ledger:
                plan = self._agreed(planned, ledger, store, folder)
                said(plan)
                with Progress(plan) as progress:
                    progress.say(f"writing to {folder}")
                    try:
                        results = run(plan, ledger, progress, self._crew(store, ledger, self._trains(train)))
                    except KeyboardInterrupt:
                        progress.say(
                            f"stopped: finished trials are kept; the same command with the folder {folder} goes on"
                        )
                        raise
            yield plan, results

    def _agreed(self, planned: Callable[[Stored], Plan], ledger: Ledger, store: Store, folder: Path) -> Plan:
        """The plan, recorded: of machines that begin at the same time the first one's is what the others go by."""
        while True:
            there = ledger.plan()
            plan = planned(there or stored_in(folder))
            plan.check(there, f"ledger of another comparison: {store.name}")
            plan.settle_in(folder)
            if ledger.record_plan(json.loads(json.dumps(plan.as_dict())), there):
                return plan

    def _store(self, folder: Path) -> Store:
        if self.storage is None:
            return Journal(folder)
        return opened({"url": self.storage, "study": f"nonlin/{folder.name}"})

    def _trains(self, train: Train) -> list[Train]:
        """One training a worker, on the devices in turn."""
        # An actor sees the one GPU that Ray has given it.
        usable = devices(self.device) if self.ray is None else ("cpu" if self.device == "cpu" else "cuda:0",)
        trains = [copy(train) for _ in range(self.workers)]
        for number, one in enumerate(trains):
            one.device = usable[number % len(usable)]
        return trains

    def _crew(self, store: Store, ledger: Ledger, trains: list[Train]) -> Crew:
        if self.ray is not None:
            from nonlin.comparison.on_ray import Actors

            return Actors(self.ray, len(trains), store.address, trains[0])
        return Here(ledger, trains[0]) if len(trains) == 1 else Processes(store.address, trains)
