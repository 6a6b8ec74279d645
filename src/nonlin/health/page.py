"""The report as one page that holds everything in itself: no script, nothing from elsewhere, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from nonlin.document import document
from nonlin.files import write_whole
from nonlin.health.advice import code_of
from nonlin.health.findings import ALARM, RATIO, WARN, Finding, findings
from nonlin.health.heatmaps import maps
from nonlin.health.measures import DORMANT, FLAT
from nonlin.health.record import Record
from nonlin.health.report import HEAD, row_of
from nonlin.health.strips import strips
from nonlin.health.style import CSS
from nonlin.health.words import KINDS, counted, summary, verdict
from nonlin.slopes import DELTA, EVIDENCE, RARELY

_RUNS = 20  # of units that a finding lists
_LISTED = 6  # layers with the same finding that are listed before the rest is folded


def write(record: Record, path: Path) -> Path:
    """Writes the page, whole or not at all; returns its path."""
    return write_all([("model", record)], path)


def write_all(records: Sequence[tuple[str, Record]], path: Path) -> Path:
    """One page on several models, each with its name."""
    write_whole(path, html(records))
    return path


def html(records: Sequence[tuple[str, Record]]) -> str:
    """The page: of each model the verdict first, then what it rests on; last how to read it."""
    title = f"Health of {', '.join(name for name, _ in records[:3])}{', …' if len(records) > 3 else ''}"
    bodies = [_model(name, record) for name, record in records]
    contents = ""
    if len(records) > 1:
        items = (
            f'<li><a href="#model-{i}">{escape(name)}</a>: {escape(verdict(record))}</li>'
            for i, (name, record) in enumerate(records)
        )
        contents = f"<ul>{''.join(items)}</ul>"
        bodies = [f'<article id="model-{i}">{body}</article>' for i, body in enumerate(bodies)]
    reading = [_reading()] if any(record.layers for _, record in records) else []
    return document(title, CSS, "\n".join([contents, *bodies, *reading]))


def _model(name: str, record: Record) -> str:
    found = findings(record)
    seen = f"{counted(record.steps, 'step')}, {record.sampled} of them looked at"
    head = f'<h1>Health of {escape(name)}, {seen}</h1>\n<p class="verdict">{escape(verdict(record, found))}</p>'
    sections = [("Findings", _findings(found))] if found else []
    if record.layers:
        sections += [
            ("Layers over the steps", f'<div class="maps">{maps(record)}</div>'),
            ("Units of the worst layers", strips(record, found)),
            ("Layers now", _table(record)),
        ]
    if record.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in record.notes)
        sections.append(("Notes", f"<ul>{notes}</ul>"))
    return "\n".join([head, *(f"<section>\n<h2>{title}</h2>\n{body}\n</section>" for title, body in sections)])


def _findings(found: Sequence[Finding]) -> str:
    """Neighbours that have the same advice are told of together: it is read once."""
    groups = groupby(found, key=lambda f: (f.severity, f.kind, f.advice, f.source))
    return "\n".join(_group(list(group)) for _, group in groups)


def _group(group: list[Finding]) -> str:
    first = group[0]
    code = code_of(first.kind, first.activation)
    text = first.advice.removesuffix(f"; {code}")
    what = summary(first)
    others = ""
    if len(group) > 1:
        what = f"{counted(len(group), 'layer')}, the worst first: {KINDS[first.kind]}"
        items = [f"<li>{escape(summary(f))}{_seen(f)}</li>" for f in group]
        more = f"<details><summary>{len(items) - _LISTED} more</summary><ul>{''.join(items[_LISTED:])}</ul></details>"
        others = f"<ul>{''.join(items[:_LISTED])}</ul>{more if len(items) > _LISTED else ''}"
    return f"""<div class="finding {first.severity}"><p><b class="badge">{first.severity}</b>
<b>{escape(what[0].upper() + what[1:])}</b>{_seen(first) if len(group) == 1 else ""}</p>{others}
<p>{escape(text[0].upper() + text[1:])}.</p>
<pre>{escape(code)}</pre>
<p class="note">Source: {escape(first.source)}.</p></div>"""


def _seen(finding: Finding) -> str:
    if finding.units is None:
        return f'<br><span class="note">Seen in {counted(finding.evidence, "sample")}.</span>'
    runs = _runs(finding.units)
    listed = ", ".join(runs[:_RUNS]) + (", …" if len(runs) > _RUNS else "")
    seen = counted(finding.evidence, "observation")
    return f'<br><span class="note">Units {listed}; {seen} of each.</span>'


def _runs(units: Sequence[int]) -> list[str]:
    """Indices in order, neighbours as "3 to 7"."""
    runs: list[list[int]] = []
    for unit in units:
        if runs and unit == runs[-1][-1] + 1:
            runs[-1][1:] = [unit]
        else:
            runs.append([unit])
    return [" to ".join(map(str, run)) for run in runs]


def _table(record: Record) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
    rows = "\n".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row_of(layer))}</tr>" for layer in record.ordered
    )
    return f"""<div class="scroll"><table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p class="note">In the order in which they run. Units by the last full window; a dash: not seen yet; seen: observations
of each unit in that window.</p>"""


def _reading() -> str:
    return f"""<section>
<h2>How to read it</h2>
<dl>
<dt>Maps</dt><dd>A row is a layer, in the order in which they run, a column some steps; blank is what was not seen, as
the window that is not full yet. Colours differ in lightness too; what is
nan or infinite is struck through.</dd>
<dt>Unit</dt><dd>One feature of a layer of weights: a column of a matrix, a channel of a convolution. Its observations
are samples, and of a convolution positions too. A finding needs two windows in a row, which together hold {EVIDENCE} of
them or more.</dd>
<dt>Dead</dt><dd>The activation's slope |f'(z)| is above {DELTA:g} of its maximum in fewer than {RARELY:.0%} of the
observations, so that the unit learns nothing. More than {WARN:.0%} of a layer is a warning, more than {ALARM:.0%} an
alarm; of fewer, those are noted that no input can wake.</dd>
<dt>Saturated</dt><dd>The slope is at most {FLAT:g} of its maximum in more than {1 - RARELY:.0%} of the observations;
only of activations with a flat end.</dd>
<dt>Dormant</dt><dd>The unit's mean |h|, or mean |h - mean h|, is at most {DORMANT[1]:g} of the layer's mean.</dd>
<dt>Gradient</dt><dd>RMS of dL/dz, where z is what the activation takes. It vanishes or explodes where the first
layer's and the last one's differ by more than {RATIO:.0e}.</dd>
<dt>Update / weight</dt><dd>|step| / |weight| of a layer's weights in one step of the optimizer. 1e-4 to 1e-2 is usual:
below it a layer hardly learns, above it a step may overshoot.</dd>
</dl>
</section>"""
