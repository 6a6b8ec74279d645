"""Compiled kernels on disk, so that a process need not compile what another one has.

No trouble with the disk is a failure: a kernel that cannot be read is compiled anew, one that cannot be written is
compiled in each process, and a CacheWarning says so once. What is read here runs as machine code, so that a file or
folder which someone else could have written is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import warnings
from pathlib import Path

from nonlin.errors import CacheWarning

HEADER = b"nonlin kernel 1\n"  # 1: the version of the layout, which is this, the SHA-256 of the kernel, the kernel
LIMIT = 256 * 1024 * 1024  # bytes of all files together
# The names of our files, since a folder that the user names may hold others.
OURS = re.compile(r"[0-9a-f]{16,}(\.bin|\.[0-9a-f]{16}\.tmp)")

_warned: set[Path] = set()


def directory() -> Path:
    """Where nonlin keeps what it has computed: $NONLIN_CACHE_DIR, or a folder in the user's cache of the platform."""
    if chosen := os.environ.get("NONLIN_CACHE_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nonlin"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nonlin"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is void by the XDG base directory specification.
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "nonlin"


def load(key: str) -> bytes | None:
    """The kernel that was saved under the key; None where there is none, or none that can be trusted to be whole."""
    try:
        folder = directory() / "kernels"
        if not _trusted(folder, folder.stat()):
            return None
    except (OSError, RuntimeError):  # no folder, or no home: saving makes the one and says what is the matter
        return None
    path = folder / f"{key}.bin"
    try:
        with open(path, "rb", opener=_open) as file:
            # Asked of the open file, which nobody can exchange any more.
            if not _trusted(path, os.fstat(file.fileno())):
                return None
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        _warn(path, f"a compiled kernel cannot be read: {error}; it is compiled anew")
        return None
    data = content[len(HEADER) + 32 :]
    if content[: len(HEADER) + 32] != HEADER + hashlib.sha256(data).digest():
        _warn(path, f"a compiled kernel on disk is damaged: {path}; it is compiled anew and replaced")
        return None
    return data


def save(key: str, data: bytes) -> None:
    """Saves the kernel under the key, a hex digest of 16 digits or more: the whole of it or nothing."""
    folder = None
    try:
        folder = directory() / "kernels"
        _make(folder)
        if _trusted(folder, folder.stat()):
            _write(folder, f"{key}.bin", HEADER + hashlib.sha256(data).digest() + data)
            _prune(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home
        where = folder or Path("~")
        _warn(
            where,
            f"compiled kernels cannot be kept in {where} ({error}), so that each process compiles its own; "
            "set NONLIN_CACHE_DIR to a folder that can be written",
        )


def _warn(path: Path, message: str) -> None:
    if path not in _warned:
        _warned.add(path)
        warnings.warn(message, CacheWarning, stacklevel=3)


def _open(path: str, flags: int) -> int:
    """Opens without waiting for a writer, in case the path is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _trusted(path: Path, status: os.stat_result) -> bool:
    """Whether nobody but this user and root could have written there; where not, warns."""
    if sys.platform == "win32":  # whose user folders are closed to others
        return True
    mode = status.st_mode
    if status.st_uid not in (os.geteuid(), 0):
        fault = f"belongs to another user (uid {status.st_uid})"
    # In a folder with the sticky bit others can add files, which are theirs, but not change ours.
    elif mode & (stat.S_IWGRP | stat.S_IWOTH) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        fault = f"can be written by others (mode {stat.S_IMODE(mode):o})"
    else:
        return True
    _warn(
        path,
        f"compiled kernels are not read from {path}, which {fault}; remove it, or set NONLIN_CACHE_DIR to a folder "
        "of your own",
    )
    return False


def _make(folder: Path) -> None:
    """Makes the folder and those above it, all for this user alone."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Under another name first: who reads meanwhile, or is killed, finds the old file or the new one."""
    temporary = folder / f"{Path(name).stem}.{os.urandom(8).hex()}.tmp"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with open(file, "wb") as stream:
            stream.write(content)
        os.replace(temporary, folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _prune(folder: Path) -> None:
    """Deletes the oldest files, leftovers of killed processes among them, while all are larger than the limit."""
    files = list[tuple[float, int, str]]()
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # others prune too
                if OURS.fullmatch(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime, status.st_size, entry.path))
    excess = sum(size for _, size, _ in files) - LIMIT
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
        excess -= size
