"""Whether compare's verdicts are true: `python benchmarks/truth.py` prints what it finds and writes it as data.

1. False alarms: comparisons of a function with itself under other names, each of which draws weights of its own. How
   many find something better or worse, of 200.
2. Power: a function made worse on purpose. How often it is found worse, beside the chance that the plan's own formula
   gives from the noise of pilot runs and the size of the difference, which a pool of all runs shows.
3. Known results in small: with matched gain a 20-layer MLP trains with selu and relu and not with sigmoid; elu and
   celu, which are the same function, come out as not different; gelu, silu and mish are not told apart on digits.

Trials of 1 and 2 go through the trainer, the plan and the judge of `nonlin compare`; 3 is `nl.compare` itself. What is
done is kept in the work folder, and the same command goes on from there. About ten minutes on one core.
"""

import argparse
import json
import math
import platform
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from torch import nn

import nonlin as nl
from nonlin.comparison.data import prepare
from nonlin.comparison.judge import judge
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Plan
from nonlin.comparison.power import power
from nonlin.comparison.trainers import trainer_of

RESULTS = Path(__file__).parent / "results" / "truth.json"
SEEDS, EPOCHS, RATE, BATCH = 8, 4, 0.01, 32
PILOTS = 40  # runs of the baseline that the noise is taken from
APART = 10_000  # seeds between two repetitions


def parts():
    """A task that takes a hundredth of a second: the sign of a product, with noise, and a test part of 500."""
    draw = np.random.default_rng(0)

    def part(count):
        x = draw.normal(size=(count, 4))
        return x, (x[:, 0] * x[:, 1] + 0.2 * draw.normal(size=count) > 0).astype(int)

    return part(200), part(100), part(500)


class Independent:
    """A builder whose weights depend on the name of the activation too: under equal seeds only chance is shared."""

    def __init__(self, names):
        self.names = names

    def __call__(self, activation):
        torch.manual_seed(1000 * torch.initial_seed() + self.names.index(activation.name))
        return nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 2))


class Trials:
    """Scores of repetitions, one line of JSON each in a file, so that a stop loses none."""

    def __init__(self, file, activations):
        self.file, self.names = file, list(activations)
        self.known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        data = prepare(parts(), METRICS["accuracy"], tabular=False)
        builder = Independent([a.name for a in activations.values()])
        scope = (self.names[0], "model", EPOCHS, BATCH)
        self.train = trainer_of(builder, data, METRICS["accuracy"], activations, *scope)
        self.plan = Plan(
            formulas={name: activation.formula for name, activation in activations.items()},
            baseline=self.names[0],
            seeds=SEEDS,
            learning_rates=(RATE,),
            epochs=EPOCHS,
            batch_size=BATCH,
            metric="accuracy",
            model="",
            weights="",
            frameworks=("torch",),
            data=data.facts,
        )

    def repetition(self, number):
        """The test scores of one comparison, by name; those of its control under "control"."""
        if number < len(self.known):
            return self.known[number]
        scores = {name: [] for name in (*self.names, "control")}
        for trial in self.plan.final(dict.fromkeys(self.names, RATE)):
            outcome = self.train(replace(trial, seed=trial.seed + APART * number))
            scores["control" if trial.role == "control" else trial.activation].append(outcome["score_test"])
        self.known.append(scores)
        with self.file.open("a") as file:
            file.write(json.dumps(scores) + "\n")
        return scores

    def judged(self, number, margin=None):
        scores = dict(self.repetition(number))
        return judge(scores, self.names[0], scores.pop("control"), margin, 0.0)


def defined(count, formula="max(0, x)"):
    """The same function under several names."""
    return {f"same_{i}": nl.define(f"same_{i}", formula) for i in range(count)}


def false_alarms(work, repetitions=200, names=4):
    """How many comparisons of a function with itself find something better or worse, and how many controls do."""
    trials = Trials(work / "alarms.jsonl", defined(names))
    alarms = controls = practically = 0
    for number in range(repetitions):
        found = trials.judged(number)
        verdicts = [one.verdict for one in found.of.values()]
        alarms += any(verdict in ("better", "worse") for verdict in verdicts)
        practically += verdicts.count("practically equal")
        controls += not found.holds
    count = (names - 1) * repetitions
    return {"comparisons": repetitions, "activations": names, "seeds": SEEDS, "alarms": alarms,
            "rate": alarms / repetitions, "controls": controls, "practically_equal": practically / count}  # fmt: skip


