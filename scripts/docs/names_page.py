"""docs/names.md: every activation's name and defaults in each library, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from markdown_parts import LIBRARIES, defaults, table

from nonlin.activation import Activation
from nonlin.definition import LIBRARIES as PEERS
from nonlin.definition import Peer
from nonlin.registry import catalog

INTRODUCTION = """\
# Names and defaults across libraries

Written by `scripts/docs/page_tables.py` from the catalogue; do not edit it by hand. `nonlin.get` knows each of these
names, in any case, and each spelling of a parameter. Names are those of `torch.nn`, `keras.activations`, `jax.nn` and
the ONNX operators.
"""


def page() -> str:
    """The whole page."""
    activations = list(catalog.values())
    parts = [INTRODUCTION, differences(activations), "## All names\n"]
    for family, members in groupby(activations, key=lambda a: a.definition.family):
        parts.append(f"### {family.capitalize()}\n\n{names(members)}")
    return "\n".join(parts)


def differences(activations: Iterable[Activation]) -> str:
    """Where the same name does not mean the same function, or the default is another."""
    rows = [
        (f"`{a.name}`", defaults(a.parameters), LIBRARIES[library], ", ".join(f"`{n}`" for n in peer.names), difference)
        for a in activations
        for library in PEERS
        if (peer := a.definition.peers.get(library)) is not None and (difference := differing(a, peer))
    ]
    headings = ("nonlin", "our defaults", "library", "its name", "what differs there")
    return f"## Where they differ\n\n{table(headings, rows)}"


def differing(activation: Activation, peer: Peer) -> str:
    """The defaults of a peer that are not ours, and its note."""
    other = {k: v for k, v in peer.defaults.items() if activation.parameters[k] != v}
    return "; ".join(filter(None, [defaults(other), peer.note]))


def names(activations: Iterable[Activation]) -> str:
    """One row an activation: its name, formula and parameters here, its name in each library, other aliases."""
    rows: list[tuple[str, ...]] = []
    for activation in activations:
        definition = activation.definition
        theirs = [definition.peers.get(library) for library in PEERS]
        known = {name for peer in theirs if peer is not None for name in peer.names}
        more = [f"`{alias}`" for alias in activation.aliases if alias not in known]
        if definition.same_as:
            more.append(f"the same as `{definition.same_as}`")
        cells = ["" if peer is None else ", ".join(f"`{name}`" for name in peer.names) for peer in theirs]
        formula = f"`{activation.formula}`" + (f"; surrogate `{activation.surrogate}`" if activation.surrogate else "")
        rows.append((f"`{activation.name}`", formula, defaults(activation.parameters), *cells, ", ".join(more)))
    return table(("nonlin", "formula", "defaults", *(LIBRARIES[library] for library in PEERS), "also"), rows)
