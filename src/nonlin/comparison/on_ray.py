"""Workers as actors of a Ray cluster: Ray finds the machines and starts those that die again; the ledger is our own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

from nonlin.comparison import handover
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.stores import opened
from nonlin.comparison.trainers import Train
from nonlin.comparison.worker import PAUSE, work
from nonlin.errors import WorkerError


class Actors:
    """A crew of so many actors, each on one CPU, and where the training is on a GPU, with one GPU to itself."""

    def __init__(self, cluster: str, workers: int, address: dict[str, Any], train: Train):
        self._cluster, self._workers = cluster, workers
        self._gpus = 0 if train.device == "cpu" else 1
        self._job = handover.packed(address, train)
        self._actors: list[Any] = []
        self._running: list[Any] = []

    def __enter__(self) -> Actors:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for actor in self._actors:
            ray.kill(actor)
        if self._actors:
            ray.shutdown()

    def step(self, check: Callable[[], None]) -> None:
        import ray
        from ray.exceptions import RayError

        if not self._actors:
            self._start()
        ended, _ = ray.wait(self._running, timeout=PAUSE)
        check()
        for one in ended:
            try:
                failure = ray.get(one)
            except RayError as error:
                raise WorkerError(
                    f"an actor of {self._cluster!r} ended: {_line(error)}: look into Ray's logs"
                ) from None
            raise handover.raised(failure)

    def _start(self) -> None:
        import ray

        try:
            _reach(self._cluster)
            ray.init(self._cluster, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise WorkerError(f"no Ray cluster at {self._cluster!r}: {_line(error)}: give the address that `ray start` "
                              "says, or auto on one of its machines") from None  # fmt: skip
        actor: Any = ray.remote(_Worker).options(
            num_cpus=1, num_gpus=self._gpus, max_restarts=-1, max_task_retries=-1, scheduling_strategy="SPREAD"
        )
        job = ray.put(self._job)
        self._actors = [actor.remote() for _ in range(self._workers)]
        self._running = [one.work.remote(job) for one in self._actors]


class _Worker:
    """What runs in an actor."""

    def work(self, job: bytes) -> dict[str, str]:
        """Trains until the actor is ended; gives what keeps it from that."""
        try:
            address, train = handover.unpacked(job)
            work(Ledger(opened(address)), train, lambda: None)
        except BaseException as error:
            return handover.as_failure(error)
        raise AssertionError("work ends with an error only")


def _reach(cluster: str) -> None:
    """Raise OSError where nothing listens: Ray itself tries for three minutes, and then ends the process."""
    host, _, port = cluster.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
