"""All that is known of one activation, as plain data: what `show` prints and JSON holds."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from nonlin.activation import Activation
from nonlin.definition import LIBRARIES
from nonlin.facts import Facts
from nonlin.language.latex import text
from nonlin.vector import VectorActivation

Card = dict[str, Any]


def card(activation: Activation) -> Card:
    """Names, formula, derivative, parameters, facts, peers and reference.

    `facts` and `derivative` are None for a function of a whole axis, which has no curve.
    """
    definition = activation.definition
    curved = not isinstance(activation, VectorActivation)
    return {
        "name": activation.name,
        "spec": str(activation),
        "family": definition.family,
        "formula": activation.formula,
        "surrogate": activation.surrogate or None,
        "derivative": text(activation.rule, activation.fixed, 1) if curved else None,
        "latex": activation.latex,
        "parameters": dict(activation.parameters),
        "aliases": list(activation.aliases),
        "same_as": definition.same_as or None,
        "libraries": {
            library: {"names": list(p.names), "defaults": dict(p.defaults), "note": p.note}
            for library in LIBRARIES
            if (p := definition.peers.get(library)) is not None
        },
        "facts": facts_as_data(activation.facts) if curved else None,
        "reference": activation.reference,
    }


def facts_as_data(facts: Facts) -> Card:
    """Facts as a dictionary of lists and dictionaries."""
    found = {f.name: getattr(facts, f.name) for f in fields(facts)}
    found["pieces"] = [p._asdict() for p in facts.pieces]
    found["cost"] = facts.cost._asdict()
    found["method"] = dict(facts.method)
    found["gradient_factor"] = gradient_factor(facts)
    return found


def gradient_factor(facts: Facts) -> float:
    """What a layer with matched gain multiplies the mean square of a gradient by: gain^2 E f'(z)^2."""
    return facts.gain**2 * facts.derivative_second_moment


def as_json(value: Any) -> Any:
    """Data that JSON can hold: tuples as lists, and inf, -inf and nan as these words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: as_json(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(v) for v in value]
    return value
