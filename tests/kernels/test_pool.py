"""A call over an array in chunks: all of it, once, whatever else goes on in the process."""

import ctypes
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nonlin.backends.kernels import pool
from nonlin.errors import ParameterError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the C library is looked for in the process")
# Python warns of a fork beside threads, and so does JAX where another test has loaded it.
FORKS = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning", r"ignore:os\.fork\(\) was called:RuntimeWarning"
)

WORTH_IT = 1e9  # nanoseconds an element: any count is worth another thread
PATIENCE = 60.0  # seconds after which something hangs

libc = ctypes.CDLL(None)  # its functions release the GIL
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
libc.memset.restype = ctypes.c_void_p


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pool without helpers, of two threads with the caller's."""
    monkeypatch.setattr(pool, "_pool", pool._Pool())
    pool.set_threads(2)
    yield
    pool.set_threads(None)


def filled(count: int, cost: float = WORTH_IT) -> bool:
    """Whether a call that fills memory fills all of it."""
    memory = ctypes.create_string_buffer(count)
    address = ctypes.addressof(memory)
    pool.run(lambda begin, end: libc.memset(address + begin, 1, end - begin), count, cost)
    return memory.raw == b"\1" * count


def helpers_are_back() -> None:
    """Waits until each helper is in the queue again; a call doesn't wait for one on its way."""
    until = time.monotonic() + PATIENCE
    while len(pool._pool.waiting) < pool._pool.made:
        assert time.monotonic() < until
        time.sleep(0.001)


def two_take_part() -> None:
    """A call that only two threads at once can do: each chunk waits for another one's."""
    helpers_are_back()
    both = threading.Barrier(2)
    pool.run(lambda begin, end: both.wait(PATIENCE), 2 * pool.CHUNKS * pool.ALIGNMENT, WORTH_IT)


def in_threads(count: int, task: Callable[[], object]) -> None:
    """The task in as many threads at once, all of which end and raise nothing."""
    done: list[object] = []
    threads = [threading.Thread(target=lambda: done.append(task()), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(done) == count


# What is called -------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    count=st.integers(0, 100_000) | st.integers(0, 40).map(lambda n: n * pool.ALIGNMENT),
    threads=st.integers(1, 5),
    cost=st.sampled_from([0.0, 1.0, 10.0, 1e3, WORTH_IT]),
)
def test_every_element_once(count: int, threads: int, cost: float) -> None:
    pool.set_threads(threads)
    chunks: list[tuple[int, int]] = []
    pool.run(lambda begin, end: chunks.append((begin, end)), count, cost)
    chunks.sort()
    assert [begin for begin, _ in chunks] == [0, *(end for _, end in chunks[:-1])]
    assert chunks[-1][1] == count
    assert all(begin % pool.ALIGNMENT == 0 for begin, _ in chunks)
    assert len(chunks) == 1 or all(begin < end for begin, end in chunks)
    assert filled(count, cost)


def test_little_work_is_one_call_of_the_callers() -> None:
    calls: list[tuple[int, int, int]] = []
    pool.run(lambda begin, end: calls.append((begin, end, threading.get_ident())), 100_000, 0.1)
    assert calls == [(0, 100_000, threading.get_ident())]


def test_one_thread_is_one_call_of_the_callers() -> None:
    pool.set_threads(1)
    calls: list[tuple[int, int, int]] = []
    pool.run(lambda begin, end: calls.append((begin, end, threading.get_ident())), 100_000, WORTH_IT)
    assert calls == [(0, 100_000, threading.get_ident())]


def test_much_work_is_shared() -> None:
    two_take_part()


def test_no_more_threads_than_set() -> None:
    pool.set_threads(3)
    at_once = threading.Barrier(3)
    workers: set[int] = set()

    def call(begin: int, end: int) -> None:
        workers.add(threading.get_ident())
        at_once.wait(PATIENCE)

    pool.run(call, 3 * pool.CHUNKS * pool.ALIGNMENT, WORTH_IT)
    assert len(workers) == 3


def test_no_more_threads_than_set_where_there_are_more() -> None:
    pool.set_threads(4)
    assert filled(100_000)
    helpers_are_back()
    pool.set_threads(2)
    workers: set[int] = set()

    def call(begin: int, end: int) -> None:
        workers.add(threading.get_ident())
        libc.usleep(2_000)  # time for all who were called

    pool.run(call, 100_000, WORTH_IT)
    assert len(workers) <= 2


def test_a_call_within_a_call_stays_in_its_thread() -> None:
    outer: list[int] = []
    inner: list[tuple[int, int, int]] = []
    both = threading.Barrier(2)

    def call(begin: int, end: int) -> None:
        both.wait(PATIENCE)  # so that a helper makes such a call too
        me = threading.get_ident()
        outer.append(me)
        pool.run(lambda b, e: inner.append((b, e, threading.get_ident() - me)), 100_000, WORTH_IT)

    count = 2 * pool.CHUNKS
    pool.run(call, count * pool.ALIGNMENT, WORTH_IT)
    assert len(set(outer)) == 2
    assert inner == [(0, 100_000, 0)] * count
    two_take_part()


# Many callers ---------------------------------------------------------------------------------------------------


def test_many_threads_at_once() -> None:
    pool.set_threads(4)
    in_threads(16, lambda: [filled(50_000) for _ in range(50)].index(True))
    assert pool._pool.made <= 3


def test_busy_helpers_are_not_waited_for() -> None:
    pool.set_threads(3)
    all_busy = threading.Barrier(4)
    release = threading.Event()
    taken = threading.local()

    def hold(begin: int, end: int) -> None:
        if not hasattr(taken, "one"):
            taken.one = True
            all_busy.wait(PATIENCE)
        release.wait(PATIENCE)

    holder = threading.Thread(target=pool.run, args=(hold, 100_000, WORTH_IT), daemon=True)
    holder.start()
    all_busy.wait(PATIENCE)
    assert filled(100_000)
    assert pool._pool.made == 2
    assert pool._pool.jobs.empty()  # no job piles up behind theirs
    release.set()
    holder.join(PATIENCE)
    assert not holder.is_alive()


def test_helpers_in_the_making_are_not_waited_for() -> None:
    with pool._pool.making:
        in_threads(1, lambda: filled(100_000))


def test_helpers_that_the_system_does_not_give() -> None:
    before = threading.stack_size(1 << 46)  # bytes that no system has
    try:
        assert filled(100_000)
    finally:
        threading.stack_size(before)
    assert pool._pool.made == 0
    two_take_part()


def test_a_thread_that_python_did_not_start() -> None:
    # As those of autograd's engine or a C++ program.
    results: list[bool] = []

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    def routine(_: object) -> None:
        results.append(filled(100_000))
        two_take_part()
        results.append(True)

    thread = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, routine, None) == 0
    assert libc.pthread_join(thread, None) == 0
    assert results == [True, True]


