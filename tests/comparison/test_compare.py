"""nl.compare as a whole: what it gives back, what it writes, and what it refuses before it trains."""

import io
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from torch import nn

import nonlin as nl
from nonlin.comparison import rich_table
from nonlin.errors import DataError, NonlinError, OutputError, ParameterError, UnknownActivation

COLUMNS = ["activation", "score_mean", "score_std", "difference", "low", "high", "p", "verdict", "learning_rate",
           "epoch_seconds", "dead_share", "gradient_ratio"]  # fmt: skip
VERDICTS = {"better", "worse", "practically equal", "undecided"}
FORMULA = "x*tanh(exp(x)) if x < 1 else x"
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(400, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
QUICK = {"seeds": 2, "epochs": 2, "learning_rates": [0.01]}


def small(activation):
    return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 2))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The user's own model; a name, a spec, a formula with < in it, and an object. A constant cannot learn."""
    constant = nl.define("nearly_constant", "1 + a*x", a=1e-12)
    return nl.compare(
        small,
        (X, Y),
        activations=["gelu", "leaky_relu(negative_slope=0.2)", FORMULA, constant],
        seeds=8,
        epochs=6,
        learning_rates=[0.003, 0.03],
        out=tmp_path_factory.mktemp("done"),
    )


class Page(HTMLParser):
    """The parts of a report that the tests ask about."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.targets, self.rows, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.targets += [v for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        self.text.append(data)
        if self.rows and data.strip():
            self.rows[-1].append(data.strip())


def test_the_table_is_one_ranked_row_an_activation(done):
    table = done.table
    assert list(table.columns) == COLUMNS
    assert set(table["activation"]) == {"relu", "gelu", "leaky_relu(negative_slope=0.2)", FORMULA, "nearly_constant"}
    assert table["score_mean"].is_monotonic_decreasing
    assert set(table.loc[table["activation"] != "relu", "verdict"]) <= VERDICTS
    assert table.loc[table["activation"] == "relu", "verdict"].item() == "baseline"
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_the_table_follows_from_the_trials(done):
    final = done.trials[done.trials["role"] == "final"].pivot(index="seed", columns="activation", values="score_test")
    for row in done.table.to_dict("records"):
        own = final[row["activation"]]
        assert own.mean() == pytest.approx(row["score_mean"])
        assert own.std() == pytest.approx(row["score_std"])
        assert (own - final["relu"]).mean() == pytest.approx(row["difference"], abs=1e-12)
    assert len(final) == 8
    assert (done.trials["role"] == "control").sum() == 8
    assert done.noise_floor > 0


def test_an_activation_that_cannot_learn_is_worse(done):
    assert done.judgement.holds
    assert done.table.set_index("activation").loc["nearly_constant", "verdict"] == "worse"
    assert "worse: nearly_constant" in done.verdict


def test_the_rate_of_each_is_the_best_of_its_curve(done):
    for name, rate in done.table.set_index("activation")["learning_rate"].items():
        choice = done.results.choices[name]
        assert choice.rate == rate
        assert choice.curve[rate] == max(choice.curve.values())
        assert choice.at_edge <= choice.widened


def test_the_report_is_whole_alone_and_says_the_verdict_first(done):
    text = done.report.read_text("utf-8")
    page = Page(text)
    assert page.tags.count("svg") == 2 * 4  # for a wide and for a narrow screen
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert all(target.startswith(("#", "data:")) for target in page.targets)
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets if target.startswith("#")} <= set(page.ids)
    ranked = [row[0] for row in page.rows[1 : 1 + len(done.table)]]
    assert ranked == list(done.table["activation"])
    read = " ".join("".join(page.text).split())
    assert read.index(" ".join(done.verdict.split())) < read.index("Ranking")
    for needed in (done.plan.data["sha256"][:16], "torch", "noise floor", "Adam, 6 epochs"):
        assert needed in read


def test_every_figure_is_well_formed(done):
    text = done.report.read_text("utf-8")
    for svg in text.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")


def test_the_folder_holds_the_same_numbers(done):
    folder = done.report.parent
    for name, frame in (("results.csv", done.table), ("trials.csv", done.trials)):
        pd.testing.assert_frame_equal(pd.read_csv(folder / name), frame, check_dtype=False)
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["activations"][FORMULA]
    assert plan["data"]["sha256"] == done.plan.data["sha256"]
    assert {p.name for p in folder.iterdir()} == {
        "plan.json", "journal.log", "journal.lock", "run.lock", "report.html",
        "results.csv", "results.parquet", "trials.csv", "trials.parquet"}  # fmt: skip


def test_json_and_terminal_carry_the_same_numbers(done):
    given = json.loads(json.dumps(done.to_dict(), allow_nan=False))
    assert [row["activation"] for row in given["table"]] == list(done.table["activation"])
    assert [row["score_mean"] for row in given["table"]] == list(done.table["score_mean"])
    assert given["verdict"] == done.verdict
    for width in (80, 120):
        shown = io.StringIO()
        Console(width=width, file=shown).print(rich_table(done, width))
        shown = shown.getvalue()
        assert "…" not in shown
        for mean, verdict in zip(done.table["score_mean"], done.table["verdict"], strict=True):
            assert f"{mean:.3f} ±" in shown
            assert verdict.split()[0] in shown


def test_more_activations_and_seeds_reuse_what_is_there(tmp_path):
    settings = {**QUICK, "out": tmp_path}
    first = nl.compare(None, (X, Y), activations=["tanh"], **settings)
    more = nl.compare(None, (X, Y), activations=["tanh", "elu"], **{**settings, "seeds": 3})
    kept = more.trials.merge(first.trials)
    assert len(kept) == len(first.trials)  # to the measured second: none ran again
    assert len(more.trials) == 3 * 4
    with pytest.raises(OutputError, match=r"changed: seeds 3 -> 2"):
        nl.compare(None, (X, Y), activations=["tanh", "elu"], **settings)


@pytest.mark.parametrize("target", ["kind", "price"])
def test_a_csv_with_holes_and_categories(tmp_path, target):
    rows = 120
    table = pd.DataFrame(
        {
            "size": np.where(np.arange(rows) % 9 == 0, np.nan, DRAW.normal(size=rows)),
            "colour": np.where(np.arange(rows) % 7 == 0, None, DRAW.choice(["red", "green"], rows)),
            "kind": DRAW.choice(["a", "b", "c"], rows),
            "price": DRAW.normal(1000, 50, rows),
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    found = nl.compare(None, tmp_path / "table.csv", target=target, activations=["tanh"], out=tmp_path / "out", **QUICK)
    assert found.plan.metric == ("accuracy" if target == "kind" else "r2")
    assert "table.csv" in found.verdict
    assert found.table["score_mean"].notna().all()


def test_without_out_a_fresh_folder_is_made_here_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = nl.compare(None, (X, Y), activations=["tanh"], **QUICK)
    assert found.report.parent.parent == tmp_path / "nonlin-compare"
    captured = capsys.readouterr()
    assert str(found.report.parent) in captured.err
    assert captured.out == ""


def test_the_optuna_study_can_be_read_with_optuna_alone(done):
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(done.report.with_name("journal.log")))
    study = optuna.load_study(study_name="comparison", storage=optuna.storages.JournalStorage(backend))
    assert len(study.trials) == len(done.trials)
    assert {t.state for t in study.trials} == {optuna.trial.TrialState.COMPLETE}


@pytest.mark.parametrize("y", [Y, 1000 + 50 * X[:, 0]], ids=["classification", "regression"])
def test_where_every_run_diverges_the_report_says_so(tmp_path, y):
    rates = [1e30, 1e32]
    found = nl.compare(
        None, (X, y), activations=["elu"], **{**QUICK, "seeds": 6, "learning_rates": rates}, out=tmp_path
    )
    assert "every run diverged" in found.verdict
    assert "18 runs diverged" in found.report.read_text("utf-8")
    assert found.trials["diverged_at_epoch"].notna().all()


REFUSED = {
    "workers": ({"workers": 0}, ParameterError, "workers: 0"),
    "seeds": ({"seeds": 0}, ParameterError, "seeds: 0"),
    "seeds as text": ({"seeds": "ten"}, ParameterError, "seeds: 'ten'"),
    "epochs": ({"epochs": -1}, ParameterError, "epochs: -1"),
    "epochs 0": ({"epochs": 0}, ParameterError, "epochs: 0"),
    "rates": ({"learning_rates": [0.1, -1]}, ParameterError, "learning_rates"),
    "no rates": ({"learning_rates": []}, ParameterError, "at least one"),
    "margin": ({"margin": -0.1}, ParameterError, "margin: -0.1"),
    "metric": ({"metric": "acuracy"}, DataError, "'accuracy'?"),
    "metric of another task": ({"metric": "r2", "data": (X, np.array(["a", "b"])[Y])}, DataError, "not numeric"),
    "name": ({"activations": ["relo"]}, UnknownActivation, "'relu'?"),
    "baseline": ({"baseline": "relo"}, UnknownActivation, "'relu'?"),
    "formula": ({"activations": ["x +* 2"]}, NonlinError, "column"),
    "twice": ({"activations": ["tanh", "tanh"]}, ParameterError, "twice: 'tanh'"),
    "alone": ({"activations": ["relu"]}, ParameterError, "nothing to compare"),
    "vector": ({"activations": ["softmax"]}, ParameterError, "softmax"),
    "no gain": ({"activations": ["0*x"]}, ParameterError, "gain"),
    "data": ({"data": (X, np.zeros(400, int))}, DataError, "one class"),
}


@pytest.mark.parametrize(("change", "error", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_is_refused_in_one_line_and_leaves_nothing(tmp_path, change, error, said):
    settings = {"data": (X, Y), "activations": ["tanh"], "out": tmp_path / "out", **QUICK, **change}
    with pytest.raises(error) as caught:
        nl.compare(None, settings.pop("data"), **settings)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write into the folder"):
        nl.compare(None, (X, Y), activations=["tanh"], out=tmp_path / "file", **QUICK)
