"""Who works on a trial, and until when: a worker that is killed cannot give its trial back, so others take it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 60.0  # how long a lease lasts; a worker renews its own three times as often


def lease(now: float) -> dict[str, Any]:
    """This process's claim on a trial, from `now` in seconds of the ledger's clock, as JSON."""
    return {"host": platform.node(), "pid": os.getpid(), "processes": _processes(), "until": now + SECONDS}


def is_stale(held: dict[str, Any] | None, now: float) -> bool:
    """Whether nobody works on it any more: its time has run out, or its process is seen to be gone."""
    if held is None or now > held["until"]:
        return True
    return held["processes"] == _processes() and not _is_alive(held["pid"])


@cache
def _processes() -> str:
    """Names the table of processes in which a pid means something: a start of a machine, and a container of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return platform.node()


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
