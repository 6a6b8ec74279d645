"""Threads over big arrays where PyTorch's are not to be had.

A call over [0, count) is cut into chunks that the caller and idle helpers take.

No caller ever waits for a chunk that nobody has begun: it takes that chunk itself. So a call ends whatever becomes
of the helpers: busy for other callers, not to be had (the system gives no more threads), gone (in the child of a
fork) or stopped (while the interpreter exits).
"""

from __future__ import annotations

import operator
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from nonlin.errors import ParameterError

Call = Callable[[int, int], object]

# A hand-off costs the caller 10 us, and the helper begins 25-50 us after it. Measured on two cores: for 150 us of work
# two threads take 0.65 to 1.25 of the time of one, for 200 us 0.6 to 0.95, for 300 us 0.6 to 0.65.
BREAK_EVEN = 200_000.0  # nanoseconds of work below which a second thread does not pay
SHARE = BREAK_EVEN / 2  # nanoseconds of work for each thread
CHUNKS = 3  # for each thread, so that one who begins late or is slow leaves its share to the others
ALIGNMENT = 1024  # elements: a chunk begins at a page of float32, and no two threads write into one cache line

_explicit: int | None = None
_within = threading.local()  # .job: whether this thread is in a job


def run(call: Call, count: int, cost: float) -> None:
    """`call(begin, end)` over [0, count) in chunks, on up to `threads()` threads, the caller's own among them.

    `cost` is the estimated time of one element on one thread in nanoseconds. `call` must release the GIL, as the
    functions of ctypes do, and must itself keep alive what it reads and writes. Chunks begin at multiples of 1024. An
    exception in a chunk, or Ctrl-C in the caller, is raised once no chunk is running.

    >>> run(print, 3, cost=0.1)
    0 3
    """
    if count * cost >= BREAK_EVEN and threads() > 1:
        _split(call, count, count * cost)
    else:
        call(0, count)


def set_threads(n: int | None) -> None:
    """Sets how many threads a call may use; None: as many as PyTorch uses where it is loaded, else one a core.

    >>> set_threads(2)
    >>> threads()
    2
    >>> set_threads(None)
    """
    global _explicit
    if n is None:
        _explicit = None
        return
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if number < 1 or isinstance(n, bool):
        raise ParameterError(f"the number of threads is not a whole number from 1 up: {n!r}; None takes every core")
    _explicit = number


def threads() -> int:
    """How many threads a call may use: as set, else as many as PyTorch uses where it is loaded, else one a core."""
    if _explicit is not None:
        return _explicit
    # A module is found before its functions are while another thread imports it.
    count = getattr(sys.modules.get("torch"), "get_num_threads", None)
    if count is not None:
        return count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _split(call: Call, count: int, work: float) -> None:
    team = min(threads(), int(work / SHARE))
    step = -(-count // (team * CHUNKS * ALIGNMENT)) * ALIGNMENT
    if team < 2 or step >= count or getattr(_within, "job", False):
        call(0, count)
        return
    job = _Job(call, count, step)
    try:
        try:
            _within.job = True
            _pool.invite(job, team - 1)
            job.work()
        finally:
            job.close()
    except BaseException:
        # Ctrl-C cuts the wait for the helpers short too, but they write into memory that the caller is about to free.
        while not job.closed():
            pass
        job.errors.clear()  # whose frames hold the job, and the arrays with it
        raise
    finally:
        _within.job = False
        del job.call  # the queue may still hold the job for a helper that came too late: without the caller's arrays
    if job.errors:
        raise job.errors.pop()


class _Job:
    """One call in chunks. Only the helpers in it are counted: the caller knows of itself.

    The caller's methods may be interrupted between any two steps, the helpers' (`help`, `following`) are not: signals
    reach the main thread alone, which is no helper.
    """

    __slots__ = ("call", "end", "errors", "helpers", "idle", "lock", "next", "step")

    def __init__(self, call: Call, end: int, step: int):
        self.call = call
        self.next = 0
        self.end = end
        self.step = step
        self.helpers = 0
        self.errors: list[BaseException] = []
        self.lock = threading.Lock()
        self.idle = threading.Lock()  # released by the last helper to leave
        self.idle.acquire()

    def chunk(self) -> tuple[int, int] | None:
        """The next chunk; under the lock."""
        begin = self.next
        if begin >= self.end:
            return None
        self.next = min(begin + self.step, self.end)
        return begin, self.next

    def work(self) -> None:
        """The caller's part: chunks until all are begun."""
        while True:
            with self.lock:
                chunk = self.chunk()
            if chunk is None:
                return
            self.call(*chunk)

    def close(self) -> None:
        """Lets no chunk begin any more and waits for those in flight."""
        with self.lock:
            self.end = 0
            waiting = self.helpers > 0
        if waiting:
            self.idle.acquire()

    def closed(self) -> bool:
        """Closes; False where that was interrupted."""
        try:
            self.close()
        except BaseException:
            return False
        return True

    def help(self) -> None:
        """A helper's part: chunks until all are begun."""
        with self.lock:
            chunk = self.chunk()
            self.helpers += chunk is not None
        while chunk is not None:
            try:
                self.call(*chunk)
            except BaseException as error:
                self.fail(error)
            chunk = self.following()

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.end = 0
            if not self.errors:
                self.errors.append(error)

    def following(self) -> tuple[int, int] | None:
        """A helper's next chunk; without one it leaves. None comes after it: all chunks are begun."""
        with self.lock:
            chunk = self.chunk()
            if chunk is None:
                self.helpers -= 1
                if not self.helpers:
                    self.idle.release()
            return chunk


class _Pool:
    """The helpers of this process: daemon threads, made when first needed, that wait at one queue."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.waiting: deque[None] = deque()  # one for each helper at the queue; only helpers change it
        self.made = 0
        self.making = threading.Lock()

    def invite(self, job: _Job, helpers: int) -> None:
        """Hands the job to as many idle helpers; a busy one is not waited for, nor is the job kept for it."""
        # One that has been handed a job already counts: if the job is over when it wakes, it takes this one.
        idle = len(self.waiting)
        if idle < helpers:
            idle += self.make(helpers - idle)
        for _ in range(min(idle, helpers)):
            self.jobs.put(job)

    def make(self, helpers: int) -> int:
        """Makes as many helpers, or as few as there may be; the number made."""
        # A thread that is made while the interpreter exits never runs, and its maker would wait for it.
        if sys.is_finalizing() or not self.making.acquire(blocking=False):
            return 0
        before = self.made
        try:
            for _ in range(min(helpers, threads() - 1 - before)):
                threading.Thread(target=self.serve, name="nonlin", daemon=True).start()
                self.made += 1
        except RuntimeError:  # the system, or the exiting interpreter, gives no more threads
            pass
        finally:
            self.making.release()
        return self.made - before

    def serve(self) -> None:
        """A helper's life."""
        _within.job = True
        while True:
            self.waiting.append(None)
            job = self.jobs.get()
            self.waiting.pop()
            job.help()


_pool = _Pool()


def _renew() -> None:
    """In the child of a fork: no thread but the caller's lives there, and a lock may be held by one that does not."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
