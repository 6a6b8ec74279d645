"""`nonlin watch SCRIPT`: a script of the user's, run as Python runs it, and a report of every model that it trains."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

from nonlin.errors import NonlinError, WatchError
from nonlin.files import check_path
from nonlin.health.as_python import execute, print_error, when_imported, without_interrupts
from nonlin.health.panel import Panel
from nonlin.health.record import Record
from nonlin.health.report import as_dict, as_text
from nonlin.health.watch import EVERY, Health

_OPTIMIZERS = "torch.optim.optimizer"
_SPAWN = "torch.multiprocessing.spawn"
_INTERRUPTED = 130  # as a shell says of Ctrl-C


def run(script: str, arguments: Sequence[str], *, every: int = EVERY, out: Path, json: bool = False) -> int:
    """Runs it to its end, reports, and returns its exit code. WatchError for what is no script."""
    if every < 1:
        raise WatchError(f"every: {every!r}: give 1, 2, ...: each how many steps to look")
    if not Path(script).is_file():
        raise WatchError(f"no such script: {script!r}: give the path of a Python file")
    return Session(every, check_path(out, ".html", ".htm").absolute(), json).run(script, arguments)


class Session:
    """One run: what has been seen, and the report of it, which is given once."""

    def __init__(self, every: int, out: Path, json: bool):
        self.every, self.out, self.json = every, out, json
        self.process = os.getpid()
        self.reports = os.environ.get("RANK", "0") == "0"
        self.panel = Panel()
        self.models: Any = None
        self.elsewhere = False  # whether processes of the script's train
        self.finished = False
        self.name = ""

    def run(self, script: str, arguments: Sequence[str]) -> int:
        """The script's exit code."""
        path = os.path.abspath(script)
        self.name = os.path.basename(script)
        sys.argv = [script, *arguments]
        if not sys.flags.safe_path:
            sys.path[0] = os.path.dirname(os.path.realpath(script))
        self.listen()
        code = 0
        try:
            execute(path)
        except SystemExit as stop:
            code = self._code(stop.code)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        except BaseException as error:
            code = 1
            self.panel.close()
            print_error(error, path)
        self.finish()
        return code

    def listen(self) -> None:
        """From now on optimizers are seen, when torch has been imported, and the end of the process by os._exit."""
        when_imported(_OPTIMIZERS, self._see_optimizers)
        when_imported(_SPAWN, self._see_spawned)
        leave = os._exit  # pyright: ignore[reportPrivateUsage]

        def leave_reported(status: int) -> Any:
            self.finish()
            leave(status)

        os._exit = leave_reported

    def finish(self) -> None:
        """The report, once, in the process that was asked for it; Ctrl-C does not cut it off."""
        if self.finished or os.getpid() != self.process:
            return
        self.finished = True
        with without_interrupts():
            try:
                if self.models is not None:
                    self.models.stop()
                self.panel.close()
                if self.reports:
                    self._report()
            except NonlinError as error:
                self._tell(f"nonlin: {error}")
            except Exception as error:
                self._tell(f"nonlin: no report: {type(error).__name__}: {error}")

    # What is seen ---------------------------------------------------------------------------------------------------

    def _see_optimizers(self, module: Any) -> None:
        kind = module.Optimizer
        make = kind.__init__

        @wraps(make)
        def made(optimizer: Any, *args: Any, **options: Any) -> None:
            make(optimizer, *args, **options)
            try:
                self._made(optimizer)
            except Exception as error:
                self._tell(f"nonlin: not watched: {type(error).__name__}: {error}")

        kind.__init__ = made

    def _made(self, optimizer: Any) -> None:
        if self.finished or os.getpid() != self.process:
            return
        if self.models is None:
            from nonlin.health.torch_models import Models

            self.models = Models(self.every, self._found)
        self.models.made(optimizer)

    def _found(self, name: str, health: Health) -> None:
        if self.reports:
            self.panel.add(name, health.record)
            health.on_sample(lambda _: self.panel.update())

    def _see_spawned(self, module: Any) -> None:
        start = module.start_processes

        @wraps(start)
        def started(fn: Any, *args: Any, **options: Any) -> Any:
            if os.getpid() == self.process and self.reports:
                self.elsewhere = True
                fn = Spawned(fn, self.every, self.out, self.json, self.name)
            return start(fn, *args, **options)

        module.start_processes = started

    # What is said ---------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        if self.models is None or not self.models.records:
            if not self.elsewhere:
                self._tell(
                    f"nonlin: no training seen in {self.name}: no optimizer of PyTorch's has made a step on a model "
                    "that was called in training mode; no report was written"
                )
                if self.json:
                    self._write("[]", sys.stdout)
            return
        from nonlin.health.page import write_all

        records: list[tuple[str, Record]] = self.models.records
        for name, record in records:
            self._tell(f"\n{name}: {as_text(record)}")
        if self.models.more:
            self._tell("More models were trained; these are the first.")
        if self.json:
            self._write(json.dumps([{"model": name, **as_dict(record)} for name, record in records]), sys.stdout)
        self._tell(f"\n{write_all(records, self.out)}")

    def _tell(self, text: str) -> None:
        """On standard error, for standard output is the script's."""
        self._write(text, sys.stderr)

    def _write(self, text: str, stream: TextIO) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # where it is closed, nowhere
            print(text, file=stream, flush=True)

    def _code(self, code: Any) -> int:
        """What Python makes of what was given to sys.exit."""
        if code is None or isinstance(code, int):
            return code or 0
        self.panel.close()
        self._tell(str(code))
        return 1


class Spawned:
    """The function of a process that torch.multiprocessing starts: the first one's models are reported."""

    def __init__(self, fn: Any, every: int, out: Path, json: bool, name: str):
        self.fn, self.every, self.out, self.json, self.name = fn, every, out, json, name

    def __call__(self, rank: int, *args: Any) -> Any:
        session = Session(self.every, self.out, self.json)
        session.name, session.reports = self.name, rank == 0  # all watch, since what they see is put together
        session.listen()
        try:
            return self.fn(rank, *args)
        finally:
            session.finish()
