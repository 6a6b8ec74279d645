"""The one function that the files of the catalogue are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nonlin.definition import LIBRARIES, Definition, Library, Noise, Peer, peer
from nonlin.language.parameters import Parameter

_NONE: Mapping[str, str] = {}
_NO_ENTRIES: Mapping[str, Definition | None] = {}


def entry(
    name: str,
    text: str,
    layer: str,
    *,
    family: str,
    reference: str,
    parameters: Mapping[str, float | tuple[float, str]] | None = None,
    aliases: tuple[str, ...] = (),
    spellings: Mapping[str, str] = _NONE,
    kinks: Literal["smaller", "left", "right"] = "smaller",
    surrogate: str = "",
    surrogates: Mapping[str, Definition | None] = _NO_ENTRIES,
    learned: tuple[str, ...] = (),
    always_learned: bool = False,
    same_as: str = "",
    noise: Noise | None = None,
    along_axis: str = "",
    gate: str = "",
    approximate: Mapping[str, str] = _NONE,
    **peers: Any,
) -> Definition:
    """A Definition; a parameter is its default, or its default and constraint; a peer is a Peer or a name."""
    own = tuple(
        Parameter(key, *value) if isinstance(value, tuple) else Parameter(key, value)
        for key, value in (parameters or {}).items()
    )
    known: dict[Library, Peer] = {
        library: p if isinstance(p, Peer) else peer(p) for library in LIBRARIES if (p := peers.pop(library, None))
    }
    assert not peers, f"not a library: {peers}"
    names = [*aliases, *(n for p in known.values() for n in p.names)]
    others = tuple(dict.fromkeys(n for n in names if n.lower() != name))
    return Definition(
        name=name,
        text=text,
        layer=layer,
        parameters=own,
        family=family,
        aliases=others,
        reference=reference,
        kinks=kinks,
        surrogate=surrogate,
        surrogates=surrogates,
        learned=learned,
        always_learned=always_learned,
        spellings=spellings,
        peers=known,
        same_as=same_as,
        noise=noise,
        along_axis=along_axis,
        gate=gate,
        approximate=approximate,
    )
