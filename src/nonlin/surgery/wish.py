"""What is to replace what: the mapping that the user gives, read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nonlin.activation import Activation
from nonlin.errors import ParameterError, UnknownActivation
from nonlin.registry import get
from nonlin.surgery.place import Place
from nonlin.surgery.site import Site
from nonlin.vector import VectorActivation

OWN = "nonlin"  # nonlin's own layer of the same function

Target = Activation | Callable[[], Any] | str  # an activation, what makes a layer, OWN


@dataclass(frozen=True)
class Wish:
    """One entry of the mapping: which activation or place, or any, and what replaces it."""

    key: Activation | Place | str | None
    target: Target

    def matches(self, site: Site) -> bool:
        """Whether the site is what the key names."""
        match self.key:
            case Activation():
                return same(self.key, site.activation)
            case Place():
                where = (self.key.where, self.key.how, self.key.spec or self.key.name)
                return where == (site.where, site.how, str(site.activation))
            case str():
                return site.where == self.key
            case None:
                return not isinstance(site.activation, VectorActivation)

    @property
    def names_the_place(self) -> bool:
        """Whether the key is a place, which asks for what is left otherwise."""
        return isinstance(self.key, Place | str)

    @property
    def precision(self) -> int:
        """How narrow the key is: of two that match, the narrower one holds."""
        return 100 if self.names_the_place else -1 if self.key is None else len(self.key.fixed)  # pyright: ignore[reportAttributeAccessIssue]

    def __str__(self) -> str:
        return (
            self.key.where if isinstance(self.key, Place) else "any activation" if self.key is None else str(self.key)
        )


def wishes(replace: Any, places: Iterable[str]) -> list[Wish]:
    """The mapping, the narrowest keys first. Raises UnknownActivation and ParameterError for what it cannot mean."""
    if replace == OWN:
        return [Wish(None, OWN)]
    if not isinstance(replace, Mapping) or not replace:
        raise ParameterError(f"what to replace: {replace!r}: give {{'old': 'new'}}, or {OWN!r} for its own of all")
    known = set(places)
    found = [Wish(_key(key, known), _target(target)) for key, target in replace.items()]
    for wish in found:
        if isinstance(wish.key, Activation) and isinstance(wish.target, Activation):
            _check_axes(wish.key, wish.target)
    return sorted(found, key=lambda wish: -wish.precision)


def same(key: Activation, found: Activation) -> bool:
    """Whether a key names the activation that was found: parameters that the key leaves open may be anything."""
    if key.definition == found.definition:
        return all(found.parameters[name] == value for name, value in key.parameters.items() if name in key.fixed)
    if key.definition.always_learned or found.definition.always_learned:
        return False
    return _canonical(key) == _canonical(found)


def _canonical(activation: Activation) -> Activation:
    """The entry that is the same function, where the catalogue names one, every parameter bound."""
    definition = activation.definition
    if definition.same_as and activation.parameters == definition.defaults:
        return _canonical(get(definition.same_as))
    return activation.bind(**{k: v for k, v in activation.parameters.items() if k not in activation.fixed})


def _key(key: Any, places: set[str]) -> Activation | Place | str:
    if isinstance(key, Place):
        return key
    if isinstance(key, str) and key in places:
        try:
            return get(key)  # a module that is named like an activation: the activation is meant
        except (UnknownActivation, ParameterError):
            return key
    try:
        return get(key)
    except UnknownActivation as error:
        if isinstance(key, str) and "." in key:
            raise UnknownActivation(
                f"neither an activation nor a place of the model: {key!r}: see nonlin.activations"
            ) from None
        raise error


def _target(target: Any) -> Target:
    if isinstance(target, Activation) or target == OWN:
        return target
    if isinstance(target, str):
        return get(target)
    if callable(target):
        return target
    raise ParameterError(f"replacement: {target!r}: give a name, an Activation, a layer or what makes one")


def _check_axes(key: Activation, target: Activation) -> None:
    """A gated unit halves its axis; no other function can stand where one does, nor one where another does."""
    if bool(key.definition.gate) != bool(target.definition.gate):
        raise ParameterError(
            f"{target} in place of {key}: one of them halves its axis: give a function that does the same"
        )
