"""The table of a framework's layers: one class an activation, with the defaults of its parameters."""

from __future__ import annotations

from markdown_parts import defaults, table

import nonlin as nl

DOORS = {"torch": "nonlin.torch", "flax": "nonlin.flax", "keras": "nonlin.keras"}


def layers(door: str, gallery: str) -> str:
    """Markdown: the classes of a door, each with a link to its activation's page in the gallery."""
    rows: list[list[str]] = []
    for activation in nl.catalog.values():
        definition = activation.definition
        learned = ", ".join(f"`{name}`" for name in definition.learned)
        if learned and not definition.always_learned:
            learned += " if asked"
        page = f"[`{activation.name}`]({gallery}/{activation.name}.md)"
        rows.append([f"`{DOORS[door]}.{definition.layer}`", page, defaults(definition.defaults), learned])
    return table(("class", "activation", "parameters", "learns"), rows)
