"""A fair comparison of activations on one model and one data set: plan, run, judge, report.

`compare` is `nonlin.compare`, which the command line runs as well; `rich_table` is what it prints.
"""

from typing import TYPE_CHECKING

from nonlin.comparison.entry import compare
from nonlin.comparison.terminal import rich_table

if TYPE_CHECKING:
    from nonlin.comparison.result import Comparison

__all__ = ["Comparison", "compare", "rich_table"]


def __getattr__(name: str) -> object:
    if name == "Comparison":  # comes with pandas, which is loaded when a comparison is made
        from nonlin.comparison.extras import require

        require()
        from nonlin.comparison.result import Comparison

        return Comparison
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
