"""The folder that a comparison leaves: report.html, which holds everything in itself, and the tables as files."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from nonlin.comparison import columns
from nonlin.comparison.drawing import svg
from nonlin.comparison.figures import drawn
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Plan
from nonlin.comparison.repeat import repeat
from nonlin.comparison.result import Comparison
from nonlin.comparison.style import CSS
from nonlin.comparison.text import counted, signed, significant
from nonlin.document import document
from nonlin.files import write_whole
from nonlin.slopes import EVIDENCE

WORDS = ("activation", "verdict")  # columns of words; the others hold numbers


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write results and trials, as .csv and .parquet, and report.html into the folder, each whole or not at all."""
    for name, table in (("results", comparison.table), ("trials", comparison.trials)):
        write_whole(folder / f"{name}.csv", table.to_csv(index=False))
        parquet = io.BytesIO()
        table.to_parquet(parquet, engine="pyarrow", index=False)
        write_whole(folder / f"{name}.parquet", parquet.getvalue())
    write_whole(comparison.report, html(comparison))


def html(comparison: Comparison) -> str:
    """The report: the question and the verdict first, then what it rests on, last how to repeat it."""
    plan = comparison.plan
    sections = {
        "Ranking": _ranking(comparison),
        "Differences, seed by seed": _figure(comparison, "differences", _about_differences(comparison)),
        "Learning rates": _rates(comparison),
        "Learning curves": _figure(comparison, "curves", (
            f"Mean test score of {counted(plan.seeds, 'seed')} by epoch, with the range of the seeds, in the colour of "
            f"the verdict; dashed: {escape(plan.baseline)}. A mean ends where a run diverged; what leaves a panel goes "
            "on below it.")),
        "Time and memory": _costs(comparison),
        "Health of the networks": _health(comparison),
        "To repeat it": repeat(plan),
    }  # fmt: skip
    body = "\n".join(f"<section>\n<h2>{title}</h2>\n{content}\n</section>" for title, content in sections.items())
    question = f"Which activation for {plan.data['name']}, against {plan.baseline}?"
    return document(question, CSS, "\n".join([
        f'<h1>{escape(question)}</h1>\n<p class="verdict">{escape(comparison.verdict)}</p>',
        f"<p>{_asked(plan)}</p>", body]))  # fmt: skip


def _asked(plan: Plan) -> str:
    """The experiment, for a reader who was not there."""
    train, validation, test = plan.data["samples"]
    rates = len(plan.learning_rates)
    rate = f"of {rates} learning rates at the one that does best on {validation} validation samples"
    if rates == 1:
        rate = f"at the learning rate {significant(plan.learning_rates[0])}"
    return (f"The same network is trained on {train} samples with each of {len(plan.activations)} activations, "
            f"for {counted(plan.epochs, 'epoch')}, {rate}, and scored by its "
            f"{METRICS[plan.metric].label} on {test} test samples: {counted(plan.seeds, 'time')}, each under a seed of "
            f"its own that all activations share. {escape(plan.baseline)} runs once more under other seeds: what it "
            "then differs from itself is noise.")  # fmt: skip


def _ranking(comparison: Comparison) -> str:
    edge = any(choice.at_edge for choice in comparison.results.choices.values())
    return (f'{_table("ranking", columns.ranking(comparison))}\n<p class="note">Mean ± standard deviation over '
            f"{counted(comparison.plan.seeds, 'seed')}; differences are between equal seeds; p is exact, by sign "
            f"flips, adjusted by Holm.{' ' + columns.AT_EDGE + '.' if edge else ''}</p>")  # fmt: skip


def _about_differences(comparison: Comparison) -> str:
    judgement, base = comparison.judgement, escape(comparison.plan.baseline)
    control = judgement.control
    needs = [
        f"{escape(name)} about {float(f'{one.seeds_needed:.2g}'):.0f}"
        for name, one in judgement.of.items()
        if one.seeds_needed
    ]
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
        *([f"{counted(len(diverged), 'run')} diverged; each counts with the worst score, "
           f"{significant(judgement.floor)}."] if len(diverged) else []),
    ]  # fmt: skip
    return " ".join(notes)


def _rates(comparison: Comparison) -> str:
    plan, choices = comparison.plan, comparison.results.choices
    if len(plan.learning_rates) == 1:
        return f"<p>One rate was given, {significant(plan.learning_rates[0])}, so none was chosen.</p>"
    edges = [escape(name) for name, choice in choices.items() if choice.at_edge]
    widened = [escape(name) for name, choice in choices.items() if choice.widened]
    notes = [
        "Validation score, the mean over the last quarter of the epochs of two runs under seeds of their own; dotted: "
        "the rate chosen; grey: the other activations; a cross: a run diverged. What leaves a panel goes on below it."
    ]
    if widened:
        notes.append(f"The best rate lay at the edge of the range, which was widened once, for: {', '.join(widened)}.")
    if edges:
        notes.append(f"<strong>It still lies at the edge for: {', '.join(edges)}</strong>; a better rate may lie "
                     "beyond.")  # fmt: skip
    return _figure(comparison, "rates", " ".join(notes))


def _costs(comparison: Comparison) -> str:
    note = (
        "The ranking above is at equal steps. Here each activation has the time that the quickest takes for all of its "
        "epochs, as measured on this machine; of what it has done by then its best validation epoch counts. Memory: "
        "weights, gradients, Adam's two moments, and what the forward pass keeps for the backward pass, for a batch of "
        f"{comparison.plan.batch_size}."
    )
    above = _figure(comparison, "tradeoff", "Mean test score at equal steps, with its standard deviation.")
    return f'{above}\n{_table("costs", columns.in_equal_time(comparison))}\n<p class="note">{note}</p>'


def _health(comparison: Comparison) -> str:
    needs = (f"Dead units are counted where there are at least {EVIDENCE} samples to see them in, the gradient ratio "
             "where a PyTorch model has two layers of activations or more.")  # fmt: skip
    if "health" not in drawn(comparison):
        return f"<p>Nothing was measured. {needs}</p>"
    return _figure(comparison, "health", (
        "Dead: a unit whose |f'(z)| exceeds a thousandth of its maximum in fewer than 1 % of the samples. "
        "Gradient: RMS of dL/dz at the first activation over that at the last; outside the band it vanishes or "
        f"explodes. Medians over the seeds, after the last epoch. {needs}"))  # fmt: skip


def _table(name: str, rows: Sequence[dict[str, str]]) -> str:
    head = "".join(_cell("th", heading, heading) for heading in rows[0])
    body = "\n".join("<tr>" + "".join(_cell("td", *one) for one in row.items()) + "</tr>" for row in rows)
    return (f'<div class="scroll"><table id="{name}"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
            "</div>")  # fmt: skip


def _cell(tag: str, heading: str, text: str) -> str:
    kind = ' class="words"' if heading in WORDS else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _figure(comparison: Comparison, name: str, note: str) -> str:
    """The figure twice, for a wide and for a narrow screen, of which the page shows the one that fits."""
    elements = [
        # Several SVGs in one page share their ids: each gets its own, else clip paths of one would cut another.
        f'<div class="{width}">'
        + re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-{width}-", svg(drawn(comparison)[name](comparison, narrow)))
        + "</div>"
        for width, narrow in (("wide", False), ("narrow", True))
    ]
    return f'<figure id="{name}">{"".join(elements)}</figure>\n<p class="note">{note}</p>'
