"""A whole model that keeps outputs instead of inputs for its backward pass."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nonlin.activation import Activation
from nonlin.errors import ParameterError
from nonlin.inverse import inverse
from nonlin.registry import catalog
from nonlin.torch.classes import class_of, layer
from nonlin.torch.known import called
from nonlin.torch.modules import Elementwise, Layer
from nonlin.torch.recognition import LAYERS
from nonlin.vector import VectorActivation

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@dataclass(frozen=True)
class Place:
    """An activation in a model: where, what it is, the bytes an element that it keeps beyond its output, or why it
    was left as it is."""

    where: str
    activation: str
    kept: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        what = f"left: {self.reason}" if self.reason else f"keeps {self.kept:g} bytes an element beyond its output"
        return f"{self.where}: {self.activation} {what}"


@dataclass(frozen=True)
class Savings:
    """What `lean` did to a model: the places that it changed, and those that it left."""

    changed: tuple[Place, ...]
    left: tuple[Place, ...]

    def __str__(self) -> str:
        return (
            "\n".join(map(str, (*self.changed, *self.left)))
            or "no activation found among the model's modules: see nonlin.activations(model, example_inputs)"
        )


def lean(model: nn.Module) -> Savings:
    """Makes the activations of a model, in place, keep their output for the backward pass instead of their input.

    Changed are layers of this package, torch's own activation modules (replaced by the same function of this package,
    under the same name), and attributes that are functions of torch.nn.functional, as a TransformerEncoderLayer has.
    Parameters, buffers and state_dict stay what they are. Left, with the reason: what learns a parameter, what turns
    more than once, what has hooks. Not seen are calls that a forward makes by itself and other libraries' modules; for
    these `nonlin.swap(model, {"gelu": GELU(save="output")}, example_inputs=x)`.

    >>> print(lean(nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.Tanh())))
    1: gelu keeps 0.125 bytes an element beyond its output
    3: tanh keeps 0 bytes an element beyond its output
    """
    changed: list[Place] = []
    left: list[Place] = []
    made: dict[int, Layer] = {}  # a module that stands in two places stays one
    for where, owner, attribute, found in list(_places(model)):
        name = _name(found)
        try:
            if isinstance(found, Elementwise):
                _keep_output(found)
            else:
                if owner is None:
                    raise ParameterError("it is the model itself: put it into a Sequential")
                if id(found) not in made:
                    made[id(found)] = _replacement(found)
                setattr(owner, attribute, made[id(found)])
                found = made[id(found)]
            changed.append(Place(where, name, _kept(found)))
        except ParameterError as error:
            left.append(Place(where, name, reason=str(error)))
    return Savings(tuple(changed), tuple(left))


def _places(model: nn.Module) -> Iterator[tuple[str, nn.Module | None, str, Any]]:
    """Every activation among the modules and their attributes: its name, its owner, the attribute, itself."""
    if _name(model):
        yield "", None, "", model
    for path, module in model.named_modules():
        within = f"{path}." if path else ""
        children = dict(module.named_children()) if not isinstance(module, Layer) else {}
        functions = {k: v for k, v in vars(module).items() if not k.startswith("_") and callable(v)}
        for attribute, found in {**children, **functions}.items():
            if _name(found):
                yield within + attribute, module, attribute, found


def _name(found: Any) -> str:
    """The name of an elementwise activation; empty for anything else, and for the identity, which keeps nothing."""
    activation = found.activation if isinstance(found, Elementwise) else _theirs(found)
    return "" if activation is None or activation.definition.text == "x" else str(activation)


def _theirs(found: Any) -> Activation | None:
    """torch's own: a module, or a function that is called with x alone."""
    if isinstance(found, nn.Module):
        activation = catalog[LAYERS[type(found)].name] if type(found) in LAYERS else None
    else:
        activation = called(found, (torch.zeros(1),), {})
    return None if isinstance(activation, VectorActivation) else activation


def _keep_output(own: Elementwise) -> None:
    before = own.save
    own.save = "output"
    try:
        own.check_save()
    except ParameterError:
        own.save = before
        raise


def _replacement(found: Any) -> Layer:
    """This package's layer for a module or function of torch, which keeps its output."""
    activation = _theirs(found)
    assert activation is not None  # which `_places` has asked
    if not isinstance(found, nn.Module):
        return layer(activation, save="output")
    if any(getattr(found, hooks, None) for hooks in _HOOKS):
        raise ParameterError("it has hooks, which its replacement would not: remove them")
    ours = class_of(activation.name)
    known = inspect.signature(ours).parameters
    definition = activation.definition
    options: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(found)).parameters.items():
        value = getattr(found, name, parameter.default)
        if definition.spellings.get(name, name) in known:
            options[name] = value
        elif value != parameter.default and name not in ("device", "dtype"):
            raise ParameterError(f"it has {name}={value!r}, which this package's layer does not have")
    if definition.always_learned:
        raise ParameterError("it learns its slope from its input")
    return ours(**options, save="output").train(found.training)


def _kept(own: Layer) -> float:
    known = inverse(own.activation.rule, tuple(own.activation.parameters.values()))
    return 0.0 if known.turn is None else 0.125
