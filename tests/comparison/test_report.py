"""The report and the files beside it: they hold the same numbers, say how to repeat them, and open in a browser."""

import io
import json
import shlex
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from torch import nn

import nonlin as nl
from nonlin import cli
from nonlin.comparison import rich_table
from nonlin.comparison.text import duration, share, signed, significant, spread

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(200, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SECTIONS = ["Ranking", "Differences, seed by seed", "Learning rates", "Learning curves", "Time and memory",
            "Health of the networks", "To repeat it"]  # fmt: skip
NESTED = "max(0, min(x, 1 + 0.1*x)) + 0.01*x if x > -1 else -0.01"


def small(activation):
    return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 2))


def many(out):
    """Long names, a function that diverges at every rate, and one of the user's own."""
    own = nl.define("nearly_constant", "1 + a*x", a=1e-12)
    names = ["gelu", "leaky_relu(negative_slope=0.1)", "leaky_relu(negative_slope=0.2)", NESTED, "x**15", own]
    return nl.compare(small, (X, Y), activations=names, seeds=4, epochs=3, learning_rates=[0.01, 0.03], out=out)


def two(out):
    """No more than one other activation, one rate, one epoch: nothing to choose, and curves of a single point."""
    return nl.compare(small, (X, Y), activations=["tanh"], seeds=2, epochs=1, learning_rates=[0.01], out=out)


def regression(out):
    """A table, and the model that goes with it."""
    table = pd.DataFrame(X, columns=list("abcd")).assign(price=1000 + 50 * X[:, 0])
    table.to_csv(out / "prices.csv", index=False)
    return nl.compare(None, out / "prices.csv", target="price", activations=["tanh", NESTED], seeds=3, epochs=2,
                      learning_rates=[0.001, 0.01], margin=0.02, out=out / "out")  # fmt: skip


@pytest.fixture(scope="module", params=[many, two, regression], ids=lambda make: make.__name__)
def found(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


class Tables(HTMLParser):
    """The cells of every row of every table, by the table's id."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.name = {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.name = dict(attrs)["id"]
            self.rows[self.name] = []
        elif tag == "tr":
            self.rows[self.name].append([])
        elif tag in ("td", "th"):
            self.rows[self.name][-1].append("")

    def handle_endtag(self, tag):
        self.name = None if tag == "table" else self.name

    def handle_data(self, data):
        if self.name is not None and data.strip():
            self.rows[self.name][-1][-1] += data.strip()


def test_files_json_terminal_and_report_carry_the_same_numbers(found):
    folder, given = found.report.parent, json.loads(json.dumps(found.to_dict(), allow_nan=False))
    for name, table in (("results", found.table), ("trials", found.trials)):
        pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), table)
        pd.testing.assert_frame_equal(pd.read_csv(folder / f"{name}.csv"), table, check_dtype=False)
    shown = io.StringIO()
    Console(width=250, file=shown).print(rich_table(found, 250))
    lines = shown.getvalue().splitlines()[2:]
    page = Tables(found.report.read_text("utf-8")).rows["ranking"][1:]
    for row, line, cells in zip(given["table"], lines, page, strict=False):
        number = {key: np.nan if value is None else value for key, value in row.items()}
        expected = [row["activation"], row["verdict"], spread(number["score_mean"], number["score_std"])]
        if row["verdict"] != "baseline":
            expected += [signed(number["difference"]), f"{signed(number['low'])} to {signed(number['high'])}",
                         significant(number["p"], 2)]  # fmt: skip
        star = "*" * found.results.choices[row["activation"]].at_edge
        expected += [significant(number["learning_rate"]) + star, duration(number["epoch_seconds"]),
                     share(number["dead_share"]), significant(number["gradient_ratio"], 2)]  # fmt: skip
        assert [cell for cell in cells if cell] == expected
        assert line.split() == " ".join(expected).split()
    assert len(page) == len(given["table"]) == len(found.table)


def test_noise_floor_and_control_are_the_same_in_json_and_report(found):
    given, text = found.to_dict(), found.report.read_text("utf-8")
    control = given["control"]
    assert f"±{significant(given['noise_floor'])}" in text
    assert f"({signed(control['difference'])}, {signed(control['low'])} to {signed(control['high'])}" in text


def test_its_command_makes_the_same_plan(found, monkeypatch):
    """What it says to type, into the same folder, finds every trial there already and trains none."""
    told = json.loads((found.report.parent / "plan.json").read_text())["command"]
    before = found.report.with_name("trials.csv").read_bytes()
    if told.startswith("nonlin "):
        monkeypatch.setattr(sys, "argv", [*shlex.split(told), "--out", str(found.report.parent)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
    else:
        names = {"make_model": small, "data": (X, Y)}
        exec(told.replace("\n)", f"\n    out={str(found.report.parent)!r},\n)"), names)
    assert found.report.with_name("trials.csv").read_bytes() == before


# What a reader would see go wrong, as text: empty where nothing does.
FAULTS = """() => {
  const faults = [], wide = document.documentElement.clientWidth;
  const box = e => e.getBoundingClientRect(), seen = e => box(e).width > 0 && box(e).height > 0;
  if (document.documentElement.scrollWidth > wide) faults.push(`the page is wider than ${wide}`);
  for (const e of document.querySelectorAll('body *'))
    if (seen(e) && !e.closest('.scroll table, svg *') && box(e).right > wide + 1) faults.push(`cut: ${e.outerHTML}`);
  for (const e of document.querySelectorAll('section')) if (!seen(e)) faults.push(`not seen: ${e.outerHTML}`);
  for (const figure of document.querySelectorAll('figure')) {
    const shown = [...figure.querySelectorAll('svg')].filter(seen);
    if (shown.length != 1) { faults.push(`${figure.id}: ${shown.length} pictures`); continue; }
    const frame = box(shown[0]), texts = [...shown[0].querySelectorAll('g[id*="-text_"]')].filter(seen);
    if (texts.length < 4) faults.push(`${figure.id}: no labels`);
    const words = texts.map(t => [t, box(t)]);
    for (const [t, b] of words)
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1)
        faults.push(`${figure.id}: a label leaves the picture: ${t.innerHTML.slice(0, 60)}`);
    for (const [i, [t, a]] of words.entries()) for (const [u, b] of words.slice(i + 1)) {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1)
        faults.push(`${figure.id}: labels overlap: ${t.innerHTML.slice(0, 60)} ${u.innerHTML.slice(0, 60)}`);
    }
  }
  return faults;
}"""


def test_in_a_browser_everything_is_seen_and_nothing_leaves_the_file(found, browser):
    page = browser.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(found.report.as_uri(), wait_until="networkidle")
    assert page.locator("h2").all_inner_texts() == SECTIONS
    health = found.table[["dead_share", "gradient_ratio"]].notna().any(axis=None)
    assert page.locator("figure").count() == 3 + (len(found.plan.learning_rates) > 1) + health
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(FAULTS) == [], (scheme, width)
        # The ink of the figures is that of the text, on the page's own ground.
        ink = page.evaluate("getComputedStyle(document.querySelector('g[id*=\"-text_\"] > g')).fill")
        assert ink == page.evaluate("getComputedStyle(document.body).color")
        assert (ink == "rgb(26, 26, 26)") == (scheme == "light")
    assert requests == [found.report.as_uri()]
    assert errors == []
    page.close()