# What the memory's owner can rely on ----------------------------------------------------------------------------


class Failure(Exception):
    pass


@pytest.mark.parametrize("who", ["caller", "helper"])
def test_an_exception_is_raised_once_no_chunk_runs(who: str) -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2)
    running: list[int] = []

    def call(begin: int, end: int) -> None:
        running.append(begin)
        both.wait(PATIENCE)
        try:
            if (threading.get_ident() == caller) == (who == "caller"):
                raise Failure
            libc.usleep(100_000)
        finally:
            running.remove(begin)

    with pytest.raises(Failure):
        pool.run(call, 2 * pool.ALIGNMENT, WORTH_IT)  # two chunks, so that each thread has one of them
    assert not running
    two_take_part()


def test_no_chunk_begins_after_an_exception() -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2)
    begun: list[int] = []

    def call(begin: int, end: int) -> None:
        begun.append(begin)
        both.wait(PATIENCE)
        if threading.get_ident() != caller:
            raise Failure
        helpers_are_back()

    with pytest.raises(Failure):
        pool.run(call, 2 * pool.CHUNKS * pool.ALIGNMENT, WORTH_IT)
    assert len(begun) == 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that starts its commands in the background has them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("strikes", [1, 5])
@pytest.mark.parametrize("when", ["working", "waiting"])
def test_an_interrupt_is_raised_once_no_chunk_runs(when: str, strikes: int) -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2)
    struck = threading.Event()
    running: list[int] = []

    def call(begin: int, end: int) -> None:
        running.append(begin)
        try:
            both.wait(PATIENCE)
            if threading.get_ident() != caller:
                for _ in range(strikes):
                    libc.usleep(20_000)  # by now the caller waits, here or for the chunk
                    os.kill(os.getpid(), signal.SIGINT)
                struck.set()
                libc.usleep(20_000)
            elif when == "working":
                struck.wait(PATIENCE)
        finally:
            running.remove(begin)

    with pytest.raises(KeyboardInterrupt):
        pool.run(call, 2 * pool.ALIGNMENT, WORTH_IT)  # two chunks, so that each thread has one of them
    assert struck.is_set()
    assert not running
    two_take_part()


