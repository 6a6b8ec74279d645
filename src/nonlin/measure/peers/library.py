"""What a measurement asks of a library, and how an activation is called there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nonlin.activation import Activation
from nonlin.definition import Library as Catalogued
from nonlin.registry import catalog

Call = Callable[[], object]
Function = Callable[[Any], Any]


class Library:
    """One way to compute an activation on the CPU. What it has no function for is None.

    `forward` and `forward_backward` are for the timing loop: a call without arguments that computes once, as a user
    of the library does, and returns when the result is there. `value` and `derivative` take a NumPy array and return
    one of its dtype and shape. The library is imported when an object is made.
    """

    name: ClassVar[str]
    module: ClassVar[str]  # what has to be installed for it
    ours: ClassVar[bool] = False

    def use_threads(self, count: int) -> None:
        """Compute with so many threads, as far as the library can be told."""

    def value(self, activation: Activation) -> Function | None:
        """f, from array to array."""
        return None

    def derivative(self, activation: Activation) -> Function | None:
        """f', from array to array, by the library's automatic differentiation."""
        return None

    def forward(self, activation: Activation, x: Any) -> Call | None:
        """f(x), x being a NumPy array that the library gets in its own kind beforehand."""
        return None

    def forward_backward(self, activation: Activation, x: Any, gradient: Any) -> Call | None:
        """f(x), then gradient * f'(x)."""
        return None


@dataclass(frozen=True)
class Named:
    """The names that a library has for an activation, and what it has to be told beside x.

    `arguments`: every parameter of ours that the library's default does not already set. `known`: the parameters
    that it has by some name. `approximate`: the value of its argument of that name, where it has one.
    """

    names: tuple[str, ...]
    arguments: Mapping[str, float]
    known: Collection[str]
    approximate: str | None = None


def named(activation: Activation, library: Catalogued) -> Named | None:
    """What the catalogue says about an activation in a library, at the parameters that it has here."""
    own = activation.definition
    for entry in catalog.values():
        for kind, name in entry.definition.approximate.items():
            if name == own.name and library in entry.definition.peers:
                return Named(entry.definition.peers[library].names, {}, (), kind)
    peer = own.peers.get(library)
    if peer is None:
        return None
    arguments = {k: v for k, v in activation.parameters.items() if peer.defaults.get(k) != v}
    return Named(peer.names, arguments, peer.defaults, "none" if own.approximate else None)


def spelled(activation: Activation, found: Named, accepted: Collection[str]) -> dict[str, Any] | None:
    """What a function that accepts these arguments is to be given; None where it cannot be told one of ours.

    A library that does not know a parameter has the function at our default of it.
    """
    given: dict[str, Any] = {}
    for name, value in found.arguments.items():
        spellings = [name, *(s for s, ours in activation.definition.spellings.items() if ours == name)]
        spelling = next((s for s in spellings if s in accepted), None)
        if spelling is not None:
            given[spelling] = value
        elif name in found.known or value != activation.definition.defaults[name]:
            return None
    if found.approximate is not None and "approximate" in accepted:
        given["approximate"] = found.approximate
    return given
