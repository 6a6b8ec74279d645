"""The gallery: a page for every activation of the catalogue, and their index. Nothing in them is typed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from itertools import groupby
from typing import Any

from markdown_parts import LIBRARIES, defaults, lost, table

import nonlin as nl
from nonlin.activation import Activation
from nonlin.explore.card import card
from nonlin.explore.code import LANGUAGES, templates
from nonlin.explore.entries import entry, losses
from nonlin.sketch import sketch
from nonlin.told import shown
from nonlin.vector import VectorActivation

WORDS = """\
Each page has the formula and its derivative, a picture, what is computed from the formula, the code for each framework,
where frameworks lose digits, and the source. In the tables z is drawn from N(0, 1), as a normalised layer's output
nearly is.

| fact | what it says |
|---|---|
| steepest slope | the largest \\|f'(x)\\|, the Lipschitz constant |
| saturates | the ends, left or right, at which the slope goes to 0 |
| gain | 1/sqrt(E f(z)^2): what weights are scaled by so that a signal keeps its size ([more](../initialisation.md)) |
| E f(z) | the mean of the output; 0 is zero-centred |
| E f'(z)^2 / E f(z)^2 | a gradient's mean square grows by this a layer ([why](../learn/gradients.md)) |
| flat for N(0, 1) | how often the slope is exactly 0: a unit that is always there is dead ([why](../learn/dying.md)) |
| self-gated | f is x times a gate between two bounds |
| method | "exact" by a closed form, "numerical" by search or quadrature |
"""
LOST = """\
Of the libraries' own functions, for x from -110 to 110: "lost" is 0 or off by half, "digits" half of the digits or more
([how it was measured](../frameworks.md)).
"""


def navigation() -> list[Any]:
    """The index, then the pages by family, as MkDocs' nav has them."""
    by_family = [{family.capitalize(): [{a.name: path(a)} for a in members]} for family, members in families()]
    return ["gallery/index.md", *by_family]


def pages() -> dict[str, str]:
    """Markdown by path: of each entry, and the index."""
    return {"gallery/index.md": index(), **{path(a): page(a) for a in nl.catalog.values()}}


def path(activation: Activation) -> str:
    return f"gallery/{activation.name}.md"


def families() -> Iterator[tuple[str, list[Activation]]]:
    for family, members in groupby(nl.catalog.values(), key=lambda a: a.definition.family):
        yield family, list(members)


def index() -> str:
    parts = ["# Gallery", WORDS]
    for family, members in families():
        parts += [f"## {family.capitalize()}", '<div class="gallery" markdown="0">', *map(tile, members), "</div>"]
    return "\n\n".join(parts) + "\n"


def tile(activation: Activation) -> str:
    """A link with a small picture; the formula where there is no curve."""
    drawing = drawn(activation, 150, 84) or f"<code>{escape(activation.formula)}</code>"
    return f'<a href="{activation.name}.html"><b>{activation.name}</b>{drawing}</a>'


def drawn(activation: Activation, width: int, height: int) -> str:
    """The picture of the curve, or of the gate of a gated unit; "" for another function of a whole axis."""
    definition, values = activation.definition, tuple(activation.parameters.values())
    if isinstance(activation, VectorActivation):
        if not definition.gate:
            return ""
        rule, values = definition.gate_formula, ()
    else:
        rule = activation.rule
    return sketch(activation.name, rule, values, width, height)


def page(activation: Activation) -> str:
    """The page of one activation."""
    known, listed = card(activation), data(activation.name)
    parts = [f"# {activation.name}", *formulas(activation, listed), drawn(activation, 480, 260), listed["note"]]
    if known["surrogate"]:
        parts.append(f"It trains by a surrogate in the place of its derivative: `{known['surrogate']}`.")
    if known["same_as"]:
        parts.append(f"At these parameters it is the same function as `{known['same_as']}`.")
    if known["aliases"]:
        parts.append("Also known as " + ", ".join(f"`{alias}`" for alias in known["aliases"]) + ".")
    parts.append(f"[Open it in the explorer](../explorer.html#f={activation.name}).")
    if listed["parameters"]:
        parts.append("## Parameters")
        rows = [(f"`{p['name']}`", shown(p["default"]), p["constraint"] or "any") for p in listed["parameters"]]
        parts.append(table(("name", "default", "values"), rows))
    if listed["facts"]:
        parts += ["## Facts", table(("fact", "value", "method"), listed["facts"])]
    parts += ["## Code", *tabs(activation, listed)]
    if known["libraries"]:
        parts += ["## In other libraries", table(("library", "its name", "its defaults", "note"), peers(known))]
    rows = [(LIBRARIES[library], *lost(orders)) for library, orders in listed["losses"].items() if any(orders)]
    if rows:
        parts += ["## Where float32 is lost", LOST, table(("library", "the value f", "the gradient f'"), rows)]
    parts += ["## Source", known["reference"]]
    return "\n\n".join(filter(None, parts)) + "\n"


@cache
def data(name: str) -> dict[str, Any]:
    return entry(nl.catalog[name], losses()["rows"])


def formulas(activation: Activation, listed: dict[str, Any]) -> Iterable[str]:
    if isinstance(activation, VectorActivation):
        return [f"`{activation.formula}`"]
    return [f"$$\n{line}\n$$" for line in listed["latex"]]


def blocks(activation: Activation) -> dict[str, str]:
    """The code of each framework, as it stands in the page."""
    kind = "axis" if isinstance(activation, VectorActivation) else "curve"
    made = f'f = nl.get("{activation.name}")'
    return {language: known[kind].replace("{f}", made) for language, known in templates().items()}


def tabs(activation: Activation, listed: dict[str, Any]) -> Iterator[str]:
    for language, code in blocks(activation).items():
        yield tab(LANGUAGES[language], "python", code)
    yield tab("LaTeX", "latex", "\n".join(listed["latex"]))


def peers(known: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for library, peer in known["libraries"].items():
        theirs = ", ".join(f"`{name}`" for name in peer["names"])
        yield LIBRARIES[library], theirs, defaults(peer["defaults"]), peer["note"]


def tab(title: str, kind: str, code: str) -> str:
    lines = [f"```{kind}", *code.splitlines(), "```"]
    return f'=== "{title}"\n\n' + "\n".join(f"    {line}" if line else "" for line in lines)