@pytest.mark.parametrize("fails", [False, True])
def test_memory_is_free_when_the_call_is_over(fails: bool) -> None:
    class Array:
        pass

    array = Array()
    alive = weakref.ref(array)
    both = threading.Barrier(2)

    def call(begin: int, end: int, array: Array = array) -> None:
        both.wait(PATIENCE)
        if fails:
            raise Failure

    gc.disable()  # without its help
    try:
        try:
            pool.run(call, 2 * pool.CHUNKS * pool.ALIGNMENT, WORTH_IT)
        except Failure:
            assert fails
        del call, array
        assert alive() is None
    finally:
        gc.enable()


def test_memory_is_free_when_a_helper_never_came() -> None:
    pool._pool.waiting.append(None)  # it has yet to wake
    pool._pool.made = 1
    array = threading.Event()
    alive = weakref.ref(array)

    def call(begin: int, end: int, array: threading.Event = array) -> None:
        pass

    pool.run(call, 100_000, WORTH_IT)
    assert pool._pool.jobs.qsize() == 1
    del call, array
    assert alive() is None


# Forks ----------------------------------------------------------------------------------------------------------


def in_child(task: Callable[[], object]) -> None:
    """The task in a fork of this process, which ends and raises nothing."""
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.alarm(int(PATIENCE))
            task()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@FORKS
def test_a_child_has_helpers_of_its_own() -> None:
    two_take_part()
    in_child(two_take_part)
    two_take_part()


@FORKS
def test_a_child_of_a_process_at_work() -> None:
    pool.set_threads(4)
    over = threading.Event()

    def work() -> bool:
        while not over.is_set():
            assert filled(50_000)
        return True

    def fork() -> None:
        try:
            for _ in range(20):
                in_child(two_take_part)
        finally:
            over.set()

    forker = threading.Thread(target=fork, daemon=True)
    forker.start()
    in_threads(4, work)
    forker.join(PATIENCE)
    assert over.is_set()


@FORKS
def test_a_child_of_a_process_that_makes_helpers() -> None:
    with pool._pool.making:
        in_child(two_take_part)


@FORKS
def test_worker_processes() -> None:
    two_take_part()
    with multiprocessing.get_context("fork").Pool(3) as workers:
        assert workers.map_async(filled, [100_000] * 20).get(PATIENCE) == [True] * 20


# The interpreter's exit -----------------------------------------------------------------------------------------

PRELUDE = """
import atexit, ctypes, os, sys, threading
from nonlin.backends.kernels import pool
memset = ctypes.CDLL(None).memset
memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
write = os.write
pool.set_threads(4)
def fill(count=100_000, run=pool.run, ctypes=ctypes, memset=memset):
    memory = ctypes.create_string_buffer(count)
    address = ctypes.addressof(memory)
    run(lambda begin, end: memset(address + begin, 1, end - begin), count, 1e9)
    assert memory.raw == bytes([1]) * count
"""
EXITS = {
    "atexit, helpers at hand": """
fill()
atexit.register(lambda: (fill(), write(1, b"done")))
""",
    "atexit, none made yet": """
atexit.register(lambda: (fill(), write(1, b"done")))
""",
    "a destructor": """
class Last:
    def __del__(self, fill=fill, write=write):
        fill()
        write(1, b"done")
fill()
last = Last()
sys.modules["last"] = last
""",
    "a destructor, none made yet": """
class Last:
    def __del__(self, fill=fill, write=write):
        fill()
        write(1, b"done")
last = Last()
""",
    "daemon threads at work": """
def work():
    while True:
        fill()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
fill()
write(1, b"done")
""",
    "a thread that outlives the main one": """
def work():
    threading.main_thread().join()
    fill()
    write(1, b"done")
threading.Thread(target=work).start()
""",
}


@pytest.mark.parametrize("code", EXITS.values(), ids=EXITS)
def test_the_interpreter_exits(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", PRELUDE + code], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done", "")


# How many -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 1.5, 2.0, "2", True, [], float("nan")])
def test_a_number_of_threads_that_is_none(n: object) -> None:
    with pytest.raises(ParameterError) as raised:
        pool.set_threads(n)  # type: ignore[arg-type]
    assert repr(n) in str(raised.value)
    assert "None" in str(raised.value)
    assert pool.threads() == 2


def test_one_thread_a_core_by_default() -> None:
    code = "from nonlin.backends.kernels import pool; print(pool.threads())"
    on_one = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "

    def printed(code: str) -> int:
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    if sys.platform == "linux":
        assert printed(code) == len(os.sched_getaffinity(0))
        assert printed(on_one + code) == 1
    else:
        assert printed(code) == os.cpu_count()


def test_as_many_threads_as_pytorch_has() -> None:
    torch = pytest.importorskip("torch")
    pool.set_threads(None)
    before = torch.get_num_threads()
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            assert pool.threads() == n
    finally:
        torch.set_num_threads(before)
    pool.set_threads(5)
    assert pool.threads() == 5
