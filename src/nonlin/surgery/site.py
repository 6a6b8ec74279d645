"""Where a model has an activation, as the surgery sees it: with what it takes to replace it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nonlin.activation import Activation
from nonlin.surgery.place import How, Place
from nonlin.vector import VectorActivation

Role = Literal["gate", "head"]


@dataclass(eq=False)
class Site:
    """One place, gathered over the runs.

    `path`: the module, or the owner of the attribute or of the forward that calls; None where a call belongs to no
    forward, as one does that is computed again in the backward pass. `ours`: already nonlin's. `placed`: put there by
    the surgery at work. `fused`: the class whose kernel has the activation inside.
    """

    how: How
    path: str | None
    activation: Activation
    attribute: str = ""
    ours: bool = False
    placed: bool = False
    inplace: bool = False
    fused: str = ""
    rerouted: bool = False  # a layer that calls go to already, since another swap
    odd: str = ""  # an argument that the catalogue's function does not have, or has as a number only
    training: int = 0
    evaluation: int = 0
    roles: set[Role] = field(default_factory=set)

    @property
    def where(self) -> str:
        """The name that a user sees."""
        return ".".join(part for part in (self.path, self.attribute) if part)

    def count(self, training: bool) -> None:
        """One call more."""
        if training:
            self.training += 1
        else:
            self.evaluation += 1

    def place(self, note: str = "", now: str = "") -> Place:
        """What the user gets of it."""
        return Place(
            where=self.where,
            name=self.activation.name,
            how=self.how,
            calls=max(self.training, self.evaluation),
            spec=str(self.activation),
            note=note or self.note,
            now=now,
        )

    @property
    def note(self) -> str:
        """What else is known of it."""
        notes = [f"inside {self.fused}"] if self.fused else []
        notes += ["gate"] if "gate" in self.roles else []
        notes += ["output"] if "head" in self.roles else []
        notes += ["along an axis"] if isinstance(self.activation, VectorActivation) else []
        notes += ["in place"] if self.inplace else []
        notes += [f"with its own {self.odd}"] if self.odd else []
        notes += ["nonlin's own"] if self.ours else []
        return ", ".join(notes)
