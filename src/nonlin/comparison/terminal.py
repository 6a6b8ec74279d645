"""What a terminal shows: the progress of a comparison while it runs, and its result as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from nonlin.comparison.columns import AT_EDGE, ranking
from nonlin.comparison.plan import Plan, Trial
from nonlin.comparison.text import clock, duration

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

WIDE = 110
SHORTER = {
    "difference": "diff.",
    "learning rate": "rate",
    "time an epoch": "epoch",
    "dead units": "dead",
    "gradient ratio": "grad.",
}
LINES = 10  # how often a run without a terminal says where it is


def say(lines: Iterable[str]) -> None:
    """Lines on standard error, for standard output is data's."""
    console = Console(stderr=True)
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


class Progress:
    """A live table at a terminal, a line now and then elsewhere; on standard error, for standard output is data's."""

    def __init__(self, plan: Plan, console: Console | None = None):
        self._plan = plan
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._total = self._before = self._said = 0
        self._started: float | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, total: int) -> None:
        """How many trials there will be, as far as is known now."""
        self._total = total

    def update(self, outcomes: Mapping[Trial, Mapping[str, Any]]) -> None:
        """Show what is finished."""
        done = len(outcomes)
        self._total = max(self._total, done)  # before the widening is known, a finished run has more
        if self._started is None:
            self._started, self._before = monotonic(), done
            if done:
                self.say(f"{done} of {self._total} trials are there already")
        if self._live is not None:
            self._live.update(self._table(outcomes), refresh=True)
        elif done * LINES // max(self._total, 1) > self._said:
            self._said = done * LINES // max(self._total, 1)
            self.say(self._line(done))

    def _line(self, done: int) -> str:
        fresh, elapsed = done - self._before, monotonic() - (self._started or monotonic())
        left = f", {clock(elapsed / fresh * (self._total - done))} left" if fresh else ""
        return f"{done} of {self._total} trials{left}"

    def _table(self, outcomes: Mapping[Trial, Mapping[str, Any]]) -> Table:
        table = Table(title=self._line(len(outcomes)), title_justify="left")
        table.add_column("activation")
        for heading in ("rates tried", "seeds", f"test {self._plan.metric}", "time an epoch"):
            table.add_column(heading, justify="right")
        rows = [(name, name, "final") for name in self._plan.activations]
        for label, name, role in [*rows, (f"{self._plan.baseline} again (control)", self._plan.baseline, "control")]:
            tuned = [t for t in outcomes if t.activation == name and t.role == "tuning"]
            counted = [o for t, o in outcomes.items() if t.activation == name and t.role == role]
            scores = [o["score_test"] for o in counted if o["score_test"] is not None]
            seconds = [s for o in counted for s in o["curves"]["seconds"]]
            table.add_row(
                escape(label),
                str(len({t.learning_rate for t in tuned})) if role == "final" else "",
                f"{len(counted)}/{self._plan.seeds}",
                f"{sum(scores) / len(scores):.3f}" if scores else "",
                duration(sum(seconds) / len(seconds)) if seconds else "",
            )
        return table


def rich_table(comparison: Comparison, width: int = 120) -> Table:
    """The ranked table of a comparison for a Rich console; below 110 columns without the intervals."""
    wide = width >= WIDE
    rows = ranking(comparison)
    headings = [heading for heading in rows[0] if wide or heading != "95 % interval"]
    table = Table(box=SIMPLE_HEAD, padding=(0, int(wide), 0, 0), pad_edge=False, show_edge=False)
    if any(choice.at_edge for choice in comparison.results.choices.values()):
        table.caption = AT_EDGE
        table.caption_justify = "left"
    for heading in headings:
        if heading == "activation":
            table.add_column(heading, overflow="fold")
        elif heading == "verdict":
            table.add_column(heading, min_width=17 if wide else 11)
        else:  # a number is never cut or broken: it is the words that give way
            longest = max(len(row[heading]) for row in rows)
            table.add_column(SHORTER.get(heading, heading), justify="right", min_width=longest)
    for row in rows:
        table.add_row(*(escape(row[heading]) for heading in headings))
    return table
