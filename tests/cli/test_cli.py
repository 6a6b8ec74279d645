"""The command line as a user meets it: what it prints, how it fails, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nonlin as nl
from nonlin.cli import main

CONTROL = "\x1b"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `nonlin ARGUMENTS` here, as a process without a terminal: exit code, standard output, standard error."""

    def call(*arguments, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["nonlin", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        return (code, *capsys.readouterr())

    return call


def fails_in_one_line(result):
    code, out, err = result
    return code == 2 and not out and err.startswith("nonlin: ") and err.count("\n") == 1


# What is printed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_list_names_all_and_fits(run, columns):
    code, out, _ = run("list", columns=columns)
    assert code == 0
    words = out.split()
    assert set(nl.catalog) <= set(words)
    assert max(map(len, out.splitlines())) <= columns
    assert CONTROL not in out


def test_list_as_json(run):
    _, out, _ = run("list", "--json")
    cards = json.loads(out, parse_constant=pytest.fail)  # strict JSON has no Infinity
    assert [card["name"] for card in cards] == list(nl.catalog)
    by_name = {card["name"]: card for card in cards}
    assert by_name["relu"]["facts"]["range"] == [0.0, "inf"]
    assert by_name["softmax"]["facts"] is None


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_show_any(run, activation, columns):
    code, out, _ = run("show", activation, columns=columns)
    assert code == 0
    assert max(map(len, out.splitlines())) <= columns
    for part in ("f'(x)", "range", "gain", "kinks", f"{activation.facts.gain:.4g}"):
        assert part in out
    assert any(0x2800 < ord(sign) < 0x2900 for sign in out)  # the curve
    assert CONTROL not in out


def test_show_a_function_of_an_axis(run, vector_activation):
    code, out, _ = run("show", vector_activation)
    assert code == 0
    assert "whole axis" in out
    assert vector_activation.reference.split()[0] in out


def test_show_tells_the_defaults_of_each_library(run):
    _, out, _ = run("show", "leaky_relu")
    keras = next(line for line in out.splitlines() if line.split()[:1] == ["keras"])
    assert "negative_slope=0.2" in keras


def test_show_takes_aliases_and_specs(run):
    assert run("show", "LeakyReLU(negative_slope=0.2)")[1].startswith("leaky_relu(negative_slope=0.2)")


@pytest.mark.parametrize("columns", [80, 120])
def test_show_against(run, columns):
    code, out, _ = run("show", "relu", "--against", "sigmoid", columns=columns)
    assert code == 0
    assert max(map(len, out.splitlines())) <= columns
    for label in ("range", "steepest slope", "saturates", "gain", "cost", "kinks", "zeros", "zero-centred"):
        row = next(line for line in out.splitlines() if line.startswith(label))
        assert len(row.split()) >= 3
    assert "  + Gradients keep their size" in out
    assert "  - Saturates at both ends: the slope, at most 0.25" in out


def test_show_against_as_json(run):
    _, out, _ = run("show", "relu", "--against", "sigmoid", "--json")
    relu, sigmoid = json.loads(out, parse_constant=pytest.fail)
    assert (relu["name"], sigmoid["name"]) == ("relu", "sigmoid")
    assert {remark["kind"] for remark in sigmoid["remarks"]} == {"advantage", "drawback"}


def test_show_json_is_the_facts(run, activation):
    _, out, _ = run("show", activation, "--json")
    card = json.loads(out, parse_constant=pytest.fail)
    facts = activation.facts
    assert [float(end) for end in card["facts"]["range"]] == list(facts.range)
    assert card["facts"]["kinks"] == list(facts.kinks)
    assert float(card["facts"]["gain"]) == facts.gain


def test_version(run):
    assert run("--version")[1] == f"nonlin {nl.__version__}\n"


def test_plot_writes_a_picture(run, tmp_path):
    path = tmp_path / "out.png"
    code, out, _ = run("plot", "relu", "sigmoid", "--derivative", "-o", path)
    assert (code, out.strip()) == (0, str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert os.listdir(tmp_path) == ["out.png"]


@pytest.mark.parametrize(
    "given",
    [
        ["relu", "--derivative", "2"],
        ["--derivative", "relu", "gelu"],
        ["leaky_relu", "--vary", "negative_slope=0.01,0.1,0.3"],
        ["hard_tanh", "--vary", "min_val=-1,-2", "--vary", "max_val=1,2", "--side-by-side"],
        ["x + sin(a*x)**2/a", "--vary", "a=0.5,1", "--low", "-3", "--high", "3"],
        ["--depth", "relu", "tanh"],
        ["relu", "--depth", "20", "--gain", "1.5"],
    ],
)
def test_plot_draws_what_is_asked_for(run, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("plot", *given)
    assert (code, out.strip()) == (0, "plot.png"), err
    assert os.listdir(tmp_path) == ["plot.png"]


def test_show_a_formula(run):
    _, out, _ = run("show", "x*tanh(exp(x))")
    assert "x*exp(x)/cosh(exp(x))**2 + tanh(exp(x))" in out


# How it fails -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "gelo"], "did you mean 'gelu'"),
        (["show", "relu", "--against", "sigmoud"], "did you mean 'sigmoid'"),
        (["show", "relu", "--against", "softmax"], "softmax"),
        (["show", "leaky_relu(slope=1)"], "negative_slope"),
        (["show", "softplus(beta=-1)"], "-1"),
        (["show", "relu("], "relu("),
        (["plot", "gelo", "-o", "out.png"], "did you mean"),
        (["plot", "softmax", "-o", "out.png"], "softmax"),
        (["plot", "relu", "-o", "out.gif"], "out.gif"),
        (["plot", "glu"], "plot its gate, 'sigmoid(x)'"),
        (["plot", "x*tahn(x)"], "column 3: tahn"),
        (["plot", "leaky_relu", "--vary", "slope=1,2"], "no parameter of that name: 'slope'"),
        (["plot", "softplus", "--vary", "beta=1,-1"], "beta must be > 0: -1.0"),
        (["plot", "softplus", "--vary", "beta=1,two"], "'beta=1,two'"),
        (["plot", "softplus", "--vary", "beta=1", "--vary", "beta=2"], "given twice: 'beta'"),
        (["plot", "relu", "--derivative", "3"], "derivatives: 3"),
        (["plot", "relu", "--depth", "0"], "layers of depth: 0"),
        (["plot", "relu", "--depth", "--low", "1"], "leave low out"),
        (["plot", "relu", "--low", "2", "--high", "1"], "[2.0, 1.0]"),
        (["plot", "relu", "-o", "missing/out.png"], "missing"),
        (["compare", "data.csv"], "--target"),
        (["compare", "--target", "y"], "no such file: 'digits'"),
        (["compare", "data.csv", "--target", "y", "--data", "digits"], "data given twice"),
        (["compare", "module:make_model"], "no data for module:make_model"),
        (["compare", "no_module:make_model", "--data", "digits"], "no such module: 'no_module'"),
        (["compare", "--metric", "r2"], "'r2'"),
        (["compare", "--margin", "-1"], "margin: -1"),
        (["compare", "--init", "he"], "init: 'he'"),
        (["compare", "--learning-rates", "0.1", "-0.1"], "learning_rates"),
        (["compare", "--activations", "gelu", "x +* 2"], "column"),
        (["compare", "missing.csv", "--target", "y"], "missing.csv"),
        (["compare", "-a", "relu,gelo"], "did you mean"),
        (["compare", "--seeds", "0"], "0"),
        (["compare", "--workers", "0"], "workers: 0"),
        (["compare", "--device", "gpu"], "device: 'gpu'"),
        (["compare", "--storage", "postgresql://nobody@127.0.0.1:1/none"], "--out"),
        (["compare", "--storage", "sqlite:///none", "--out", "out"], "not PostgreSQL"),
        (["compare", "--storage", "postgresql://nobody@127.0.0.1:1/none", "--out", "out"], "database does not answer"),
        (["bench", "gelo"], "did you mean 'gelu'"),
        (["bench", "softmax"], "softmax"),
        (["bench", "relu", "--size", "0"], "size of a measurement: 0"),
        (["bench", "relu", "--threads", "-1"], "threads of a measurement: -1"),
        (["bench", "relu", "-o", "bench.txt"], ".json"),
        (["bench", "relu", "-o", "missing/bench.json"], "missing"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert fails_in_one_line(result), result
    assert said in result[2]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [["show"], ["nothing"], ["plot"], ["plot", "relu", "--depht"], ["compare", "--seeds", "many"], ["list", "--jsno"]],
)
def test_wrong_usage(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert not out
    assert "Error" in err
    assert "Traceback" not in err


def test_plot_without_matplotlib(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("plot", "relu", "-o", tmp_path / "out.png")
    assert fails_in_one_line(result)
    assert 'pip install "nonlin[plot]"' in result[2]


def test_compare_without_its_packages(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = run("compare")
    assert fails_in_one_line(result)
    assert 'pip install "nonlin[compare]"' in result[2]


# Comparing ----------------------------------------------------------------------------------------------------


def test_compare_a_table(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    rows = [f"{a:.3f},{b:.3f},{'in' if a * b > 0 else 'out'}" for a, b in x]
    table = tmp_path / "points.csv"
    table.write_text("\n".join(["a,b,where", *rows]))
    arguments = ["compare", table, "--target", "where", "-a", "relu,max(0, x)**2", "--seeds", "2", "--epochs", "1"]
    code, out, err = run(*arguments, "-o", tmp_path / "report", columns=140)
    assert code == 0, err
    assert "max(0, x)**2" in out
    assert "ndecided" in out  # two seeds settle nothing
    assert {"report.html", "results.csv"} <= set(os.listdir(tmp_path / "report"))
    code, out, err = run(*arguments, "-o", tmp_path / "report", "--json")  # the finished runs are there
    assert code == 0, err
    assert {row["activation"] for row in json.loads(out)["table"]} == {"relu", "max(0, x)**2"}


def test_compare_names_a_wrong_column(run, tmp_path):
    table = tmp_path / "points.csv"
    table.write_text("a,b,species\n1,2,x\n3,4,y\n")
    result = run("compare", table, "--target", "specie")
    assert fails_in_one_line(result)
    assert "'species'" in result[2]


def test_a_list_is_several_words(run, tmp_path):
    """Names, specs and formulas, of which one begins as an option does."""
    given = ["gelu", "swish(beta=1.5)", "-x*sigmoid(x)", "x*tanh(exp(x))"]
    settings = ["--seeds", "1", "--epochs", "1", "--learning-rates", "0.01", "--json", "-o", tmp_path / "out"]
    code, out, err = run("compare", "--activations", *given, "--baseline", "relu", *settings)
    assert code == 0, err
    assert {row["activation"] for row in json.loads(out)["table"]} == {"relu", *given}
    assert json.loads(out)["baseline"] == "relu"


MINE = """
import numpy as np
from torch import nn

def make_model(activation):
    return nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 2))

def raises(activation):
    return 1 / 0

def bare(activation):
    return nn.Sequential(activation())

def ignores(activation):
    activation()
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))

x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
data = lambda: (x, y)
holed = lambda: (np.where(x > 1, np.nan, x), y)
alone = lambda: (x, np.zeros(60, int))
crowd = lambda: (x[:5], np.array(list("abcde")))
text = lambda: (x, np.array(["a", "b"])[y])
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mine:raises", "--data", "mine:data"], "ZeroDivisionError: division by zero (mine.py, line 9)"),
        (["mine:bare", "--data", "mine:data"], "without parameters"),
        (["mine:ignores", "--data", "mine:data"], "ignores the activation: the model never calls it, but relu at 1"),
        (["mine:make_modle", "--data", "mine:data"], "'make_model'?"),
        (["mine:make_model", "--data", "mine:holed"], "nan"),
        (["mine:make_model", "--data", "mine:alone"], "one class: 0"),
        (["mine:make_model", "--data", "mine:crowd"], "too few samples for 5 classes: 5"),
        (["mine:make_model", "--data", "mine:text", "--metric", "r2"], "not numeric: 'a'"),
        (["mine:make_model", "--data", "mine:data", "-a", "gelu", "tanh(y)"], "'tanh(y)'"),
        (["mine:make_model", "--data", "mine:data", "-a", "x*tanh("], "column"),
        (["mine:make_model", "--data", "mine:data", "-a", "gelu", "--budget", "0.000001s"], "too small for anything"),
        (["table.csv", "--target", "prise"], "'price'?"),
        (["table.csv", "--target", "price", "--metric", "accurcy"], "'accuracy'?"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_loses_nothing(run, tmp_path, monkeypatch, arguments, said):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "table.csv").write_text("size,price\n" + "\n".join(f"{i},{i}" for i in range(60)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("there before")
    result = run("compare", *arguments, "-o", "out")
    assert fails_in_one_line(result), result
    assert said in result[2]
    assert (tmp_path / "out" / "kept").read_text() == "there before"
    assert not (tmp_path / "out" / "plan.json").exists()


def test_a_model_and_data_of_ones_own_by_name(run, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom torch import nn\n"
        "def make_model(activation):\n    return nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 2))\n"
        "finished = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))\n"
        "def make_data():\n    return np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("make_model", "finished"):
        quick = ["-a", "gelu", "--seeds", "1", "--epochs", "1", "--learning-rates", "0.01"]
        code, out, err = run("compare", f"mine:{name}", "--data", "mine:make_data", *quick, "-o", name)
        assert code == 0, err
        assert "on mine:make_data" in out


# Measuring ----------------------------------------------------------------------------------------------------


def test_bench(run, tmp_path):
    """In reduced form: small arrays, one function, and as if one library were not there."""
    from nonlin.measure import peers

    lacking = peers.find_spec

    path = tmp_path / "bench.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "find_spec", lambda name: None if name == "numexpr" else lacking(name))
        code, out, err = run("bench", "ReLU", "--size", "1000", "-o", path)
    assert code == 0, err
    assert "100 %" in err
    assert max(map(len, out.splitlines())) <= max(80, len(str(path)))
    assert out.splitlines()[-1] == str(path)
    assert "numexpr is not measured: not installed: numexpr" in out
    assert CONTROL not in out
    data = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
    assert {cell["function"] for cell in data["speed"]["cells"]} == {"relu"}
    assert {"nonlin numpy", "torch", "torch.compile", "jax"} <= set(data["speed"]["cells"][0]["nanoseconds"])
    assert {(row["library"], row["order"]) for row in data["accuracy"]} >= {
        ("nonlin numpy", 0),
        ("torch", 1),
        ("jax", 1),
    }
    assert data["absent"] == {"numexpr": ["numexpr"]}


# As a process -------------------------------------------------------------------------------------------------


def process(*arguments, **environment):
    code = "from nonlin.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, env={**os.environ, **environment}, check=False
    )


def test_output_without_unicode_is_plain():
    done = process("show", "tanh", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"*" in done.stdout


def test_colour_at_a_terminal_only():
    assert CONTROL.encode() in process("list", FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert CONTROL.encode() not in process("list", TERM="xterm-256color").stdout


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["show", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\nfrom nonlin.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"numpy", "sympy", "llvmlite", "torch", "jax", "keras", "matplotlib", "pandas", "rich"}


@pytest.mark.skipif(os.name == "nt", reason="sends the signal that Ctrl-C is on other systems")
def test_ctrl_c_stops_a_measurement_with_its_worker(tmp_path):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from nonlin.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "bench", "relu", "-o", tmp_path / "bench.json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as bench:
        assert bench.stderr is not None
        said = bench.stderr.readline()  # the first cell is measured
        os.killpg(bench.pid, signal.SIGINT)
        said += bench.stderr.read()
    assert bench.returncode not in (0, 2)
    assert "Traceback" not in said
    assert os.listdir(tmp_path) == []
    with pytest.raises(ProcessLookupError):  # nobody of the group is left, or will be
        while True:
            os.killpg(bench.pid, 0)
            time.sleep(0.1)
