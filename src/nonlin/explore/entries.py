"""The catalogue as the explorer's page knows it: names, formulas as data, facts as text, measured losses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nonlin.activation import Activation
from nonlin.backends.javascript import derivatives
from nonlin.explore.card import card
from nonlin.explore.side_by_side import ROWS
from nonlin.explore.terminal import short
from nonlin.facts import Facts, facts
from nonlin.language.formula import Formula
from nonlin.language.latex import latex
from nonlin.vector import VectorActivation

LOSSES = Path(__file__).with_name("losses.json")


def losses() -> dict[str, Any]:
    """What `benchmarks/losses.py` measured: versions as "about", intervals of x by entry and library as "rows"."""
    return json.loads(LOSSES.read_text(encoding="utf-8"))


def entry(activation: Activation, measured: Mapping[str, Any]) -> dict[str, Any]:
    """One entry as data; of a gated function the gate is what is drawn, of another one of a whole axis nothing."""
    definition = activation.definition
    known = card(activation)
    vector = isinstance(activation, VectorActivation)
    rule = definition.gate_formula if definition.gate else None if vector else activation.rule
    return {
        **{key: known[key] for key in ("name", "family", "formula", "aliases", "reference", "derivative", "surrogate")},
        "shortFormula": short(activation.formula),
        "spellings": [name.lower() for name in (activation.name, *activation.aliases)],
        "parameters": [
            {"name": p.name, "default": p.default, "constraint": p.constraint} for p in definition.parameters
        ],
        "vector": vector,
        "axis": definition.along_axis or None,
        "note": f"Drawn is the gate, {definition.gate}, by which the other half is multiplied."
        if definition.gate
        else "",
        "latex": _latex(activation, rule),
        "pieces": derivatives(rule) if rule else [],
        "facts": _rows(facts(rule, tuple(activation.parameters.values()) if not vector else ())) if rule else [],
        "losses": measured.get(activation.name, {}),
    }


def _rows(found: Facts) -> list[list[str]]:
    """Label, value and method of each fact."""
    return [[label, value(found), found.method[name]] for label, (name, value) in ROWS.items()]


def _latex(activation: Activation, rule: Formula | None) -> list[str]:
    if rule is None or isinstance(activation, VectorActivation):
        return [activation.latex]
    sign = r"\approx" if rule.surrogate else "="  # what stands for the derivative is not it
    return [f"f(x) = {activation.latex}", f"f'(x) {sign} {latex(rule, activation.fixed, 1)}"]
