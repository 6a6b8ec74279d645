"""What is said while a model trains: a panel at the foot of a terminal, elsewhere a line when something has changed.

The panel is drawn on the last lines of the terminal, which are taken out of what scrolls: whatever the script writes,
progress bars too, goes above it as it is, and nothing of its streams is replaced.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TextIO

from rich.console import Console, Group
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text

from nonlin.health.findings import Finding, findings, weight
from nonlin.health.record import Layer, Record
from nonlin.health.report import HEAD, row_of
from nonlin.health.words import counted, short, summary

_DRAW = 0.5  # seconds between two drawings
_SAY = 5.0  # seconds between two lines, where there is no terminal
_LINES = 24  # a terminal of fewer has no room for a panel
_TALLEST = 14
_COLOURS = {"alarm": "bold red", "warning": "yellow", "note": "cyan"}
_SHOWN = 7  # columns of the table
_GAP = 2  # characters between two of them


class Panel:
    """Says how models are; `update` is called after each sampled step."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = monotonic):
        self.stream = stream or sys.stderr
        self.clock = clock
        self.process = os.getpid()
        self.models: list[tuple[str, Record]] = []
        self._latest = -1e9
        self._said: Any = ()
        self._area: tuple[int, int, int] | None = None  # columns and lines of the terminal, lines of the panel

    @property
    def live(self) -> bool:
        """Whether there is a terminal with room for a panel."""
        size = self._size()
        usual = os.environ.get("TERM", "") not in ("", "dumb") and os.name != "nt"
        return usual and self.stream.isatty() and size.lines >= _LINES and size.columns >= 40

    def add(self, name: str, record: Record) -> None:
        """One more model."""
        self.models.append((name, record))

    def update(self) -> None:
        """Draws, or says, where it is time and something is new; a failure ends the panel, not the training."""
        if os.getpid() != self.process or not self.models:
            return
        try:
            live = self.live
            if self.clock() - self._latest >= (_DRAW if live else _SAY):
                self._draw() if live else self._say()
                self._latest = self.clock()
        except Exception:  # the stream is closed, for one
            self.models, self._area = [], None

    def close(self) -> None:
        """The terminal is as it was."""
        if self._area is not None and os.getpid() == self.process:
            _, lines, height = self._area
            self._area = None
            self._write(f"\x1b7\x1b[r\x1b[{lines - height + 1};1H\x1b[J\x1b8")

    # A line ---------------------------------------------------------------------------------------------------------

    def _say(self) -> None:
        found = [(name, record, findings(record)) for name, record in self.models]
        now = [(name, [(f.severity, f.kind, f.layer) for f in wrong]) for name, _, wrong in found]
        if now == self._said:
            return
        before = dict(self._said)
        for (name, record, wrong), (_, keys) in zip(found, now, strict=True):
            if before.get(name, []) != keys:
                self.stream.write(f"nonlin: {name}, step {record.steps}: {_brief(wrong)}\n")
        self.stream.flush()
        self._said = now

    # The panel ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        size = self._size()
        height = min(_TALLEST, size.lines // 3)
        rows = _lines(self.models, size.columns, height)
        start = size.lines - height
        text = ""
        if self._area != (size.columns, size.lines, height):
            # Empty lines first, so that what stands at the foot moves up; then only the lines above scroll.
            text += "\x1b[r" if self._area is not None else ""
            text += "\x1bD" * height + f"\x1b[{height}A\x1b7\x1b[1;{start}r\x1b8"
            self._area = (size.columns, size.lines, height)
        drawn = "".join(f"\x1b[{start + i};1H\x1b[2K{row}" for i, row in enumerate(rows, start=1))
        self._write(f"{text}\x1b7{drawn}\x1b8")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def _size(self) -> os.terminal_size:
        try:
            return os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError, AttributeError):
            return shutil.get_terminal_size((80, 0))


def _brief(found: Sequence[Finding]) -> str:
    if not found:
        return "nothing is wrong"
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0].severity}: {summary(found[0])}{more}"


def _lines(models: Sequence[tuple[str, Record]], width: int, height: int) -> list[str]:
    """The latest model's layers, the worst ones, and of all models what is wrong."""
    console = Console(width=width, force_terminal=True, color_system="standard", highlight=False, legacy_windows=False)
    with console.capture() as drawn:
        console.print(_frame(models, width, height))
    return drawn.get().splitlines()[:height]


def _frame(models: Sequence[tuple[str, Record]], width: int, height: int) -> Frame:
    name, record = max(models, key=lambda model: model[1].sampled)
    wrong = sorted(((n, f) for n, r in models for f in findings(r)), key=lambda told: weight(told[1]))
    told = wrong[: max(1, (height - 3) // 3)]
    several = len(models) > 1
    words = [
        Text.assemble((f.severity, _COLOURS[f.severity]), f" {f'{n}: ' if several else ''}{summary(f)}")
        for n, f in told
    ] or [Text("nothing is wrong", style="green")]
    for line in words:
        line.truncate(width - 4, overflow="ellipsis")
    room = height - 3 - len(words)
    worst = {f.layer: -i for i, (n, f) in enumerate(wrong) if n == name}
    layers = sorted(record.ordered, key=lambda layer: worst.get(layer.name, -len(wrong)), reverse=True)[:room]
    shown = [layer for layer in record.ordered if layer in layers]
    left = len(record.layers) - len(shown)
    title = f"{name}, step {record.steps}"
    title += f", {left} layers more" if left else ""
    title += f", {counted(len(models), 'model')}" if several else ""
    return Frame(
        Group(_table(shown, width - 4), *words), title=title, title_align="left", height=height, border_style="dim"
    )


def _table(layers: Sequence[Layer], width: int) -> Table:
    """As many columns as there is room for: a number that is cut says nothing."""
    rows = [(short(name, min(30, width // 2)), *cells) for name, *cells in map(row_of, layers)]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    room = width
    for i, column in enumerate(zip(HEAD[:_SHOWN], *(row[:_SHOWN] for row in rows), strict=True)):
        room -= max(map(len, column)) + _GAP
        if room + _GAP < 0:
            break
        table.add_column(HEAD[i], justify="left" if i < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row[: len(table.columns)])
    return table
