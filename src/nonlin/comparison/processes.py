"""Worker processes of this machine: started, watched, started again where they die, ended with their parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import IO, Any

from nonlin.comparison import handover
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.stores import opened
from nonlin.comparison.trainers import Train
from nonlin.comparison.worker import PAUSE, work
from nonlin.errors import WorkerError

IN_VAIN = 5  # deaths, with no epoch finished by any worker between them, after which none is started again
PROGRESSED = "epoch"


class Processes:
    """A crew of processes, one for each training given; each of them has its own copy of the data."""

    def __init__(self, address: dict[str, Any], trains: list[Train]):
        by_device = {train.device: train for train in trains}
        packed = {device: handover.packed(address, train) for device, train in by_device.items()}
        self._jobs = [packed[train.device] for train in trains]  # the data once a device, not once a worker
        self._workers: list[_Worker] = []
        self._in_vain = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    def step(self, check: Callable[[], None]) -> None:
        if not self._workers:  # not before there is work: a finished comparison is only read
            self._workers = [_Worker(job) for job in self._jobs]
        if any([worker.has_progressed() for worker in self._workers]):
            self._in_vain = 0
        for worker in self._workers:
            self._look_after(worker)
        check()
        time.sleep(PAUSE)

    def _look_after(self, worker: _Worker) -> None:
        """Start it again where it has died. Raises what it reported, or WorkerError where all keep dying."""
        code = worker.exit_code()
        if code is None:
            return
        self._in_vain += 1
        if self._in_vain >= IN_VAIN:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise WorkerError(
                f"worker processes ended {IN_VAIN} times without finishing an epoch, the last time {how}: "
                "look for its message above; is there enough memory for so many workers?"
            )
        worker.start()


class _Worker:
    """One process, and those that take its place."""

    def __init__(self, job: bytes):
        self._job = job
        self._progressed = Event()
        self.start()

    def has_progressed(self) -> bool:
        """Whether it has finished an epoch since this was asked last."""
        found = self._progressed.is_set()
        self._progressed.clear()
        return found

    def exit_code(self) -> int | None:
        """None while it lives. Raises what it reported."""
        code = self._process.poll()
        if code is not None:
            self._reader.join()
            self._close()
            if self._failure is not None:
                raise handover.raised(self._failure)
        return code

    def end(self) -> None:
        """End it, in the middle of an epoch too: the next one goes on from the last checkpoint."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._close()

    def start(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from nonlin.comparison.processes import serve; serve()"
        self._failure: dict[str, str] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self._reader = Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        Thread(target=_hand_over, args=(self._process, self._job), daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if said == PROGRESSED:
                self._progressed.set()
            else:
                self._failure = said

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            _close(pipe)


def _hand_over(process: subprocess.Popen[bytes], job: bytes) -> None:
    assert process.stdin is not None
    with suppress(OSError, ValueError):  # it has died, or was ended
        process.stdin.write(len(job).to_bytes(8, "little") + job)
        process.stdin.flush()


def _close(pipe: IO[bytes]) -> None:
    with suppress(OSError):  # what was still to be written went nowhere
        pipe.close()


def serve() -> None:
    """The life of a worker process: the job comes on standard input, which stays open as long as the parent lives."""
    channel = os.dup(1)
    os.dup2(2, 1)  # what a model prints is not for the parent

    def say(what: Any) -> None:
        os.write(channel, json.dumps(what).encode() + b"\n")

    try:
        address, train = handover.unpacked(_read_exactly(int.from_bytes(_read_exactly(8), "little")))
        Thread(target=_end_with_parent, daemon=True).start()
        work(Ledger(opened(address)), train, lambda: say(PROGRESSED))
    except BaseException as error:
        say(handover.as_failure(error))
        sys.exit(1)


def _read_exactly(count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        piece = os.read(0, min(count - len(content), 1 << 20))
        if not piece:
            os._exit(0)
        content += piece
    return bytes(content)


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing more comes: this returns when the parent is gone, however it went
    os._exit(0)