def planted(work, repetitions=100, thresholds=(0.3, 0.4, 0.55)):
    """How often a function that is made worse is found worse, and the chance that was predicted."""
    baseline = {"same_0": nl.define("same_0", "max(0, x)")}
    rows = []
    for threshold in thresholds:
        name = f"late_{round(100 * threshold)}"
        worse = {name: nl.define(name, f"max(0, x - {threshold})")}
        trials = Trials(work / f"{name}.jsonl", baseline | worse)
        found = [trials.judged(number, margin=0.0).of[name].verdict for number in range(repetitions)]
        pairs = [trials.repetition(number) for number in range(repetitions)]
        differences = np.concatenate([np.subtract(pair[name], pair["same_0"]) for pair in pairs])
        pilots = [score for pair in pairs for score in pair["control"]][:PILOTS]
        noise = math.sqrt(2) * stdev(pilots)
        rate = mean(verdict == "worse" for verdict in found)
        rows.append({"threshold": threshold, "difference": float(differences.mean()), "repetitions": repetitions,
                     "seeds": SEEDS, "noise_of_pilots": noise, "noise_seen": float(differences.std(ddof=1)),
                     "predicted": power(SEEDS, 1, float(differences.mean()), noise), "found_worse": rate,
                     "found_better": found.count("better"),
                     "standard_error": math.sqrt(max(rate * (1 - rate), 1 / repetitions) / repetitions)})  # fmt: skip
    return rows


def deep(activation, depth=20, width=64):
    """A 20-layer MLP for digits, its weights gain-matched by the builder itself."""
    gain, stack, fan_in = 1.0, [], 64
    for width in (*[width] * (depth - 1), 10):  # noqa: B020
        linear = nn.Linear(fan_in, width)
        nn.init.normal_(linear.weight, std=gain / math.sqrt(fan_in))
        nn.init.zeros_(linear.bias)
        stack += [linear, activation()]
        gain, fan_in = activation.gain, width
    return nn.Sequential(*stack[:-1])


KNOWN = {
    "20 layers": (deep, ["selu", "sigmoid"], "relu"),
    "one function, two names": (None, ["celu"], "elu"),
    "near relatives": (None, ["silu", "mish"], "gelu"),
}


def known_result(work, name, seeds=10, epochs=20, rates=(3e-4, 1e-3, 3e-3)):
    """A comparison whose answer is known: its verdicts, means and sentence."""
    make_model, activations, baseline = KNOWN[name]
    found = nl.compare(make_model, digits(), activations=activations, baseline=baseline, seeds=seeds, epochs=epochs,
                       learning_rates=rates, init="model", out=work / name.replace(" ", "-"))  # fmt: skip
    table = found.table.set_index("activation")
    return {
        "sentence": found.verdict,
        "said_in_the_report": found.verdict.split(" (")[0] in found.report.read_text("utf-8"),
        "verdicts": table["verdict"].to_dict(),
        "means": table["score_mean"].to_dict(),
        "differences": table["difference"].to_dict(),
        "noise_floor": found.noise_floor,
    }


def digits():
    """scikit-learn's digits as (X, y), standardised: a model of one's own takes arrays as they are."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x - x.mean()) / x.std(), y


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200, help="comparisons of a function with itself")
    parser.add_argument("--work", type=Path, default=Path("truth-work"), help="what is done, to go on from")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS, help="where to write the results")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    alarms = false_alarms(options.work, options.repetitions)
    print(f"false alarms: {alarms['alarms']} of {alarms['comparisons']} ({alarms['rate']:.1%}); controls that differ "
          f"from themselves: {alarms['controls']}", flush=True)  # fmt: skip
    powers = planted(options.work, max(2, options.repetitions // 2))
    for row in powers:
        found = f"{row['found_worse']:.0%} ± {row['standard_error']:.0%}"
        print(f"planted {row['difference']:+.4f}: found worse in {found}, predicted {row['predicted']:.0%}", flush=True)
    known = {}
    for name in KNOWN:
        known[name] = known_result(options.work, name)
        print(f"{name}: {known[name]['sentence']}", flush=True)
    machine = {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__, "threads": 1}
    results = {"machine": machine, "false_alarms": alarms, "power": powers, "known": known}
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
