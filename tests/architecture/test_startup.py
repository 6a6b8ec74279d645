"""`import nonlin` is as light as `import numpy`: it loads no framework, no SymPy, no compiler."""

import json
import subprocess
import sys

HEAVY = {
    "cupy",
    "flax",
    "jax",
    "keras",
    "llvmlite",
    "matplotlib",
    "optuna",
    "pandas",
    "rich",
    "scipy",
    "sklearn",
    "sympy",
    "tensorflow",
    "torch",
    "typer",
}


def test_import_loads_nothing_heavy() -> None:
    code = "import nonlin, json, sys; print(json.dumps(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY.intersection(json.loads(loaded))
