"""What a terminal shows: the progress of a comparison while it runs, and its result as a table."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from nonlin.comparison.plan import Plan, Trial
from nonlin.comparison.text import clock, duration, share, significant, signed

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

LINES = 10  # how often a run without a terminal says where it is


class Progress:
    """A live table at a terminal, a line now and then elsewhere. Counts finished trials, on standard error, so that what is printed on standard output stays clean."""

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


def rich_table(comparison: Comparison) -> Table:
    """The ranked table of a comparison for a Rich console."""
    table = Table(caption=f"noise floor {significant(comparison.noise_floor)}", caption_justify="left")
    for heading in ("activation", "verdict"):
        table.add_column(heading, no_wrap=heading == "verdict")
    for heading in (f"test {comparison.plan.metric}", "difference", "95 % interval", "p", "rate", "epoch", "dead", "grad"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in comparison.table.to_dict("records"):
        against = row["verdict"] != "baseline"
        table.add_row(
            escape(row["activation"]),
            row["verdict"],
            f"{significant(row['score_mean'])} ± {significant(row['score_std'])}",
            signed(row["difference"]) if against else "",
            f"{signed(row['low'])} to {signed(row['high'])}" if against else "",
            significant(row["p"]) if against else "",
            significant(row["learning_rate"]),
            duration(row["epoch_seconds"]),
            share(row["dead_share"]),
            significant(row["gradient_ratio"], 2),
        )
    return table
