"""What makes the documentation, for its tests; and one process that runs all code of the pages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "docs"))


@pytest.fixture(scope="session")
def runner():
    """Runs code or a command in a folder and returns what each block printed; fails with the traceback."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "MPLBACKEND": "agg", "PYTHONWARNINGS": "default"}
    program = [sys.executable, str(Path(__file__).with_name("runner.py"))]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def run(folder, **task):
        process.stdin.write(json.dumps({"folder": str(folder), **task}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert answer["error"] is None, answer["error"]
        return answer["printed"]

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait()
