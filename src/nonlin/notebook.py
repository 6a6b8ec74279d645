"""An activation as a card in a notebook: formula, a small picture of f and f', facts. HTML that needs nothing else."""

from __future__ import annotations

from html import escape

from nonlin.errors import ParameterError
from nonlin.facts import Facts, facts
from nonlin.language.formula import Formula
from nonlin.sketch import sketch
from nonlin.told import interval, places, shown


def card(title: str, text: str, reference: str, formula: Formula | None = None, values: tuple[float, ...] = ()) -> str:
    """The card; without `formula`, or where that has no value at these values, only what can be said in words."""
    drawn = ""
    if formula is not None:
        try:
            known = facts(formula, values)
            both = f"{sketch(title, formula, values)}{_table(known)}"
            drawn = f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{both}</div>'
        except ParameterError as error:
            drawn = f"<div>{escape(str(error))}</div>"
    source = f'<div style="opacity:.7">{escape(reference)}</div>' if reference else ""
    return f"<div><b>{escape(title)}</b> <code>{escape(text)}</code>{drawn}{source}</div>"


def _table(known: Facts) -> str:
    rows = {
        "range": interval(*known.range),
        "steepest slope": shown(known.lipschitz),
        "saturates": known.saturates or "no",
        "kinks": places(known.kinks),
        "zeros": places(known.zeros, known.zero_intervals),
        "gain": shown(known.gain),
        "E f(z), z ~ N(0, 1)": shown(round(known.mean, 12)),
    }
    cells = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:400;opacity:.7">{escape(label)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for label, value in rows.items()
    )
    return f"<table>{cells}</table>"
