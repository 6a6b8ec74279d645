"""Activations in the terminal: the list, one of them in full, two side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nonlin.activation import Activation
from nonlin.explore.canvas import canvas
from nonlin.explore.card import Card
from nonlin.explore.samples import points, view
from nonlin.explore.side_by_side import ROWS, SideBySide, side_by_side
from nonlin.told import interval, shown
from nonlin.vector import VectorActivation

_WIDEST_PANEL = 60
_NARROWEST_PANEL = 30
_HEIGHT = 12


def listing(activations: Iterable[Activation]) -> Table:
    """A table of activations, in sections by family."""
    table = Table(box=None, padding=(0, 2, 0, 0), collapse_padding=True, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("formula", overflow="fold", ratio=3)
    table.add_column("range", overflow="fold", min_width=8)
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_column("aliases", overflow="fold", style="dim", ratio=1, min_width=9)
    family = ""
    for activation in activations:
        definition = activation.definition
        if definition.family != family:
            family = definition.family
            table.add_row(Text(f"\n{family}" if table.row_count else family, style="italic"))
        curved = not isinstance(activation, VectorActivation)
        table.add_row(
            Text(activation.name, style="bold cyan"),
            Text(short(activation.formula)),
            interval(*activation.facts.range) if curved else "",
            shown(activation.facts.gain) if curved else "",
            Text(", ".join(_different(activation))),
        )
    return table


def short(formula: str) -> str:
    """A formula with its long numbers rounded to six digits, for reading."""
    return re.sub(r"\d+\.\d{7,}", lambda number: f"{float(number[0]):.6g}", formula)


def _different(activation: Activation) -> list[str]:
    """Aliases that are more than another spelling with capitals or underscores."""
    seen = {_plain(activation.name)}
    found: list[str] = []
    for alias in activation.aliases:
        if _plain(alias) not in seen:
            seen.add(_plain(alias))
            found.append(alias)
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


class Sheet:
    """One activation in full: formula, curves, facts with the method of each, other libraries, reference."""

    def __init__(self, activation: Activation, card: Card):
        self.activation, self.card = activation, card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        card = self.card
        yield Text(card["spec"], style="bold cyan")
        about = _pairs()
        about.add_row("f(x)", Text(short(card["formula"])))
        if card["derivative"] is not None:
            about.add_row("f'(x), surrogate" if self.activation.surrogate else "f'(x)", Text(card["derivative"]))
        for name, value in card["parameters"].items():
            about.add_row("parameter", f"{name} = {shown(value)}")
        if card["same_as"]:
            about.add_row("the same as", card["same_as"])
        if card["aliases"]:
            about.add_row("aliases", Text(", ".join(card["aliases"])))
        yield Padding(about, (0, 0, 1, 2))
        if card["facts"] is not None:
            yield _curves(self.activation, options)
            yield Padding(_facts(self.activation), (1, 0, 0, 2))
            yield Padding(
                Text("with z ~ N(0, 1); method: by a closed form, or by search and quadrature", "dim"), (0, 0, 1, 2)
            )
        else:
            yield Padding(Text("A function of a whole axis: it has no curve and no facts of one."), (0, 0, 1, 2))
        if card["libraries"]:
            yield Padding(_libraries(card), (0, 0, 1, 2))
        yield Padding(Text(card["reference"]), (0, 0, 0, 2))


def _pairs() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _curves(activation: Activation, options: ConsoleOptions) -> RenderableType:
    """f and f', side by side where there is room."""
    room = options.max_width
    beside = room >= 2 * _NARROWEST_PANEL + 2
    width = min(_WIDEST_PANEL, (room - 2) // 2 if beside else room)
    low, high = view([activation])
    panels: list[RenderableType] = []
    for order, heading, style in (
        (0, "f(x)", "green"),
        (1, "f'(x), surrogate" if activation.surrogate else "f'(x)", "yellow"),
    ):
        lines = canvas(*points(activation, low, high, order), low, high, width, _HEIGHT, not options.ascii_only)
        title = Text(f"{heading:^{width}}", style="dim")
        panels.append(Group(title, *(Text(f"{line:{width}}", style=style, no_wrap=True) for line in lines)))
    return Columns(panels, padding=(0, 2, 0, 0)) if beside else Group(*panels)


def _facts(activation: Activation) -> Table:
    facts = activation.facts
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    for label, (name, value) in ROWS.items():
        table.add_row(label, value(facts), facts.method[name])
    return table


def _libraries(card: Card) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("library", "name", "defaults", "note"):
        table.add_column(heading, overflow="fold")
    for library, peer in card["libraries"].items():
        defaults = ", ".join(f"{k}={shown(v)}" for k, v in peer["defaults"].items())
        table.add_row(library, ", ".join(peer["names"]), defaults, peer["note"])
    return table


def pair(first: Activation, second: Activation) -> RenderableType:
    """Two activations side by side: the table of facts, then what speaks for and against each."""
    both = side_by_side(first, second)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold cyan")
    table.add_column("", style="dim", no_wrap=True)
    for name in both.names:
        table.add_column(name, overflow="fold")
    for row in both.rows:
        table.add_row(*row)
    return Group(table, *_remarks(both))


def _remarks(both: SideBySide) -> Iterable[RenderableType]:
    for name, remarks in zip(both.names, both.remarks, strict=True):
        yield Text(f"\n{name}", style="bold cyan")
        if not remarks:
            yield Text("  nothing that the other does not have")
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for remark in remarks:
            good = remark.kind == "advantage"
            grid.add_row(Text("+" if good else "-", style="bold green" if good else "bold red"), Text(remark.text))
        yield Padding(grid, (0, 0, 0, 2))
