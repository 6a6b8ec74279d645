#!/usr/bin/env python3
"""Draws every figure of the README and the pages into docs/images.

    python scripts/docs/figures.py           # all of them: some minutes, for three of them train networks
    python scripts/docs/figures.py xor spike # only these

Needs the extras torch, compare and plot. Curves come from the formulas, measurements from benchmarks/results.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lessons
from losses_figure import losses_figure
from matplotlib.figure import Figure

import nonlin as nl
from nonlin.files import write_whole
from nonlin.measure.figure import speed_figure
from nonlin.measure.results import Results
from nonlin.picture import picture

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


def plot(*names: str, **options: Any) -> Callable[[], Figure]:
    return lambda: nl.plot(*names, **options)


def curves(*names: str, **options: Any) -> Callable[[], Figure]:
    return plot(*names, derivative=True, **options)


def speed() -> Figure:
    results = Results.from_json((ROOT / "benchmarks" / "results" / "speed.json").read_text("utf-8"))
    return speed_figure(results.cells)


def compared() -> Figure:
    """The page's comparison on scikit-learn's digits."""
    activations = ["gelu", "silu", "tanh", "sigmoid"]
    with tempfile.TemporaryDirectory() as folder:
        return nl.compare(None, "digits", activations=activations, out=Path(folder) / "digits").figures["differences"]


DRAWN: dict[str, Callable[[], Figure]] = {
    "activations.png": curves("relu", "gelu", "sigmoid", "tanh"),
    "speed.png": speed,
    "four.svg": curves("relu", "sigmoid", "tanh", "gelu"),
    "xor.png": lessons.xor,
    "pieces.svg": lessons.pieces,
    "depth.svg": plot("relu", "tanh", "sigmoid", depth=30),
    "spike.svg": lessons.spike,
    "relu_sigmoid.svg": curves("relu", "sigmoid"),
    "leaky.svg": curves("leaky_relu", vary={"negative_slope": [0.01, 0.1, 0.3]}),
    "exponential.svg": curves("elu", "celu(alpha=2)", "selu", "softplus"),
    "swish.svg": curves("swish", vary={"beta": [0.5, 1, 3, 10]}),
    "bounded.svg": curves("tanh", "sigmoid", "softsign"),
    "softmax.svg": lessons.softmax,
    "plot-depth.png": plot("relu", "tanh", "sigmoid", "squared_relu", depth=True),
    "plot-side-by-side.png": curves("relu", "step", "hard_silu", side_by_side=True),
    "surrogates.png": curves(*(name for name, f in nl.catalog.items() if f.definition.surrogate)),
    "losses.svg": losses_figure,
    "compare.svg": compared,
}
# What an example draws while it trains.
EXAMPLES = {"dying_relu.png": "dying_relu.py", "continual.png": "continual.py", "spiking.png": "spiking.py"}
NAMES = (*DRAWN, *EXAMPLES)


def draw(name: str, folder: Path) -> Path:
    """Draw one figure into a folder."""
    path = folder / name
    if name in EXAMPLES:
        subprocess.run([sys.executable, ROOT / "examples" / EXAMPLES[name], "-o", path], check=True)
        return path
    write_whole(path, picture(DRAWN[name](), path.suffix))
    return path


if __name__ == "__main__":
    asked = sys.argv[1:]
    if unknown := [name for name in asked if not any(name == Path(known).stem for known in NAMES)]:
        sys.exit(f"no such figure: {unknown[0]!r}: one of {', '.join(Path(name).stem for name in NAMES)}")
    for name in NAMES:
        if not asked or Path(name).stem in asked:
            print(draw(name, IMAGES).relative_to(ROOT), flush=True)
