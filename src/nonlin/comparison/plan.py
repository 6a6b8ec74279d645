"""What will be run: the fixed list of trials, and everything that decides their outcome."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from nonlin import __version__
from nonlin.errors import OutputError
from nonlin.files import write_whole

FORMAT = 2  # of the output folder; a folder of another format is refused
FILE = "plan.json"
# Where each role's seeds start: no two roles share one.
CONTROL_SEEDS, TUNING_SEEDS, PILOT_SEEDS = 1_000_000, 2_000_000, 3_000_000
TUNING_RUNS = 2
RECORDED = ("numpy", "scipy", "scikit-learn", "pandas", "optuna", "matplotlib")

Role = Literal["tuning", "final", "control", "pilot"]


@dataclass(frozen=True)
class Trial:
    """One training run: which activation, at which learning rate, under which seed, and what for."""

    role: Role
    activation: str
    learning_rate: float
    seed: int

    @property
    def key(self) -> dict[str, Any]:
        """What the ledger knows it by."""
        return {
            "role": self.role,
            "activation": self.activation,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Plan:
    """A comparison before it runs. `formulas` maps each activation, the baseline among them, to its formula."""

    formulas: Mapping[str, str]
    baseline: str
    seeds: int
    learning_rates: tuple[float, ...]
    epochs: int
    batch_size: int
    metric: str
    model: str
    weights: str
    frameworks: tuple[str, ...]  # what trains, as packages: each one's release is recorded
    data: Mapping[str, Any]
    budget: float | None = None  # seconds, where the scope was chosen to fit into them
    pilot: Mapping[str, Any] | None = None  # what a few runs before have shown
    command: str | None = None  # what makes the same plan again

    @property
    def activations(self) -> tuple[str, ...]:
        return tuple(self.formulas)

    def tuning(self, activation: str, rates: tuple[float, ...] | None = None) -> list[Trial]:
        """Trials that choose the learning rate, by the validation score; none where there is one rate."""
        rates = self.learning_rates if rates is None else rates
        if len(self.learning_rates) == 1:
            return []
        seeds = range(TUNING_SEEDS, TUNING_SEEDS + TUNING_RUNS)
        return [Trial("tuning", activation, rate, seed) for rate in rates for seed in seeds]

    def wider(self, rate: float) -> float | None:
        """The rate one step beyond the range, where `rate` is at its edge."""
        rates = self.learning_rates
        if len(rates) < 2 or rate not in (rates[0], rates[-1]):
            return None
        beyond = rates[0] ** 2 / rates[1] if rate == rates[0] else rates[-1] ** 2 / rates[-2]
        return float(f"{beyond:.3g}")

    def final(self, rates: Mapping[str, float]) -> list[Trial]:
        """Trials that count, by the test score, and the control: the baseline again, under seeds of its own.

        Seed by seed over all activations: whatever changes on the machine meanwhile meets them all alike.
        """
        trials: list[Trial] = []
        for seed in range(self.seeds):
            trials += [Trial("final", name, rates[name], seed) for name in self.activations]
            trials.append(Trial("control", self.baseline, rates[self.baseline], CONTROL_SEEDS + seed))
        return trials

    @property
    def count(self) -> int:
        """How many trials there will be, if no range of rates has to be widened."""
        finals = self.seeds * (len(self.activations) + 1)
        return finals + sum(len(self.tuning(name)) for name in self.activations)

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON, with what is needed to repeat it."""
        return {
            "format": FORMAT,
            "command": self.command,
            "activations": dict(self.formulas),
            "baseline": self.baseline,
            "seeds": self.seeds,
            "seed_numbers": {
                "final": [0, self.seeds - 1],
                "control": [CONTROL_SEEDS, CONTROL_SEEDS + self.seeds - 1],
                "tuning": [TUNING_SEEDS, TUNING_SEEDS + TUNING_RUNS - 1],
            },
            "learning_rates": list(self.learning_rates),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": "Adam",
            "metric": self.metric,
            "model": self.model,
            "weights": self.weights,
            "frameworks": list(self.frameworks),
            "data": dict(self.data),
            "budget": self.budget,
            "pilot": None if self.pilot is None else dict(self.pilot),
            "environment": {
                "python": platform.python_version(),
                "platform": platform.platform(),
                "nonlin": __version__,
                **{name: version(name) for name in (*self.frameworks, *RECORDED)},
            },
        }

    def check(self, stored: dict[str, Any] | None, problem: str) -> None:
        """Raise OutputError, which begins with `problem`, unless the trials of a stored plan belong to this one too."""
        changed = _changes(stored, json.loads(json.dumps(self.as_dict())))
        if changed:
            raise OutputError(f"{problem}: changed: {'; '.join(changed)}: "
                              "choose another folder, or go back to that plan")  # fmt: skip

    def check_folder(self, folder: Path) -> None:
        """Raise OutputError where the folder is of another comparison."""
        self.check(stored_in(folder), f"folder of another comparison: {str(folder)!r}")

    def settle_in(self, folder: Path) -> None:
        """Write plan.json into the folder, after checking that what is there belongs to this plan."""
        self.check_folder(folder)
        write_whole(folder / FILE, json.dumps(self.as_dict(), indent=2) + "\n")


def stored_in(folder: Path) -> dict[str, Any] | None:
    """The plan that a folder holds, as JSON; None where it holds none."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        return stored if isinstance(stored, dict) else {}
    except (OSError, ValueError):
        raise OutputError(f"not a plan: {str(path)!r}: choose another folder") from None


def _changes(old: dict[str, Any] | None, new: dict[str, Any]) -> list[str]:
    """What keeps the old trials from being used. More seeds and more activations do not: they are added."""
    if old is None:
        return []
    if old.get("format") != new["format"]:
        return [f"format {old.get('format')} -> {new['format']}"]
    changed: list[str] = []
    for name, formula in old["activations"].items():
        if name not in new["activations"]:
            changed.append(f"activations without {name}")
        elif new["activations"][name] != formula:
            changed.append(f"formula of {name} {formula} -> {new['activations'][name]}")
    if new["seeds"] < old["seeds"]:
        changed.append(f"seeds {old['seeds']} -> {new['seeds']}")
    for field in ("baseline", "learning_rates", "epochs", "batch_size", "metric"):
        if old[field] != new[field]:
            changed.append(f"{field.replace('_', ' ')} {old[field]} -> {new[field]}")
    for field, what in (("model", "the model"), ("weights", "how weights are drawn")):
        if old[field] != new[field]:
            changed.append(what)
    if old["data"] != new["data"]:
        parts = [
            f"{k} {old['data'][k]} -> {v}" for k, v in new["data"].items() if old["data"][k] != v and k != "sha256"
        ]
        changed.append("the data" + (f" ({', '.join(parts)})" if parts else ""))
    for name, release in new["environment"].items():  # another release of what trains may round otherwise
        before = old["environment"].get(name)
        if name in new["frameworks"] and before != release:
            changed.append(f"{name} {before} -> {release}")
    return changed
