"""What is kept on disk comes back whole or not at all, and no trouble with the disk is a failure."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nonlin.backends.kernels import store
from nonlin.errors import CacheWarning

KEY = "0123456789abcdef" * 4
KERNEL = bytes(range(256)) * 3
POSIX = pytest.mark.skipif(os.name != "posix", reason="the owner and mode of a file are POSIX's")

# Each example saves or damages anew, so that they may share a folder.
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def saved(cache: Path) -> Path:
    """The file of a kernel that has been saved."""
    store.save(KEY, KERNEL)
    return cache / "kernels" / f"{KEY}.bin"


def refused(path: Path) -> None:
    """Nothing is loaded, and a warning names the path; once, however often it is asked for."""
    with pytest.warns(CacheWarning, match=str(path)):
        assert store.load(KEY) is None
    assert store.load(KEY) is None


# What is kept ---------------------------------------------------------------------------------------------------


@many
@given(kernel=st.binary())
def test_what_is_saved_is_loaded(cache: Path, kernel: bytes) -> None:
    store.save(KEY, kernel)
    assert store.load(KEY) == kernel


def test_what_was_never_saved_is_none(cache: Path) -> None:
    assert store.load(KEY) is None
    store.save(KEY, KERNEL)
    assert store.load(KEY[::-1]) is None


def test_only_whole_files_are_left(saved: Path) -> None:
    assert list(saved.parent.iterdir()) == [saved]


@POSIX
def test_what_is_kept_is_for_its_user_alone(cache: Path) -> None:
    before = os.umask(0)
    try:
        store.save(KEY, KERNEL)
    finally:
        os.umask(before)
    assert all(path.stat().st_mode & 0o77 == 0 for path in [cache, *cache.rglob("*")])


# Damage ---------------------------------------------------------------------------------------------------------


def test_no_truncated_file_is_loaded(saved: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(b"")
    refused(saved)
    for length in range(len(whole)):
        saved.write_bytes(whole[:length])
        assert store.load(KEY) is None


@many
@given(place=st.integers(0, len(store.HEADER) + 32 + len(KERNEL) - 1), flip=st.integers(1, 255))
def test_no_file_with_a_changed_byte_is_loaded(saved: Path, place: int, flip: int) -> None:
    store.save(KEY, KERNEL)
    content = bytearray(saved.read_bytes())
    content[place] ^= flip
    saved.write_bytes(content)
    with warnings.catch_warnings(action="ignore", category=CacheWarning):
        assert store.load(KEY) is None


def test_no_longer_file_is_loaded(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0")
    refused(saved)


def test_a_damaged_file_is_replaced(saved: Path) -> None:
    saved.write_bytes(b"damaged")
    refused(saved)
    store.save(KEY, KERNEL)
    assert store.load(KEY) == KERNEL


def test_what_cannot_be_read_is_not_loaded(saved: Path) -> None:
    saved.unlink()
    saved.mkdir()
    refused(saved)


@POSIX
def test_a_pipe_is_not_waited_for(saved: Path) -> None:
    saved.unlink()
    os.mkfifo(saved, 0o600)
    refused(saved)


# Files of others ------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o1666])
def test_a_file_that_others_can_write_is_not_loaded(saved: Path, mode: int) -> None:
    saved.chmod(mode)
    refused(saved)


@POSIX
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_not_used(saved: Path, mode: int) -> None:
    before = saved.read_bytes()
    saved.parent.chmod(mode)
    refused(saved.parent)
    store.save(KEY, b"another")
    assert saved.read_bytes() == before


@POSIX
def test_a_folder_whose_files_others_cannot_change_is_used(saved: Path) -> None:
    saved.parent.chmod(0o1777)
    assert store.load(KEY) == KERNEL


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_belongs_to_another_user_is_not_loaded(saved: Path, which: str) -> None:
    path = saved if which == "file" else saved.parent
    os.chown(path, 12345, -1)
    refused(path)


# Folders that cannot be written ---------------------------------------------------------------------------------


def keeps_nothing(place: Path) -> None:
    """A process that saves and loads there goes on, warned once of the place and told what to do."""
    with pytest.warns(CacheWarning, match="set NONLIN_CACHE_DIR") as warned:
        for key in (KEY, KEY[::-1]):
            assert store.load(key) is None
            store.save(key, KERNEL)
            assert store.load(key) is None
    assert [str(place) in str(warning.message) for warning in warned] == [True]


@pytest.mark.parametrize("place", [".", "kernels"])
def test_a_file_in_place_of_the_folder(cache: Path, place: str) -> None:
    (cache / place).parent.mkdir(exist_ok=True)
    (cache / place).write_bytes(b"")
    keeps_nothing(cache / "kernels")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(cache: Path) -> None:
    cache.mkdir(mode=0o500)
    keeps_nothing(cache / "kernels")


def test_a_user_without_a_home(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NONLIN_CACHE_DIR", "~nobody-of-this-name/cache")
    keeps_nothing(Path("~"))


@POSIX
def test_a_full_disk_leaves_nothing_half_written(cache: Path) -> None:
    code = f"""
