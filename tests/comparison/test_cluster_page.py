"""The commands of docs/compare-cluster.md run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compare-cluster.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
QUICK = "-a relu,tanh --seeds 1 --epochs 1 --learning-rates 0.01"


def run(command, folder, **environment):
    program = Path(sys.executable).with_name("nonlin")
    done = subprocess.run(["bash", "-c", f"{program} {command.removeprefix('nonlin ')} {QUICK}"], cwd=folder,
                          env={**os.environ, **environment}, capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 seed cannot settle" in done.stdout


def test_on_one_machine():
    (command,) = (c for c in COMMANDS if "--storage" not in c)
    assert command in (ROOT / "README.md").read_text("utf-8")  # whose commands are run


def test_on_many_machines(tmp_path, postgres):
    (command,) = (c for c in COMMANDS if "--storage" in c and "--ray" not in c)
    url = postgres.fresh()
    run(command, tmp_path, STORAGE=url)
    (tmp_path / "other").mkdir()
    run(command, tmp_path / "other", STORAGE=url)  # the whole report, of trials that the first one ran
    reports = [(place / "digits" / "trials.csv").read_text() for place in (tmp_path, tmp_path / "other")]
    assert reports[0] == reports[1]


def test_on_a_ray_cluster(tmp_path, postgres, cluster):
    (command,) = (c for c in COMMANDS if "--ray" in c)
    run(command.replace("auto", cluster.address), tmp_path, STORAGE=postgres.fresh())


def test_what_the_page_says_of_kills_is_what_was_measured():
    found = json.loads((ROOT / "benchmarks" / "results" / "kills.json").read_text("utf-8"))
    said = " ".join(PAGE.split())
    assert f"{found['kills']} kills at random moments" in said
    assert f"{found['batches_redone']} batches were trained twice, of the {found['most_allowed']} that" in said
    assert {(run["workers"], run["ledger"]) for run in found["runs"]} == {
        (workers, kind) for workers in (2, 4) for kind in ("journal", "postgresql")
    }
    for run in found["runs"]:
        assert run["trials_once_and_tables_the_same_bits"]
        assert run["batches_redone"] <= len(run["kills"]) * (found["batches_an_epoch"] + 1)


def test_what_the_page_says_of_costs_is_what_was_measured():
    found = json.loads((ROOT / "benchmarks" / "results" / "compare_cost.json").read_text("utf-8"))
    said = " ".join(PAGE.split())
    few, many = found["memory"]["megabytes_after_trials"].values()
    assert f"{1000 * found['overhead']['overhead_seconds']['processor']:.0f} ms of a core" in said
    assert f"{found['throughput']['two_workers']:.1f} times the trials" in said
    assert f"from {few:.0f} to {many:.0f} MB" in said
    assert f"{found['ledger']['trials']:,} finished trials is read in {found['ledger']['resume_seconds']:.1f} s" in said
