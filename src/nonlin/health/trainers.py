"""What the callbacks of Lightning, transformers and Keras share: a Health for each training, its loggers and report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nonlin.files import write_whole
from nonlin.health.goes_on import warned
from nonlin.health.loggers import log_to
from nonlin.health.watch import EVERY, Health, checked

_HTML = {".html", ".htm"}


class Watching:
    """`health` is that of the training that runs, or ran last; None before the first.

    every: each how many steps to look. report: where the report goes at the end, a page if the name ends in .html,
    else text. logger: what `Health.log_to` takes.
    """

    def __init__(self, *, every: int = EVERY, report: str | Path | None = None, logger: Any = None):
        super().__init__()
        self.every = checked(every)
        self.report = None if report is None else Path(report)
        self.health: Health | None = None
        self._log = None if logger is None else log_to(logger)

    def _begins(self, make: Callable[[], Health]) -> None:
        """A training begins; where its model can't be watched, this is said and it goes on."""
        self._ends(write=False)
        try:
            self.health = make()
        except Exception as error:
            self.health = None
            warned("not watched", error)
            return
        if self._log is not None:
            self.health.on_sample(self._log)

    def _ends(self, *, write: bool = True) -> None:
        """It is over, by itself or by an error. One process writes the report."""
        if self.health is None:
            return
        self.health.stop()
        if write and self.report is not None:
            try:
                if self.report.suffix.lower() in _HTML:
                    self.health.to_html(self.report)
                else:
                    write_whole(self.report, self.health.report() + "\n")
            except Exception as error:
                warned(f"no report: {self.report}", error)
