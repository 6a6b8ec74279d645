"""kill -9 of workers of a comparison at random moments, fifty times with two workers and fifty with four.

Half of them with the ledger in a file, half in a PostgreSQL server that the script starts. After each comparison:
every trial is there once, its tables are those of an undisturbed run in one process to the last bit (but for the
measured times), and no kill cost more than an epoch. Writes results/kills.json.

    python benchmarks/kills.py [--kills 50] [--seed 0]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "comparison"))

import processes  # noqa: E402
import scenario  # noqa: E402

from nonlin.measure.machine import machine, versions  # noqa: E402

SETTINGS = {"seeds": 20, "activations": ["relu", "tanh", "gelu"]}
GAP = 2.0  # seconds: a kill comes at a random moment of so many, once an epoch was trained since the last one


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=0)
    asked = asked.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        place = Path(place)
        place.chmod(0o755)
        (place / "server").mkdir()
        server = processes.Server(processes.server_binaries(), place / "server")
        whole = scenario.comparison(place / "whole", count=str(place / "count"), **SETTINGS)
        trained = scenario.batches(place / "count")
        draw = random.Random(asked.seed)
        found = []
        for workers in (2, 4):
            for kind in ("journal", "postgresql"):
                left = asked.kills // 2
                while left > 0:
                    run = disturbed(place, kind, workers, left, draw, server)
                    scenario.assert_same(run.pop("comparison"), whole)
                    run["batches_redone"] = run.pop("batches") - trained
                    assert run["batches_redone"] <= len(run["kills"]) * scenario.REDONE, run
                    left -= len(run["kills"])
                    found.append({**run, "trials_once_and_tables_the_same_bits": True})
                    print({k: v for k, v in run.items() if k != "kills"}, len(run["kills"]), "kills", flush=True)
        server.stop()
    record = {
        "command": f"python benchmarks/kills.py --kills {asked.kills} --seed {asked.seed}",
        "trials": len(whole.trials),
        "epochs": scenario.EPOCHS,
        "batches_an_epoch": scenario.BATCHES,
        "batches": trained,
        "kills": sum(len(run["kills"]) for run in found),
        "batches_redone": sum(run["batches_redone"] for run in found),
        "most_allowed": sum(len(run["kills"]) for run in found) * scenario.REDONE,
        "machine": machine(),
        "versions": {**versions(), **{name: version(name) for name in ("optuna", "psycopg")}},
        "runs": found,
    }
    (HERE / "results" / "kills.json").write_text(json.dumps(record, indent=1) + "\n")


def disturbed(place, kind, workers, most, draw, server):
    """One comparison during which at most so many workers are killed."""
    folder = Path(tempfile.mkdtemp(dir=place))
    count, settings = folder / "count", {**SETTINGS, "out": folder / "out", "workers": workers}
    if kind == "postgresql":
        settings["storage"] = server.fresh()
    command = processes.Command(count=count, **settings)
    started, kills = time.monotonic(), []
    while len(kills) < most:
        before = scenario.batches(count) if count.exists() else 0
        # Then one of the workers has finished an epoch. What is killed again and again before that is given up.
        enough = before + 2 * workers * scenario.BATCHES
        while command.process.poll() is None and not (count.exists() and scenario.batches(count) > enough):
            time.sleep(0.01)
        time.sleep(draw.uniform(0, GAP))
        alive = command.workers()
        if not alive:  # it is finished, or writes its report
            break
        pid = draw.choice(alive)
        os.kill(pid, signal.SIGKILL)
        kills.append({"second": round(time.monotonic() - started, 3), "batches": scenario.batches(count), "pid": pid})
    said = command.ended(seconds=1200)
    assert command.process.returncode == 0, said
    seconds = round(time.monotonic() - started, 1)
    batches = scenario.batches(count)
    settings = {**settings, "count": str(folder / "again"), "workers": 1}
    comparison = scenario.comparison(**settings)
    assert not (folder / "again").exists()  # it was only read
    return {"ledger": kind, "workers": workers, "seconds": seconds, "batches": batches, "kills": kills,
            "comparison": comparison}  # fmt: skip


if __name__ == "__main__":
    main()
