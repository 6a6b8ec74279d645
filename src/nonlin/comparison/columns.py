"""The ranked table as people read it, cell by cell: the terminal and the report show the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonlin.comparison.metrics import METRICS
from nonlin.comparison.text import duration, share, signed, significant, size, spread

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

# The star that a rate gets in `ranking`.
AT_EDGE = "* the best rate is at the edge of the widened range: a better one may lie beyond"


def ranking(comparison: Comparison) -> list[dict[str, str]]:
    """One row an activation, by the heading of each column; the baseline has no difference to itself."""
    choices = comparison.results.choices
    return [
        {
            "activation": row["activation"],
            "verdict": row["verdict"],
            f"test {METRICS[comparison.plan.metric].label}": spread(row["score_mean"], row["score_std"]),
            **_against(row),
            "p": significant(row["p"], 2) if row["verdict"] != "baseline" else "",
            "learning rate": significant(row["learning_rate"]) + "*" * choices[row["activation"]].at_edge,
            "time an epoch": duration(row["epoch_seconds"]),
            "dead units": share(row["dead_share"]),
            "gradient ratio": significant(row["gradient_ratio"], 2),
        }
        for row in comparison.table.to_dict("records")
    ]


def in_equal_time(comparison: Comparison) -> list[dict[str, str]]:
    """The table of costs, in the same form."""
    base = comparison.plan.baseline
    return [
        {
            "activation": row["activation"],
            "time an epoch": duration(row["epoch_seconds"]),
            "memory of a step": size(row["memory"]),
            "epochs in equal time": str(row["epochs"]),
            f"test {METRICS[comparison.plan.metric].label} then": significant(row["score_mean"]),
            **_against({**row, "verdict": "baseline" if row["activation"] == base else ""}),
        }
        for row in comparison.costs.to_dict("records")
    ]


def _against(row: dict[str, Any]) -> dict[str, str]:
    if row["verdict"] == "baseline":
        return {"difference": "", "95 % interval": ""}
    return {"difference": signed(row["difference"]), "95 % interval": f"{signed(row['low'])} to {signed(row['high'])}"}
