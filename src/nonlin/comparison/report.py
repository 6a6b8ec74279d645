"""The folder that a comparison leaves: report.html, which holds everything in itself, and the tables as CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from nonlin.comparison import figures
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import FILE as PLAN_FILE
from nonlin.comparison.plan import Plan
from nonlin.comparison.result import Comparison
from nonlin.comparison.text import counted, duration, share, signed, significant, size, spread
from nonlin.document import document
from nonlin.files import write_whole

CSS = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
       background: #fff }
h1 { font-size: 1.1rem; font-weight: 600; color: #555; margin: 0 } h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem }
.verdict { font-size: 1.45rem; line-height: 1.35; margin: .5rem 0 1.5rem }
.scroll { overflow-x: auto } 
table { border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .3rem .4rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left } td:first-child { white-space: normal; font-weight: 600 }
th { border-bottom: 2px solid #888; font-weight: 600; font-size: .9rem; vertical-align: bottom; white-space: normal }
svg { width: 100%; height: auto } .note { color: #555; font-size: .95rem } li { margin: .2rem 0 }
pre { background: #f5f5f5; padding: 1rem; overflow-x: auto; font-size: .85rem }
"""


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write results.csv, trials.csv and report.html into the folder, each whole or not at all."""
    write_whole(folder / "results.csv", comparison.table.to_csv(index=False))
    write_whole(folder / "trials.csv", comparison.trials.to_csv(index=False))
    write_whole(comparison.report, html(comparison))


def html(comparison: Comparison) -> str:
    """The report: the verdict first, then what it rests on, last how to repeat it."""
    plan = comparison.plan
    sections = [
        ("Ranking", _ranking(comparison)),
        ("Differences, seed by seed", _differences(comparison)),
        ("Learning rates", _rates(comparison)),
        ("Learning curves", _figure(figures.learning_curves(comparison), "curves", (
            f"Mean test score of {_seeds(plan)} by epoch, with the range of the seeds; dashed: "
            f"{escape(plan.baseline)}. Curves that leave a panel go on below it."))),
        ("Time and memory", _costs(comparison)),
        ("Health of the networks", _figure(figures.health(comparison), "health", (
            "Dead: a unit whose |f'(z)| exceeds a thousandth of its maximum in fewer than 1 % of the samples. "
            "Gradient: RMS of dL/dz at the first activation over that at the last; outside the band "
            "it vanishes or explodes. Medians over the seeds, after the last epoch."))),
        ("To repeat it", _repeat(plan)),
    ]  # fmt: skip
    body = "\n".join(f"<section>\n<h2>{title}</h2>\n{content}\n</section>" for title, content in sections)
    question = f"Which activation for {plan.data['name']}, against {plan.baseline}?"
    verdict = f'<h1>{escape(question)}</h1>\n<p class="verdict">{escape(comparison.verdict)}</p>'
    return document(question, CSS, f"{verdict}\n{body}")


def _ranking(comparison: Comparison) -> str:
    heads = ("activation", "verdict", f"test {METRICS[comparison.plan.metric].label}", "difference", "95 % interval",
             "p", "learning rate", "time an epoch", "dead units", "gradient ratio")  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for row in comparison.table.to_dict("records"):
        against = row["verdict"] != "baseline"
        rows.append(
            (
                row["activation"],
                row["verdict"],
                spread(row["score_mean"], row["score_std"]),
                signed(row["difference"]) if against else "",
                f"{signed(row['low'])} to {signed(row['high'])}" if against else "",
                significant(row["p"], 2) if against else "",
                significant(row["learning_rate"]) + "*" * comparison.results.choices[row["activation"]].at_edge,
                duration(row["epoch_seconds"]),
                share(row["dead_share"]),
                significant(row["gradient_ratio"], 2),
            )
        )
    edge = any(choice.at_edge for choice in comparison.results.choices.values())
    star = " * best at the edge of the widened range: a still better rate may lie beyond." if edge else ""
    return (f'{_table("ranking", heads, rows)}\n<p class="note">Mean ± standard deviation over '
            f"{_seeds(comparison.plan)}; differences are between equal seeds; p is exact, by sign flips, adjusted by "
            f"Holm.{star}</p>")  # fmt: skip


def _differences(comparison: Comparison) -> str:
    judgement, base = comparison.judgement, escape(comparison.plan.baseline)
    control = judgement.control
    needs = [f"{escape(name)} about {one.seeds_needed}" for name, one in judgement.of.items() if one.seeds_needed]
    diverged = comparison.trials[
        (comparison.trials["role"] != "tuning") & comparison.trials["diverged_at_epoch"].notna()
    ]
    notes = [
        f"Each dot is one seed, the bar the 95 % interval of the mean (BCa bootstrap). The band is the noise floor, "
        f"±{significant(comparison.noise_floor)}: {base} against itself under other seeds came out {control.verdict} "
        f"({signed(control.difference)}, {signed(control.low)} to {signed(control.high)}, "
        f"p = {significant(control.p, 2)}).",
        f"Practically equal means an interval within the margin of ±{significant(judgement.margin)}.",
        *(["The control differs from itself, so <strong>no verdict holds</strong>."] if not judgement.holds else []),
        *([f"Seeds that would settle what is undecided: {', '.join(needs)}."] if needs else []),
        *([f"{len(diverged)} runs diverged; each counts with the worst score, {significant(judgement.floor)}."]
          if len(diverged) else []),
    ]  # fmt: skip
    return _figure(figures.differences(comparison), "differences", " ".join(notes))


def _costs(comparison: Comparison) -> str:
    heads = ("activation", "time an epoch", "memory of a step", "epochs in equal time",
             f"test {METRICS[comparison.plan.metric].label} then", "difference", "95 % interval")  # fmt: skip
    rows = [
        (
            row["activation"],
            duration(row["epoch_seconds"]),
            size(row["memory"]),
            str(row["epochs"]),
            significant(row["score_mean"]),
            *(("", "") if row["activation"] == comparison.plan.baseline else
              (signed(row["difference"]), f"{signed(row['low'])} to {signed(row['high'])}")),
        )
        for row in comparison.costs.to_dict("records")
    ]  # fmt: skip
    note = (
        "The ranking above is at equal steps. Here each activation has the time that the quickest takes for all of its "
        "epochs, as measured on this machine; of what it has done by then its best validation epoch counts. Memory: "
        "weights, gradients, Adam's two moments, and what the forward pass keeps for the backward pass, for a batch of "
        f"{comparison.plan.batch_size}."
    )
    return f'{_table("costs", heads, rows)}\n<p class="note">{note}</p>'


def _table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    return (f'<div class="scroll"><table id="{name}"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
            "</div>")  # fmt: skip


def _rates(comparison: Comparison) -> str:
    plan, choices = comparison.plan, comparison.results.choices
    if len(plan.learning_rates) == 1:
        return f"<p>One rate was given, {significant(plan.learning_rates[0])}, so none was chosen.</p>"
    edges = [escape(name) for name, choice in choices.items() if choice.at_edge]
    widened = [escape(name) for name, choice in choices.items() if choice.widened]
    notes = [
        "Validation score, the mean over the last quarter of the epochs of two runs "
        "under seeds of their own; dotted: the rate chosen; grey: the others. "
        "Curves that leave a panel go on below it."
    ]
    if widened:
        notes.append(f"The best rate lay at the edge of the range, which was widened once, for: {', '.join(widened)}.")
    if edges:
        notes.append(f"It still lies at the edge for: {', '.join(edges)}; a better rate may lie beyond.")
    return _figure(figures.rate_curves(comparison), "rates", " ".join(notes))


def _repeat(plan: Plan) -> str:
    recorded: dict[str, Any] = plan.as_dict()
    versions = ", ".join(f"{name} {value}" for name, value in recorded["environment"].items())
    train, validation, test = plan.data["samples"]
    formulas = "".join(
        f"<li>{escape(name)}" + ("" if formula == name else f": <code>{escape(formula)}</code>") + "</li>"
        for name, formula in plan.formulas.items()
    )
    return f"""<ul>
