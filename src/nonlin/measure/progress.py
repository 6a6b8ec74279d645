"""What a terminal shows while something is measured: how far it is, and how long it will take."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.text import Text

LINES = 20  # how often a run without a terminal says where it is


class Progress:
    """A line that changes at a terminal, a line now and then elsewhere; on standard error, for output is data's."""

    def __init__(self, total: float, console: Console | None = None):
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._total, self._done, self._said = total, 0.0, 0
        self._begin = monotonic()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self.at("starting")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def at(self, what: str, done: float = 0.0) -> None:
        """Say what is measured now; `done` is the part of the total that is finished since."""
        self._done += done
        share = min(self._done / self._total, 1.0) if self._total else 1.0
        line = f"{100 * share:3.0f} %{self._left(share)}  {what}"
        if self._live is not None:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif int(share * LINES) > self._said:
            self._said = int(share * LINES)
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _left(self, share: float) -> str:
        elapsed = monotonic() - self._begin
        if share < 0.01 or elapsed < 3:
            return ""
        minutes, seconds = divmod(round(elapsed / share * (1 - share)), 60)
        return f", {minutes} min {seconds:02d} s left" if minutes else f", {seconds} s left"
