"""The last section of a report: everything that it takes to make the comparison again."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from nonlin.comparison.plan import FILE, Plan
from nonlin.comparison.text import significant


def repeat(plan: Plan) -> str:
    """Command, data with its hash, training, seeds, weights, versions, formulas and model, as HTML."""
    recorded: dict[str, Any] = plan.as_dict()
    versions = ", ".join(f"{name} {value}" for name, value in recorded["environment"].items())
    train, validation, test = plan.data["samples"]
    seeds = ", ".join(f"{role} {first} to {last}" for role, (first, last) in recorded["seed_numbers"].items())
    formulas = "".join(
        f"<li>{escape(name)}" + ("" if formula == name else f": <code>{escape(formula)}</code>") + "</li>"
        for name, formula in plan.formulas.items()
    )
    return f"""<pre id="command">{escape(plan.command or "")}</pre>
<ul>
<li>Data: {escape(plan.data["name"])}; {train} training, {validation} validation, {test} test samples; SHA-256
<code>{plan.data["sha256"]}</code></li>
<li>Training: Adam, {plan.epochs} epochs, batches of {plan.batch_size}, learning rates
{", ".join(significant(rate) for rate in plan.learning_rates)}; the epoch of the best validation score counts</li>
<li>Seeds: {seeds}</li>
<li>Weights: {escape(plan.weights)}</li>
<li>Versions: {escape(versions)}</li>
</ul>
<details><summary>Formulas</summary><ul>{formulas}</ul></details>
<details><summary>Model</summary><pre>{escape(plan.model)}</pre></details>
<details><summary>The plan, as in {FILE}</summary><pre>{escape(json.dumps(recorded, indent=2))}</pre></details>"""
