"""All that the README and the pages show runs: each Python block in a process of its own, each command in a folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/compare.md", "docs/explore.md", "docs/plots.md", "docs/spikes.md")
TEXT = "\n".join((ROOT / page).read_text() for page in PAGES)
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
COMMANDS = [line.split("#")[0].strip() for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
NONLIN = list(dict.fromkeys(c for c in COMMANDS if c.startswith("nonlin ")))
TRAINING = next(t for t in PYTHON if "nl.watch" in t).replace(
    "with nl.watch(model, optimizer, every=5) as health:", "if 1:"
)
TRAINING = TRAINING.replace("print(health.report())", "print('trained')")
MODULE = """
import numpy as np
from torch import nn

def make_model(activation):
    return nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 2))

def make_data():
    return np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
"""
QUICK = {"compare": ["--seeds", "2", "--epochs", "1", "--learning-rates", "0.01"], "bench": ["relu", "--size", "1000"]}


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONWARNINGS": "default"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("text", PYTHON, ids=lambda t: t.strip().splitlines()[0])
def test_python_blocks_run(text, tmp_path):
    done = run([sys.executable, "-c", text], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", NONLIN)
def test_commands_run(command, tmp_path):
    (tmp_path / "docs/images").mkdir(parents=True)
    rows = [f"{i % 7},{(i * 3) % 5},{'abc'[i % 3]}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["length,width,species", *rows]))
    (tmp_path / "train.py").write_text(TRAINING)
    (tmp_path / "mymodule.py").write_text(MODULE)
    words = shlex.split(command)[1:]
    done = run([str(Path(sys.executable).with_name("nonlin")), *words, *QUICK.get(words[0], [])], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("scripts/")])
def test_scripts_are_there_and_read_as_bash(command):
    assert os.access(ROOT / command, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / command]).returncode == 0


def test_the_readme_shows_the_main_commands():
    assert {"scripts/demo", "scripts/test"} <= set(COMMANDS)
    assert {c.split()[1] for c in NONLIN} >= {"compare", "list", "show", "plot"}


def test_what_the_readme_says_of_the_frameworks_is_so():
    import jax
    import torch

    import nonlin as nl

    x = torch.full((64,), 9.1, requires_grad=True)
    torch.tanh(x).sum().backward()
    assert x.grad[0] == 0 and jax.grad(jax.numpy.tanh)(9.1) == 0
    assert nl.tanh.derivative(9.1) == pytest.approx(4.99e-8, rel=1e-3)
    theirs = torch.nn.functional.gelu(torch.full((64,), -5.5))[0].item()
    assert theirs / nl.gelu(-5.5) == pytest.approx(1.57, abs=0.01)
    x = torch.linspace(-20, 20, 5, requires_grad=True)
    nl.tanh(x).sum().backward()
    assert x.grad[0].item() == pytest.approx(1.7e-17, rel=1e-2)