<li>Data: {escape(plan.data["name"])}; {train} training, {validation} validation, {test} test samples; SHA-256
<code>{plan.data["sha256"][:16]}…</code></li>
<li>Training: Adam, {plan.epochs} epochs, batches of {plan.batch_size}, learning rates
{", ".join(significant(rate) for rate in plan.learning_rates)}; the epoch of the best validation score counts</li>
<li>Seeds: final {_span(recorded, "final")}, control {_span(recorded, "control")},
tuning {_span(recorded, "tuning")}</li>
<li>Weights: {escape(plan.weights)}</li>
<li>Versions: {escape(versions)}</li>
</ul>
<details><summary>Formulas</summary><ul>{formulas}</ul></details>
<details><summary>The plan, as in {PLAN_FILE}</summary><pre>{escape(json.dumps(recorded, indent=2))}</pre></details>"""


def _figure(figure: Figure, name: str, note: str) -> str:
    # Several SVGs in one page share their ids: each gets its own, else clip paths of one would cut another.
    own = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", figures.svg(figure))
    return f'<figure id="{name}" style="margin:0">{own}</figure>\n<p class="note">{note}</p>'


def _span(recorded: dict[str, Any], role: str) -> str:
    first, last = recorded["seed_numbers"][role]
    return f"{first} to {last}"


def _seeds(plan: Plan) -> str:
    return counted(plan.seeds, "seed")
