"""What a call of a framework's function is in the catalogue: read off the names that its entries have there.

A function is an activation's where it has the name of the entry, of an alias or of the layer, and the framework has
such a layer. An alias that is a tool of many uses (clamp) is an activation only with the arguments that make it one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nonlin.activation import Activation
from nonlin.definition import Definition, Library
from nonlin.registry import catalog
from nonlin.vector import VectorActivation

# Arguments of functions and layers that don't change which function it is, or that are read by name.
CONTROLS = {
    "inplace",
    "dim",
    "dtype",
    "device",
    "out",
    "training",
    "approximate",
    "_stacklevel",
    "num_parameters",
    "init",
}

# An activation's parameters that differ from its defaults.
Fixed = tuple[tuple[str, float], ...]


class Call(NamedTuple):
    """A call as the catalogue has it: the entry, its parameters, and what the function was told beside them."""

    name: str
    fixed: Fixed
    x: Any
    inplace: bool
    given: dict[str, Any]
    odd: str = ""  # an argument that the entry does not have, at another value than the function's default

    @property
    def activation(self) -> Activation:
        """The entry with its parameters bound."""
        return catalog[self.name].bind(**dict(self.fixed)) if self.fixed else catalog[self.name]


@dataclass(frozen=True)
class Spelling:
    """How a function spells an entry: its arguments, which of them are (parameter, default) of ours, which unknown."""

    entry: str
    inplace: bool
    arguments: tuple[str, ...]
    parameters: tuple[tuple[str, str, float], ...]  # argument, our parameter, its value where it is not given
    others: tuple[tuple[str, Any], ...]
    approximate: Mapping[str, str]
    learned: bool
    a_tool: bool

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any], limits: Mapping[Any, str]) -> Call | None:
        """The call in our words; None where it is not an activation. Plain enough for a compiler that traces it."""
        given = dict(zip(self.arguments, args, strict=False))
        given.update(kwargs)
        x = args[0] if args else given.get("input", given.get("self"))
        name = self.approximate.get(given.get("approximate", ""), self.entry)
        fixed: list[tuple[str, float]] = []
        odd = ""
        for argument, default in self.others:
            if given.get(argument, default) != default:
                odd = argument
        for argument, parameter, default in self.parameters:
            value = given.get(argument)
            if value is None:
                value = default
            elif not isinstance(value, int | float):
                if not self.learned:
                    return None
                value, odd = default, argument
            if self.a_tool or value != default:
                fixed.append((parameter, float(value)))
        if self.a_tool and fixed:
            name, fixed = limits.get((name, tuple(fixed)), ""), []
        if not name:
            return None
        return Call(name, tuple(fixed), x, self.inplace or bool(given.get("inplace")), given, odd)


def entries(library: Library) -> Iterator[Definition]:
    """The entries that a framework has a layer for and that do anything at all."""
    for activation in catalog.values():
        if library in activation.definition.peers and activation.definition.text != "x":
            yield activation.definition


def plain(name: str) -> str:
    """A name without what spellings differ in: `leaky_relu_`, `LeakyReLU`."""
    return name.replace("_", "").lower()


def spelled(library: Library) -> dict[str, tuple[Definition, bool]]:
    """Every plain name of a function to its entry, and whether it is one of many uses."""
    found: dict[str, tuple[Definition, bool]] = {}
    for definition in entries(library):
        layers = {plain(name) for name in (definition.name, *definition.peers[library].names)}
        for alias in definition.aliases:
            tools = [alias, *(alias + _word(parameter) for parameter in definition.defaults)]
            for name in map(plain, tools):
                found.setdefault(name, (definition, bool(definition.defaults) and name not in layers))
        found |= {name: (definition, False) for name in layers}
    return found


def spelling(definition: Definition, a_tool: bool, defaults: Mapping[str, Any], inplace: bool) -> Spelling:
    """How a function of arguments with these defaults, the input first, spells an entry."""
    arguments = tuple(defaults)
    parameters: list[tuple[str, str, float]] = []
    for name, default in definition.defaults.items():
        spellings = (name, *(s for s, ours in definition.spellings.items() if ours == name), _word(name))
        argument = next((s for s in spellings if s in arguments[1:]), name)
        if a_tool:  # what is not given is no limit
            below = any(p.name == name and str(p.constraint).startswith("<") for p in definition.parameters)
            default = -math.inf if below else math.inf
        parameters.append((argument, name, default))
    return Spelling(
        entry=definition.name,
        inplace=inplace,
        arguments=arguments,
        parameters=tuple(parameters),
        others=unknown({a: defaults[a] for a in arguments[1:]}, {argument for argument, _, _ in parameters}),
        approximate=dict(definition.approximate),
        learned=definition.always_learned,
        a_tool=a_tool,
    )


def unknown(defaults: Mapping[str, Any], known: Collection[str]) -> tuple[tuple[str, Any], ...]:
    """Arguments that no entry has, with their defaults."""
    return tuple((name, value) for name, value in defaults.items() if name not in known and name not in CONTROLS)


def limits_of(
    definition: Definition, values: Callable[[Activation, Sequence[float]], Sequence[float]]
) -> Iterator[tuple[tuple[str, Fixed], str]]:
    """Which entries a function between two limits is: `(its name, the limits)` to the entry's name.

    `values(activation, parameters)` are those on a grid from far below 0 to far above.
    """
    identity = values(catalog[definition.name], (-math.inf, math.inf))
    for entry in reversed(list(catalog.values())):  # of two that are the same, the first is the last word
        if isinstance(entry, VectorActivation) or entry.definition.text == "x":
            continue
        own = values(entry, tuple(entry.parameters.values()))
        low, high = own[0], own[-1]
        low, high = (-math.inf if low == identity[0] else low), (math.inf if high == identity[-1] else high)
        if low < high and values(catalog[definition.name], (low, high)) == own:
            yield (definition.name, tuple(zip(definition.defaults, (low, high), strict=True))), entry.name


def _word(parameter: str) -> str:
    """The first word of a parameter's name, which is how a tool calls it: min of min_val."""
    return parameter.partition("_")[0]
