"""benchmarks/accuracy.py: rows are kept, measured again where the source is another, and never half written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"


def run(out, *more, names="relu"):
    command = [sys.executable, SCRIPT, "--names", names, "--libraries", "nonlin numpy", "--jobs", "1", "--out", out]
    return subprocess.run([*command, *more], capture_output=True, text=True)


def read(path):
    """The rows; strict JSON has no NaN and no Infinity."""
    return json.loads(path.read_text(), parse_constant=pytest.fail)["rows"]


def test_rows_are_kept_and_measured_again_when_the_source_changes(tmp_path):
    out = tmp_path / "new" / "accuracy.json"
    first = run(out, "--dtype", "float16,bfloat16")
    assert first.returncode == 0, first.stderr
    rows = read(out)
    assert {(r["name"], r["dtype"], r["order"]) for r in rows} == {
        ("relu", dtype, order) for dtype in ("float16", "bfloat16") for order in (0, 1)
    }
    assert all(r["inputs"] > 65536 and r["ulp"] <= 0.5 for r in rows)
    before = out.read_text()
    assert "4 of 4 rows are there already" in run(out, "--dtype", "float16,bfloat16").stdout
    assert out.read_text() == before

    out.write_text(before.replace('"version": "', '"version": "an older one '))
    again = run(out, "--dtype", "float16")
    assert "already" not in again.stdout
    assert [r["version"].startswith("an older one") for r in read(out)] == [True, True, False, False]
    assert [f.name for f in out.parent.iterdir()] == ["accuracy.json"]


def test_a_broken_promise_is_told_and_is_the_exit_code(tmp_path):
    out = tmp_path / "accuracy.json"
    assert run(out, "--dtype", "float16").returncode == 0
    out.write_text(out.read_text().replace('"lost": 0, "lost_at": null', '"lost": 3, "lost_at": -1.5', 1))
    told = run(out, "--dtype", "float16")
    assert told.returncode == 1
    assert "0 for a normal value at 3 inputs, -1.5 among them" in told.stdout
