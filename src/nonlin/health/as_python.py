"""A script run as Python runs it: its own `__main__`, its own traceback, and what is done when it imports a module."""

from __future__ import annotations

import builtins
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any


def execute(path: str) -> None:
    """Runs the file at an absolute path as `__main__`, which it stays: threads and atexit handlers still need it."""
    module: Any = ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = builtins
    module.__spec__ = None  # so that a process that is spawned imports it by its path
    module.__loader__ = loader = _Script("__main__", path)
    sys.modules["__main__"] = module
    loader.exec_module(module)


class _Script(SourceFileLoader):
    """A file as `__main__`, of which Python keeps no bytecode."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        pass


def print_error(error: BaseException, path: str) -> None:
    """As Python does where nothing catches it: the traceback from the script's own first line on."""
    own: TracebackType | None = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename != path:
        own = own.tb_next
    error.__traceback__ = own
    try:
        sys.excepthook(type(error), error, own)
    except Exception:  # of a hook of the script's
        traceback.print_exception(error)


@contextmanager
def without_interrupts() -> Generator[None]:
    """Ctrl-C is not heard within."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, where no signal arrives
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def when_imported(name: str, then: Callable[[ModuleType], None]) -> None:
    """Calls `then` with the module after its import, or now if it is there: nothing is imported for it."""
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Waiting(name, then))


class _Waiting(MetaPathFinder):
    """Waits for one import, and is gone then."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]):
        self.name, self.then = name, then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path)
        spec = next((s for s in found if s is not None), None)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                self.then(module)

            loader.exec_module = exec_module
        return spec
