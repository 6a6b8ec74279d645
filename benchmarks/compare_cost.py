"""What a comparison costs beside its training: `python benchmarks/compare_cost.py` writes results/compare_cost.json.

1. Overhead: a trial as a worker runs it, with ledger, checkpoints and lease, beside the same training alone, in turns,
   on digits with the default model; and what of the training alone is not the steps of the optimizer.
2. Two workers: trials an hour of two beside one, from the first to the last end of a trial, in turns.
3. Memory of a process after many trials, beside that after a few.
4. A ledger of 10,000 finished trials: how long a process takes to open it and read all outcomes.

Times are medians. On a machine that does other work too they are upper bounds; its load is recorded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import nonlin as nl
from nonlin.comparison.journal import Journal
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Trial
from nonlin.comparison.processes import Processes
from nonlin.comparison.sources import digits
from nonlin.comparison.trainers import trainer_of
from nonlin.comparison.worker import one_trial
from nonlin.measure.machine import machine, versions

RESULTS = Path(__file__).parent / "results" / "compare_cost.json"
NAMES = ("relu", "tanh")
EPOCHS, BATCH, RATE = 20, 128, 0.001
GOALS = {"overhead_seconds": 0.05, "two_workers": 1.7, "resume_seconds": 5.0}


def trainer(epochs=EPOCHS):
    activations = {name: nl.get(name) for name in NAMES}
    return trainer_of(None, digits(), METRICS["accuracy"], activations, NAMES[0], "gain", epochs, BATCH)


def trials(count, start=0):
    return [Trial("final", NAMES[seed % len(NAMES)], RATE, seed) for seed in range(start, start + count)]


def overhead(place, rounds):
    """Each trial twice: alone, and through a ledger that holds so many."""
    train, ledger = trainer(), Ledger(Journal(place))
    waiting = trials(rounds)
    ledger.add(waiting)
    train(waiting[0])  # compiles
    found = {"wall": [], "processor": []}  # the second is the same on a machine that does other work too
    outside = []
    for trial in waiting:
        before = perf_counter(), process_time()
        alone = train(trial)
        between = perf_counter(), process_time()
        assert one_trial(ledger, train)
        after = perf_counter(), process_time()
        for kind, start, middle, end in zip(found, before, between, after, strict=True):
            found[kind].append((end - middle) - (middle - start))
        outside.append(between[0] - before[0] - sum(alone["curves"]["seconds"]))
    return {
        "rounds": rounds,
        "overhead_seconds": {kind: round(median(times), 4) for kind, times in found.items()},
        "scores_and_health_seconds": round(median(outside), 4),
        "training_seconds": round(median(sum(o["curves"]["seconds"]) for o in ledger.outcomes().values()), 4),
    }


def throughput(place, count, rounds):
    """Trials an hour of one worker and of two, in turns."""
    train, found = trainer(), {1: [], 2: []}
    for number in range(rounds):
        for workers in (1, 2):
            folder = place / f"{number}-{workers}"
            folder.mkdir()
            ledger = Ledger(Journal(folder))
            ledger.add(trials(count))
            ends = []
            with Processes({"folder": str(folder)}, [train] * workers) as crew:
                while len(ends) < count:
                    crew.step(lambda: None)
                    ends += [perf_counter()] * (len(ledger.outcomes()) - len(ends))
            first = ends.count(ends[0])
            found[workers].append(3600 * (count - first) / (ends[-1] - ends[0]))
    return {
        "trials": count,
        "rounds": rounds,
        "an_hour": {workers: round(median(rates)) for workers, rates in found.items()},
        "two_workers": round(median(two / one for one, two in zip(found[1], found[2], strict=True)), 3),
    }


def memory(place, few, many):
    """Megabytes of a process that has run so many trials of one epoch."""
    train, ledger, found = trainer(1), Ledger(Journal(place)), {}
    ledger.add(trials(many))
    for done in range(1, many + 1):
        assert one_trial(ledger, train)
        if done in (few, many):
            ledger.outcomes()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            found[done] = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
    return {"megabytes_after_trials": found}


def resume(place, count):
    """Seconds in which a fresh process opens the ledger and has every outcome, without its imports."""
    outcome = trainer()(trials(1)[0])
    ledger = Ledger(Journal(place))
    ledger.add(trials(count))
    for _ in range(count):
        ledger.finish(ledger.take(NAMES), outcome, 0.5)
    code = (
        "import sys, time; from pathlib import Path; from nonlin.comparison.journal import Journal\n"
        "from nonlin.comparison.ledger import Ledger; started = time.perf_counter()\n"
        f"found = Ledger(Journal(Path(sys.argv[1]))).outcomes(); assert len(found) == {count}\n"
        "print(time.perf_counter() - started)"
    )
    command = [sys.executable, "-c", code, str(place)]
    times = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    size = (place / "journal.log").stat().st_size / 2**20
    return {"trials": count, "megabytes": round(size, 1), "resume_seconds": round(median(times), 2)}


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=20)
    asked.add_argument("--trials", type=int, default=40)
    asked.add_argument("--ledger", type=int, default=10_000)
    asked = asked.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        parts = {
            "overhead": lambda folder: overhead(folder, asked.rounds),
            "throughput": lambda folder: throughput(folder, asked.trials, 3),
            "memory": lambda folder: memory(folder, asked.rounds, 10 * asked.rounds),
            "ledger": lambda folder: resume(folder, asked.ledger),
        }
        for name, measured in parts.items():
            (place / name).mkdir()
            found[name] = {**measured(place / name), "load": [round(load, 1) for load in os.getloadavg()]}
            print(name, found[name], flush=True)
    record = {
        "command": f"python benchmarks/compare_cost.py --rounds {asked.rounds} --trials {asked.trials} "
        f"--ledger {asked.ledger}",
        "goals": GOALS,
        **found,
        "machine": machine(),
        "versions": {**versions(), **{name: version(name) for name in ("torch", "optuna")}},
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
