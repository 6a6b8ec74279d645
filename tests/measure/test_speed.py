"""Speed: what is measured, what follows from it, and what it is written as. Nothing depends on how long things take."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nonlin as nl
from nonlin.errors import DtypeError, OutputError, ParameterError, UnknownActivation
from nonlin.files import write_whole
from nonlin.measure import peers, worker
from nonlin.measure.cells import DIRECTIONS, PEERS, Cell, chosen, geometric_mean
from nonlin.measure.figure import speed_figure
from nonlin.measure.goals import FRAMEWORKS, GOAL_SET, LARGE, SHORT_SET, SMALL, goals
from nonlin.measure.machine import machine, versions
from nonlin.measure.results import Results
from nonlin.measure.speed import Grid
from nonlin.measure.start import start
from nonlin.measure.timing import side_by_side
from nonlin.picture import SUFFIXES, picture

ROOT = Path(__file__).parents[2]
QUICK = tuple(name for name in peers.LIBRARIES if name != "torch.compile")  # which takes seconds a function


@pytest.fixture(scope="module")
def cells():
    """A real measurement, small."""
    return list(worker.speed(Grid(("relu", "gelu"), (100, 1000), libraries=QUICK, rounds=1)))


def made(function="relu", size=LARGE, direction="forward", threads=1, **times):
    """A cell with these times: of `torch.compile` as torch_compile."""
    names = {name.replace(" ", "_").replace(".", "_"): name for name in peers.LIBRARIES}
    return Cell(function, size, direction, threads, 1, {names[k]: (float(v),) * 3 for k, v in times.items()}, {})


# What is measured ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOAL_SET)
def test_every_function_of_the_goals_has_its_peers(name):
    x = np.linspace(-4, 4, 100, dtype=np.float32)
    for library in ("torch", "jax", "numpy"):
        peer, activation = peers.library(library), nl.get(name)
        np.testing.assert_allclose(peer.value(activation)(x), activation(x), rtol=1e-4, atol=1e-4)
    for library in ("torch", "jax"):
        gradient = peers.library(library).derivative(nl.get(name))(x)
        np.testing.assert_allclose(gradient, nl.get(name).derivative(x), rtol=1e-4, atol=1e-4)


def test_a_grid_is_measured_whole(cells):
    assert [(c.function, c.size, c.direction) for c in cells] == [
        (f, s, d) for f in ("relu", "gelu") for s in (100, 1000) for d in DIRECTIONS
    ]
    for cell in cells:
        assert not cell.failed
        times = [time for of in cell.nanoseconds.values() for time in of]
        assert all(0 < time < math.inf for time in times)
        assert set(cell.nanoseconds) <= set(QUICK)
        assert cell.copy > 0
        for ours in peers.OURS:
            assert cell.ratio(ours) > 0 or ours not in cell.nanoseconds
    forward, backward = (chosen(cells, direction=direction) for direction in DIRECTIONS)
    assert {"nonlin numpy", "nonlin numpy out", "nonlin torch", "torch", "jax"} <= set(forward[0].nanoseconds)
    assert {"nonlin torch", "torch", "jax", "copy"} == set(backward[0].nanoseconds)
    assert "numexpr" in forward[0].nanoseconds and "numexpr" not in forward[2].nanoseconds  # which has no erf


def test_torch_compile_is_measured():
    (cell,) = worker.speed(Grid(("relu",), (100,), ("forward",), ("nonlin torch", "torch.compile"), rounds=1))
    assert cell.best_peer() == "torch.compile"


def test_the_worker_runs_on_as_many_cores_as_threads():
    code = (
        "import os\nfrom nonlin.measure.worker import bind, cores\nbefore = os.sched_getaffinity(0)\nbind(1)\n"
        "now = os.sched_getaffinity(0)\nassert len(now) == 1 and now < before or now == before, (now, before)"
    )
    if sys.platform == "linux":
        subprocess.run([sys.executable, "-c", code], check=True)


def test_a_worker_that_fails_says_why():
    """Its last words reach the one who asked, in one line."""
    with pytest.raises(worker.WorkerFailed, match=r"after 0 of 1 results: .*no such library"):
        list(worker.speed(Grid(("relu",), (100,), ("forward",), ("no such library",), rounds=1)))


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"functions": ("gelo",)}, UnknownActivation, "did you mean 'gelu'"),
        ({"functions": ("softmax",)}, DtypeError, "softmax"),
        ({"sizes": (0,)}, ParameterError, "size .*: 0"),
        ({"threads": -1}, ParameterError, "threads .*: -1"),
        ({"rounds": 0}, ParameterError, "rounds .*: 0"),
    ],
)
def test_a_grid_that_cannot_be_measured(fields, error, said):
    with pytest.raises(error, match=said):
        Grid(**{"functions": ("relu",), "sizes": (100,), **fields})


def test_each_has_its_turn_in_every_round():
    """A call is counted once a sample at least, and the order of a round is not always the same."""
    calls = []
    times = side_by_side({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=5)
    assert set(times) == set("abc")
    assert all(low <= middle <= high for middle, low, high in times.values())
    turns = [name for name, before in zip(calls[1:], calls, strict=False) if name != before]
    assert len(turns) >= 10


# What follows -------------------------------------------------------------------------------------------------------


def test_ratios_are_to_the_fastest():
    cell = made(nonlin_numpy=10, torch=30, jax=20, numpy=15, copy=4)
    assert cell.best_peer() == "numpy" and cell.ratio("nonlin numpy") == 1.5
    assert cell.best_peer(*FRAMEWORKS) == "jax" and cell.ratio("nonlin numpy", "torch") == 3
    assert math.isnan(cell.ratio("nonlin torch")) and math.isnan(made(nonlin_numpy=1).ratio("nonlin numpy"))
    assert made(direction="forward+backward", copy=4).copy == 10  # two arrays against five
    assert geometric_mean([0.5, 2.0, 8.0]) == 2.0


def test_goals():
    cells = [
        made("relu", nonlin_numpy=10, nonlin_torch=10, torch=20, jax=30, numpy=10),
        made("gelu", nonlin_numpy=10, nonlin_torch=100, torch=80, numpy=80),
        made("relu", direction="forward+backward", nonlin_torch=10, torch=30),
        made("relu", threads=2, nonlin_torch=5, torch=20),
        made("relu", size=SMALL, nonlin_torch=20, torch=10),
        made("gelu", size=SMALL, nonlin_torch=30, torch=10),
        made("tanh_shrink", nonlin_torch=1000, torch=1),  # not in the set
    ]
    found = {
        goal.text: goal
        for goal in goals(cells, {"import_ratio": 1.4, "first_call": {"relu": {"warm": 0.5, "cold": 2.5}}})
    }
    expected = {
        "forward, NumPy arrays: geometric mean": (4.0, True),
        "forward, torch tensors: geometric mean": (math.sqrt(1.6), False),
        "forward, torch tensors: lowest": (0.8, False),
        "forward+backward, against torch: geometric mean": (3.0, True),
        "forward, 1M, two threads over one: geometric mean": (2.0, True),
        "forward, 100 elements, time over torch's: highest": (3.0, False),
        "import nonlin over import numpy": (1.4, False),
        "first result of a process, warm cache, seconds: highest": (0.5, True),
        "first result of a process, cold cache, seconds: highest": (2.5, False),
    }
    for text, (number, met) in expected.items():
        assert found[text].number == pytest.approx(number) and found[text].met is met, found[text]
    assert "gelu" in found["forward, torch tensors: lowest"].note
    unmeasured = goals([])
    assert all(goal.met is None for goal in unmeasured) and len(unmeasured) >= 9


def test_goals_and_defaults_name_what_the_catalogue_has():
    assert set(SHORT_SET) <= set(GOAL_SET) <= set(nl.catalog)
    assert set(PEERS) | {"copy", *peers.OURS} == set(peers.LIBRARIES)


def test_start_of_fresh_processes():
    found = start(["relu"], rounds=1)
    assert found["import_ratio"] > 0
    assert set(found["first_call"]["relu"]) == {"warm", "cold"}


# What it is written as ----------------------------------------------------------------------------------------------


def test_results_survive_their_file(cells, tmp_path):
    results = Results(machine(), versions(), cells, {"import_ratio": 1.2, "first_call": {}})
    write_whole(tmp_path / "speed.json", results.to_json())
    text = (tmp_path / "speed.json").read_text("utf-8")
    back = Results.from_json(text)
    assert back.to_json() == text
    assert [cell.to_dict() for cell in back.cells] == [cell.to_dict() for cell in cells]
    data = json.loads(text, parse_constant=pytest.fail)  # strict JSON has no NaN
    assert data["versions"]["numpy"] == np.__version__ and data["machine"]["processor"]
    assert len(text.splitlines()) < 400  # a cell a line


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken"):
        write_whole(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_figure(cells, suffix):
    content = picture(speed_figure(cells, size=1000), suffix)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert content.startswith(start) and len(content) > 5000


def test_figure_shows_every_function_and_its_ratio(cells):
    figure = speed_figure(cells, size=1000)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"relu", "gelu"} < {label.split()[0] for label in labels} and labels[-1] == "geometric mean"
    drawn = [line for axes in figure.axes for line in axes.get_lines() if line.get_label().startswith("nonlin")]
    assert [len(line.get_xdata()) for line in drawn] == [3, 3, 3]
    with pytest.raises(ParameterError, match="12345"):
        speed_figure(cells, size=12345)


# The script ---------------------------------------------------------------------------------------------------------


def test_the_script_measures_shows_and_shows_again(tmp_path):
    files = ["--json", tmp_path / "s.json", "--figure", tmp_path / "s.png"]
    grid = ["--functions", "relu", "--sizes", "1000000", "--threads", "1", "--rounds", "1"]
    command = [sys.executable, ROOT / "benchmarks" / "speed.py"]
    first = subprocess.run([*command, *grid, *files], capture_output=True, text=True, check=True).stdout
    again = subprocess.run([*command, "--show", files[1]], capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert first == again
    assert {"relu", "torch", "jax", "onnxrt", "numexpr", "goals"} <= set(first.split())
    unmeasured = [line for line in first.splitlines() if line.startswith("not measured")]
    assert all("100 elements" in line or "two threads" in line for line in unmeasured) and len(unmeasured) == 4


def test_the_script_names_a_mistake_in_one_line():
    for arguments, said in ((["--functions", "gelo"], "gelu"), (["--json", "missing/s.json"], "missing")):
        done = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "speed.py", *arguments, "--sizes", "100"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
