"""Keras' tests on the engines that plain `pytest` can have, each in a process of its own.

Where KERAS_BACKEND is set, as scripts/test does for one engine after the other, tests/keras runs in this process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(bool(os.environ.get("KERAS_BACKEND")), reason="KERAS_BACKEND chooses one engine")


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_keras_on(engine):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__).parent / "keras")]
    environment = {**os.environ, "KERAS_BACKEND": engine}
    environment = {k: v for k, v in environment.items() if not k.startswith("PYTEST_")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
