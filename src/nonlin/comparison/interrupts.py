"""Ctrl-C that is never lost, and never strikes in the middle of a write.

Python raises KeyboardInterrupt wherever it happens to be, and drops it where that is a destructor or a callback from
C: compilers and training libraries have both.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def remembered_interrupts() -> Generator[Callable[[], None]]:
    """Ctrl-C raises as usual; the function given raises again where one came and was dropped on its way."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield lambda: None
        return
    came: list[int] = []
    usual = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if callable(usual):
            usual(number, frame)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    if callable(usual):
        signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        if callable(usual):
            signal.signal(signal.SIGINT, usual)


@contextmanager
def unbroken() -> Generator[None]:
    """Ctrl-C waits until what is in here is done: in the middle of it, half of what belongs together is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    usual = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came and callable(usual):
            usual(*came[-1])