import resource
from nonlin.backends.kernels import store
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for key in {KEY!r}, {KEY[::-1]!r}:
    store.save(key, bytes(5000))
    assert store.load(key) is None
store.save({KEY!r}, b"small")
assert store.load({KEY!r}) == b"small"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("CacheWarning") == 1
    assert [path.name for path in (cache / "kernels").iterdir()] == [f"{KEY}.bin"]


# Where and how much ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG base directories")
@pytest.mark.parametrize(
    ("chosen", "xdg", "folder"),
    [
        ("/chosen", "/xdg", "/chosen"),
        ("~/chosen", "/xdg", "/home/user/chosen"),
        ("", "/xdg", "/xdg/nonlin"),
        ("", "", "/home/user/.cache/nonlin"),
        ("", "relative", "/home/user/.cache/nonlin"),
    ],
)
def test_the_directory(monkeypatch: pytest.MonkeyPatch, chosen: str, xdg: str, folder: str) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.setenv("NONLIN_CACHE_DIR", chosen)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert store.directory() == Path(folder)


def test_the_oldest_make_room(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = saved.stat().st_size
    monkeypatch.setattr(store, "LIMIT", 3 * size)
    folder = saved.parent
    # A leftover of a killed process, the oldest of all, counts as well; an older file of the user's does not.
    leftover = saved.rename(folder / f"{KEY}.0123456789abcdef.tmp")
    os.utime(leftover, (10, 10))
    users = folder / "weights.bin"
    users.write_bytes(bytes(10 * size))
    os.utime(users, (0, 0))
    expected = [leftover]
    for age in range(6):
        key = f"{age:x}" * 16
        store.save(key, KERNEL)
        expected.append(folder / f"{key}.bin")
        os.utime(expected[-1], (1000 + age, 1000 + age))
        assert set(folder.iterdir()) == {users, *expected[-3:]}


# Processes at once ----------------------------------------------------------------------------------------------

# Saves kernels of one repeated byte each, and reads what the others saved: of one byte, and of the length for it.
WRITER = f"""
import itertools, os, sys
from nonlin.backends.kernels import store
print(flush=True)
for i in itertools.count(int(sys.argv[1])):
    store.save({KEY!r}, bytes([i % 251]) * (10_000 + i % 251))
    kernel = store.load({KEY!r})
    assert kernel == bytes([kernel[0]]) * (10_000 + kernel[0])
    if os.path.exists(os.environ["STOP"]):
        break
"""


def test_processes_that_save_at_once_and_are_killed(cache: Path, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    environment = {**os.environ, "STOP": str(stop), "PYTHONWARNINGS": "error"}

    def start(first: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(first)]
        pipe = subprocess.PIPE
        writer = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
        assert writer.stdout is not None
        writer.stdout.readline()
        return writer

    writers = [start(first) for first in (0, 40, 80)]
    for first in (120, 160, 200):
        victim = start(first)
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            kernel = store.load(KEY)
            assert kernel is not None
            assert kernel == bytes([kernel[0]]) * (10_000 + kernel[0])
        victim.kill()
        victim.communicate()
    stop.touch()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
