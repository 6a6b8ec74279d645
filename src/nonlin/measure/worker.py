"""Measurements in a process of their own, on cores of their own.

JAX computes on every core that its process may run on when it starts, whatever it is told. So the process that
measures is bound to its cores before any library is imported, and there is one for each number of threads.
`python -m nonlin.measure.worker` reads a job from standard input and writes a result a line to standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonlin.errors import NonlinError

if TYPE_CHECKING:
    from nonlin.measure.accuracy import Task
    from nonlin.measure.cells import Cell
    from nonlin.measure.speed import Grid


# glibc gives memory back to the system when much of it is free at its end, and takes new pages for the next result, at
# ten times the cost of a fast function. Whether it does is luck: in what order a library's results come and go.
_KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}


class WorkerFailed(NonlinError, RuntimeError):
    """The process that measures ended before its last result."""


def speed(grid: Grid) -> Iterator[Cell]:
    """Every cell of the grid, as it is measured. Raises WorkerFailed with the last words of the process."""
    from nonlin.measure.cells import Cell

    job = {"threads": grid.threads, "speed": grid.to_dict()}
    return (Cell.from_dict(cell) for cell in _results(job, len(grid.cells)))


def accuracy(tasks: Iterable[Task]) -> Iterator[dict[str, Any] | None]:
    """The row of each task, None where a library has no such function. Raises WorkerFailed."""
    data = [asdict(task) for task in tasks]
    return _results({"threads": 1, "accuracy": data}, len(data))


def bind(threads: int) -> None:
    """Let this process run on so many cores only, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores(threads))


def cores(count: int) -> list[int]:
    """Processors of different cores, the last ones that this process may use: the first serve most interrupts."""
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    chosen: dict[str, int] = {}
    for processor in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        chosen.setdefault(siblings.read_text() if siblings.exists() else str(processor), processor)
    first = list(chosen.values())
    return [*first, *(p for p in allowed if p not in first)][:count]


def _results(job: dict[str, Any], expected: int) -> Iterator[Any]:
    with tempfile.TemporaryFile("w+", errors="replace") as words:  # of compilers and libraries, which have many
        command = [sys.executable, "-m", "nonlin.measure.worker"]
        environment = {**os.environ, **_KEPT_MEMORY}
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, env=environment
        )
        assert worker.stdin is not None and worker.stdout is not None
        count = 0
        try:
            json.dump(job, worker.stdin)
            worker.stdin.close()
            for line in worker.stdout:
                count += 1
                yield json.loads(line)
            worker.wait()
        finally:  # also where nobody wants the rest
            worker.kill()
            worker.wait()
            worker.stdout.close()
        if worker.returncode or count < expected:
            words.seek(0)
            last = words.read().strip().splitlines()[-1:] or [f"exit code {worker.returncode}"]
            raise WorkerFailed(f"the measurement stopped after {count} of {expected} results: {last[0]}")


def main() -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    bind(job["threads"])
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not come between the results
    for result in _measured(job):
        print(json.dumps(result), file=out, flush=True)


def _measured(job: dict[str, Any]) -> Iterator[Any]:
    if "speed" in job:
        from nonlin.measure.speed import Grid, measured

        for cell in measured(Grid.from_dict(job["speed"])):
            yield cell.to_dict()
    else:
        from nonlin.measure.accuracy import Task, measure

        for task in job["accuracy"]:
            yield measure(Task(**task))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # who pressed Ctrl-C pressed it for the process that started this one too
    except NonlinError as error:
        sys.exit(str(error))
