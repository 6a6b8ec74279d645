"""The examples run, print their table and draw their figure, in a small form."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "options", "row"),
    [
        ("dying_relu.py", ("--epochs", "6", "--seeds", "1", "--width", "32"), "lower rate, revive"),
        ("continual.py", ("--tasks", "5", "--seeds", "1"), "revived units of 192"),
        ("spiking.py", ("--epochs", "1", "--seeds", "1", "--width", "16"), "spike_straight_through"),
    ],
)
def test_example(name: str, options: tuple[str, ...], row: str, tmp_path: Path) -> None:
    figure = tmp_path / "figure.png"
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *options, "-o", str(figure)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert row in done.stdout
    assert figure.stat().st_size > 10_000
