"""What to type to make a comparison again, elsewhere or later: a command where its parts have names, else a call."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonlin.activation import Activation
from nonlin.definition import Definition
from nonlin.registry import catalog

if TYPE_CHECKING:
    from nonlin.comparison.plan import Plan


def command(
    make_model: Any, data: Any, plan: Plan, activations: Mapping[str, Activation], given: dict[str, Any]
) -> str:
    """The command line, or the call in Python, that plans the same trials: with all seeds, rates and epochs said.

    `given`: target, init, margin and device, None where it was left out. A model and data that are objects stand under
    the names make_model and data; activations of the user's own are defined first.
    """
    scope = {
        "target": given["target"],
        "activations": list(plan.formulas),
        "baseline": plan.baseline,
        "seeds": plan.seeds,
        "epochs": plan.epochs,
        "learning_rates": list(plan.learning_rates),
        "metric": plan.metric,
        **{name: given[name] for name in ("init", "margin", "device")},
    }
    scope = {name: value for name, value in scope.items() if value is not None}
    own = [one for name, one in activations.items() if one.name not in catalog and one.formula != name]
    if isinstance(make_model, str | None) and isinstance(data, str | Path) and not own:
        return _line(make_model, data, scope)
    return _call(make_model, data, scope, own)


def _line(make_model: str | None, data: str | Path, scope: dict[str, Any]) -> str:
    words = ["nonlin", "compare", *([] if make_model is None else [make_model]), "--data", str(data)]
    for name, value in scope.items():
        words += ["--" + name.replace("_", "-"), *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _call(make_model: Any, data: Any, scope: dict[str, Any], own: list[Activation]) -> str:
    definitions = [_definition(one.definition) for one in own]
    model = repr(make_model) if isinstance(make_model, str | None) else "make_model"
    source = repr(str(data)) if isinstance(data, str | Path) else "data"
    arguments = [model, source, *_keywords(scope)]
    return "\n".join(["import nonlin as nl", "", *definitions,
                      "nl.compare(", *(f"    {argument}," for argument in arguments), ")"])  # fmt: skip


def _definition(own: Definition) -> str:
    slope = {"surrogate": own.surrogate} if own.surrogate else {}
    return f"nl.define({', '.join([repr(own.name), repr(own.text), *_keywords({**slope, **own.defaults})])})"


def _keywords(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]
