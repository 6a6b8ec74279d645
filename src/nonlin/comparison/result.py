"""Comparison: what `nonlin.compare` gives back, as a sentence, tables and a report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from nonlin.comparison.costs import costs
from nonlin.comparison.judge import Judgement, judge, seeds_for
from nonlin.comparison.metrics import METRICS
from nonlin.comparison.plan import Plan, Trial
from nonlin.comparison.run import Results
from nonlin.comparison.text import counted, signed, significant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

ROLES = ("tuning", "final", "control")


@dataclass(frozen=True)
class Comparison:
    """The outcome of a comparison.

    `verdict`: one sentence. `table`: one row an activation, ranked by mean test score; `difference` to the baseline
    under the same seeds with its 95 % interval `low` to `high`, `p` adjusted by Holm, `verdict` better, worse,
    practically equal or undecided. `noise_floor`: how far the baseline differs from itself under other seeds.
    `costs`: time and memory, and the scores in equal time. `trials`: one row a training run. `figures`: those of the
    report, as matplotlib Figures by name. `report`: the path of the HTML. `judgement`, `results`, `plan`: the parts
    that these are made of.
    """

    verdict: str
    table: pd.DataFrame
    noise_floor: float
    costs: pd.DataFrame
    trials: pd.DataFrame
    report: Path
    judgement: Judgement
    results: Results
    plan: Plan

    def to_dict(self) -> dict[str, Any]:
        """The same numbers as JSON: verdict, table and costs (lists of rows), noise floor, control, margin, paths."""
        return {
            "verdict": self.verdict,
            "baseline": self.plan.baseline,
            "metric": self.plan.metric,
            "seeds": self.plan.seeds,
            "noise_floor": _number(self.noise_floor),
            "margin": self.judgement.margin,
            "control": {
                "verdict": self.judgement.control.verdict,
                "difference": self.judgement.control.difference,
                "low": _number(self.judgement.control.low),
                "high": _number(self.judgement.control.high),
                "p": self.judgement.control.p,
                "holds": self.judgement.holds,
            },
            "table": _rows(self.table),
            "costs": _rows(self.costs),
            "report": str(self.report),
            "results": str(self.report.with_name("results.csv")),
        }

    @property
    def figures(self) -> dict[str, Figure]:
        """Differences, learning rates, learning curves, costs, health, as far as there is something to draw."""
        from nonlin.comparison.figures import drawn

        return {name: draw(self, False) for name, draw in drawn(self).items()}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        from nonlin.comparison.terminal import rich_table

        yield rich_table(self, options.max_width)


def concluded(plan: Plan, results: Results, margin: float | None, report: Path) -> Comparison:
    """The comparison that these results amount to; nothing is written."""
    rates = {name: choice.rate for name, choice in results.choices.items()}
    final = plan.final(rates)
    scores: dict[str, list[float | None]] = {
        name: [results.outcomes[t]["score_test"] for t in final if t.role == "final" and t.activation == name]
        for name in plan.activations
    }
    control = [results.outcomes[t]["score_test"] for t in final if t.role == "control"]
    judgement = judge(scores, plan.baseline, control, margin, METRICS[plan.metric].floor)
    table = _table(plan, results, judgement, scores, final)
    runs = {name: [results.outcomes[t] for t in final if (t.role, t.activation) == ("final", name)] for name in scores}
    return Comparison(
        verdict=sentence(plan, judgement, table),
        table=table,
        noise_floor=judgement.noise_floor,
        costs=costs(runs, plan.baseline, judgement.floor),
        trials=_trials(results),
        report=report,
        judgement=judgement,
        results=results,
        plan=plan,
    )


def sentence(plan: Plan, judgement: Judgement, table: pd.DataFrame) -> str:
    """The verdict in one sentence."""
    base, where = plan.baseline, f"on {plan.data['name']}"
    if judgement.all_diverged:
        return f"Undecided {where}: every run diverged; repeat with smaller learning rates."
    if not judgement.holds:
        found = judgement.control
        return (f"No verdict holds {where}: {base} under other seeds came out {found.verdict} than itself "
                f"({signed(found.difference)}, p = {significant(found.p)}); repeat with more seeds.")  # fmt: skip
    fewest = seeds_for(len(judgement.of))
    if plan.seeds < fewest:
        return (f"Undecided {where}: {counted(plan.seeds, 'seed')} cannot settle "
                f"{counted(len(judgement.of), 'comparison')} with {base}; it takes at least {fewest}.")  # fmt: skip
    groups = {
        word: [name for name in table["activation"] if name in judgement.of and judgement.of[name].verdict == word]
        for word in ("better", "practically equal", "undecided", "worse")
    }
    means = dict(zip(table["activation"], table["score_mean"], strict=True))
    metric = METRICS[plan.metric].label
    if groups["better"]:
        best, *also = groups["better"]
        found = judgement.of[best]
        start = (f"{best} is better than {base} {where}: test {metric} {significant(means[best])} against "
                 f"{significant(means[base])} (difference {signed(found.difference)}, 95 % interval "
                 f"{signed(found.low)} to {signed(found.high)}, p = {significant(found.p)}, "
                 f"{plan.seeds} seeds)")  # fmt: skip
        groups = {"also better": also, **{k: v for k, v in groups.items() if k != "better"}}
    else:
        start = (f"Nothing is better than {base} {where} (test {metric} {significant(means[base])}, "
                 f"{plan.seeds} seeds)")  # fmt: skip
    rest = [f"{word}: {', '.join(names)}" for word, names in groups.items() if names]
    return "; ".join([start, *rest]) + "."


def _table(
    plan: Plan,
    results: Results,
    judgement: Judgement,
    scores: dict[str, list[float | None]],
    final: list[Trial],
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name in plan.activations:
        runs = [results.outcomes[t] for t in final if t.role == "final" and t.activation == name]
        values = pd.Series([judgement.floor if s is None else s for s in scores[name]], dtype=float)
        judged = judgement.of.get(name)
        rows.append(
            {
                "activation": name,
                "score_mean": values.mean(),
                "score_std": values.std(),
                "difference": judged.difference if judged else 0.0,
                "low": judged.low if judged else 0.0,
                "high": judged.high if judged else 0.0,
                "p": judged.p if judged else math.nan,
                "verdict": judged.verdict if judged else "baseline",
                "learning_rate": results.choices[name].rate,
                "epoch_seconds": median(second for run in runs for second in run["curves"]["seconds"]),
                "dead_share": _middle([run.get("dead_share") for run in runs]),
                "gradient_ratio": _middle([run.get("gradient_ratio") for run in runs]),
            }
        )
    ranked = pd.DataFrame(rows).sort_values("score_mean", ascending=False, kind="stable")
    return ranked.reset_index(drop=True)


def _trials(results: Results) -> pd.DataFrame:
    rows = [
        {
            **trial.key,
            "score_validation": _float(outcome["score_validation"]),
            "score_test": _float(outcome["score_test"]),
            "epoch": _float(outcome["epoch"]),
            "diverged_at_epoch": _float(outcome["diverged"]),
            "epoch_seconds": median(outcome["curves"]["seconds"]),
            "dead_share": _float(outcome.get("dead_share")),
            "gradient_ratio": _float(outcome.get("gradient_ratio")),
        }
        for trial, outcome in results.outcomes.items()
    ]
    trials = pd.DataFrame(rows)
    order = trials["role"].map({role: rank for rank, role in enumerate(ROLES)})
    by = ["order", "activation", "learning_rate", "seed"]
    return trials.assign(order=order).sort_values(by).drop(columns="order").reset_index(drop=True)


def _middle(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return median(known) if known else math.nan


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{k: _number(v) for k, v in row.items()} for row in table.to_dict("records")]


def _number(value: Any) -> Any:
    """JSON has no nan."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
