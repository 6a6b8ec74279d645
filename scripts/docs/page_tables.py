#!/usr/bin/env python3
"""Writes what the pages have from data: docs/names.md from the catalogue, and the tables between marks.

    python scripts/docs/page_tables.py

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; its numbers are those of benchmarks/results/ and of
the explorer's losses.json. The tests say when a page is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import names_page
from markdown_parts import LIBRARIES, lost, table

from nonlin.explore.entries import losses

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MARK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PEERS = ("torch", "jax", "onnxruntime")
WRONG = 1000.0  # ulp
Rows = dict[tuple[str, str, str, int], dict[str, Any]]


def accuracy() -> str:
    """Worst case of f and f' in ulp: ours in float32 and float64, the others' in float32."""
    rows = measured()
    headings = ["function", "f", "f'", "float64 f", "f'", "torch f", "f'", "JAX f", "f'", "ONNX Runtime f"]
    columns = [(library, dtype, order)
               for library, dtype, orders in (("nonlin numpy", "float32", (0, 1)), ("nonlin numpy", "float64", (0, 1)),
                                              ("torch", "float32", (0, 1)), ("jax", "float32", (0, 1)),
                                              ("onnxruntime", "float32", (0,)))
               for order in orders]  # fmt: skip
    plain = sorted({name for name, *_ in rows if "(" not in name})
    return table(headings, ([f"`{name}`", *(ulps(rows.get((name, *column))) for column in columns)] for name in plain))


def worst() -> str:
    """The libraries' functions that are off by more than WRONG somewhere."""
    rows = measured()
    found: list[list[str]] = []
    for name in sorted({name for name, *_ in rows if "(" not in name}):
        each = {(p, order): rows.get((name, p, "float32", order)) for p in PEERS for order in (0, 1)}
        if any(row and row["ulp"] > WRONG for row in each.values()):
            cells = [
                ulps(row) if row and row["ulp"] > WRONG else "" for key, row in each.items() if key != (PEERS[2], 1)
            ]
            found.append([f"`{name}`", *cells])
    return table(["function", "torch f", "f'", "JAX f", "f'", "ONNX Runtime f"], found)


def losing() -> str:
    """Of each function and library the intervals of x on which the value or the gradient is lost."""
    known = losses()
    versions = ", ".join(f"{LIBRARIES[name]} {version}" for name, version in known["about"].items())
    rows = [
        [f"`{name}`", LIBRARIES[library], *lost(orders)]
        for name, each in known["rows"].items()
        for library, orders in each.items()
        if any(orders)
    ]
    headings = ("function", "library", "the value f", "the gradient f'")
    return f"Measured with {versions}.\n\n{table(headings, rows)}"


TABLES: dict[str, Callable[[], str]] = {"accuracy": accuracy, "worst": worst, "losses": losing}


def measured() -> Rows:
    found = json.loads((ROOT / "benchmarks" / "results" / "accuracy.json").read_text("utf-8"))["rows"]
    return {(r["name"], r["library"], r["dtype"], r["order"]): r for r in found}


def ulps(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    ulp = row["ulp"]
    told = (
        f"{ulp:.2f}"
        if ulp < 99.995
        else f"{ulp:.0f}"
        if ulp < 1e5
        else f"{ulp:.0e}".replace("e+0", "e").replace("e+", "e")
    )
    return f"{told} *" if row["lost"] else told


def written(text: str) -> str:
    """A page with its tables made anew."""
    return MARK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def pages() -> Iterable[tuple[Path, str]]:
    """Each page that has something made in it, as it should be."""
    yield DOCS / "names.md", names_page.page()
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text("utf-8")
        if MARK.search(text):
            yield path, written(text)


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))
