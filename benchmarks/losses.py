"""Where the frameworks' own functions lose the value or the gradient in float32: the explorer's exactness strips.

    python benchmarks/losses.py    # a minute; writes src/nonlin/explore/losses.json

Each library is asked at every 1/256 from -110 to 110; the true value is nonlin's float64. Where that is a normal
float32 number the result is "lost" if it is 0, not finite or off by half, and "digits" if it is off by 2^-12, half of
the digits, or more. Runs shorter than 1/16 are left out: near a zero every function in float32 has one.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import numpy as np

import nonlin as nl
from nonlin.explore.entries import LOSSES
from nonlin.measure.peers import absent, library
from nonlin.vector import VectorActivation

PEERS = ("torch", "jax", "onnxruntime")
END, STEP, SHORTEST, GAP = 110, 1 / 256, 1 / 16, 1 / 2
GRID = np.arange(-END, END + STEP, STEP)


def runs(got: Any, true: Any) -> list[list[Any]]:
    """[from, to, kind] of each run of inputs of which the same is gone."""
    known = (np.abs(true) >= np.finfo(np.float32).tiny) & (np.abs(true) <= np.finfo(np.float32).max)
    with np.errstate(all="ignore"):
        error = np.where(np.isfinite(got), np.abs(got - true) / np.abs(true), np.inf)
    kinds = np.where(known & ((error >= 0.5) | (got == 0)), 2, np.where(known & (error > 2.0**-12), 1, 0))
    found: list[list[Any]] = []
    for x, kind in zip(GRID[kinds > 0], kinds[kinds > 0], strict=True):
        name = ("digits", "lost")[kind - 1]
        # among the places that lose digits some hit the right result by chance
        if found and found[-1][2] == name and x - found[-1][1] <= GAP:
            found[-1][1] = float(x)
        else:
            found.append([float(x), float(x), name])
    return [run for run in found if run[1] - run[0] >= SHORTEST]


def main() -> None:
    missing = absent(PEERS)
    if missing:
        raise SystemExit(f"not installed: {missing}: install what is to be measured")
    peers = {name: library(name) for name in PEERS}
    rows: dict[str, dict[str, Any]] = {}
    single = GRID.astype(np.float32)
    for activation in nl.catalog.values():
        if isinstance(activation, VectorActivation):
            continue
        for name, peer in peers.items():
            functions = peer.value(activation), peer.derivative(activation)
            if functions[0] is None:
                continue
            true = activation(GRID), activation.derivative(GRID)
            own = [runs(f(single).astype(np.float64), t) for f, t in zip(functions, true, strict=True) if f is not None]
            rows.setdefault(activation.name, {})[name] = own
    about = {name: version(peer.module) for name, peer in peers.items()}
    LOSSES.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
