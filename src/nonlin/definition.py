"""What the catalogue records of an activation: data, and nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from nonlin.language.parameters import Parameter

if TYPE_CHECKING:  # SymPy is loaded when a formula is first used, not when nonlin is imported
    from nonlin.language.formula import Formula

Library = Literal["torch", "keras", "jax", "onnx"]
LIBRARIES: tuple[Library, ...] = ("torch", "keras", "jax", "onnx")


@dataclass(frozen=True)
class Peer:
    """The same function in another library: its names there, its own default arguments, and how it differs."""

    names: tuple[str, ...]
    defaults: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def peer(*names: str, note: str = "", **defaults: float) -> Peer:
    """A Peer in one line; `defaults` are our parameters' values that the other library takes by default."""
    return Peer(names, defaults, note)


@dataclass(frozen=True)
class Noise:
    """A parameter drawn uniformly from [low, high] in training; `formula` is the function of x and that parameter."""

    name: str
    low: str
    high: str
    formula: str


@dataclass(frozen=True)
class Definition:
    """One entry of the catalogue.

    `layer` is the class name in the doors. `kinks` is the side whose slope holds at a kink (see the kink rule).
    `surrogate` is the formula that stands for the derivative by x, where that would train nothing; `surrogates` are the
    entries of the same f to choose from, by the names of their surrogates, None being this one.
    `learned` are the parameters that a layer can train: always where `always_learned`, else on request.
    `spellings` maps other libraries' parameter names to ours. `same_as` is the spec of an entry that is the same
    function at the default parameters. `along_axis` names the operation of a function of a whole axis; `gate` is the
    formula of one that cuts its input in two halves, value * gate(other half): both are not elementwise.
    `approximate` names the entries that a layer's argument of that name stands for.
    """

    name: str
    text: str
    layer: str
    parameters: tuple[Parameter, ...] = ()
    family: str = "defined"
    aliases: tuple[str, ...] = ()
    reference: str = ""
    kinks: Literal["smaller", "left", "right"] = "smaller"
    surrogate: str = ""
    surrogates: Mapping[str, Definition | None] = field(default_factory=dict)
    learned: tuple[str, ...] = ()
    always_learned: bool = False
    spellings: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[Library, Peer] = field(default_factory=dict)
    same_as: str = ""
    noise: Noise | None = None
    along_axis: str = ""
    gate: str = ""
    approximate: Mapping[str, str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # without the formula, which is made again

    @property
    def defaults(self) -> dict[str, float]:
        """The default of each parameter."""
        return {p.name: p.default for p in self.parameters}

    @property
    def about_gradient(self) -> str:
        """What a layer's docstring says of a gradient that is a surrogate; "" where it is f's own."""
        if not self.surrogate:
            return ""
        choice = f"`surrogate` is one of {', '.join(self.surrogates)}.\n" if self.surrogates else ""
        return f"The gradient is a surrogate in place of f': {self.surrogate}.\n{choice}\n"

    @cached_property
    def formulas(self) -> tuple[Formula, ...]:
        """Every formula that the entry has, read."""
        found = [self.formula]
        if self.gate:
            found.append(self.gate_formula)
        if self.noise is not None:
            found.append(self.noisy_formula)
        assert all(len(f.symbols) == len(f.parameters) for f in found)  # which makes the symbols too
        return tuple(found)

    @cached_property
    def formula(self) -> Formula:
        """The formula, read and differentiated when first needed."""
        from nonlin.language.formula import Formula

        return Formula(self.text, self.parameters, self.kinks, self.surrogate)

    @cached_property
    def gate_formula(self) -> Formula:
        """The formula of the gate of an entry that has one."""
        from nonlin.language.formula import Formula

        return Formula(self.gate)

    @cached_property
    def noisy_formula(self) -> Formula:
        """The formula of training for an entry with noise: of x and the drawn parameter."""
        from nonlin.language.formula import Formula

        assert self.noise is not None
        low, high = (self.defaults[n] for n in (self.noise.low, self.noise.high))
        return Formula(self.noise.formula, (Parameter(self.noise.name, (low + high) / 2),), self.kinks)
