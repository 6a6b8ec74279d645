"""How long a fresh process takes: to import nonlin, and to the first result of an activation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

_IMPORTS = {"interpreter": "pass", "numpy": "import numpy", "nonlin": "import nonlin"}


def start(functions: Iterable[str], rounds: int = 3, said: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """`import_ratio`: nonlin's import over NumPy's, the interpreter's own start taken off from both.

    `first_call`: for each function the whole time of a process until its first result, in seconds, with the
    kernel in the cache (`warm`, the median) and with an empty cache (`cold`, once).
    """
    said("imports")
    first: dict[str, dict[str, float]] = {}
    ratio = import_ratio(7 * rounds)
    for spec in functions:
        said(f"first call of {spec}")
        first[spec] = _first_call(spec, rounds)
    return {"import_ratio": ratio, "first_call": first}


def import_ratio(runs: int) -> float:
    """Medians of so many fresh processes; the imports alternate, so that what else runs meets them alike."""
    times = [{name: _seconds(code) for name, code in _IMPORTS.items()} for _ in range(runs + 1)][1:]
    whole = {name: median(run[name] for run in times) for name in _IMPORTS}
    return (whole["nonlin"] - whole["interpreter"]) / (whole["numpy"] - whole["interpreter"])


def _first_call(spec: str, rounds: int) -> dict[str, float]:
    code = f"import numpy, nonlin; nonlin.get({spec!r})(numpy.ones(1000, numpy.float32))"
    with tempfile.TemporaryDirectory() as folder:
        fresh = {"NONLIN_CACHE_DIR": folder}
        cold = _seconds(code, fresh)
        return {"cold": cold, "warm": median(_seconds(code, fresh) for _ in range(rounds))}


def _seconds(code: str, environment: Mapping[str, str] | None = None) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **(environment or {})})
    return time.perf_counter() - begin
