"""All code that the pages show runs: each block of Python prints what the page says, each command does its work."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import PAGES, ROOT, blocks, commands, python

PYTHON = [unit for page in PAGES for unit in python(page)]
COMMANDS = {
    unit.blocks[0].text: unit for page in reversed(PAGES) for unit in commands(page)
}  # each once, the README's first
# What needs a database or a cluster: tests/comparison/test_cluster_page.py.
ELSEWHERE = "$STORAGE"
NONLIN = [u for text, u in COMMANDS.items() if text.startswith("nonlin ") and ELSEWHERE not in text]
# These take over the process that they run in, or measure it.
OWN_PROCESS = {"watch", "bench"}
QUICK = {"compare": ["--seeds", "2", "--epochs", "1", "--learning-rates", "0.01"], "bench": ["relu", "--size", "1000"]}
MODULE = """
import numpy as np
from torch import nn

def make_model(activation):
    return nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 2))

def make_data():
    return np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
"""
TRAINING = """
import torch

model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(100):
    optimizer.zero_grad()
    model(torch.randn(64, 8)).square().mean().backward()
    optimizer.step()
print("trained")
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with what the commands of the pages speak of."""
    rows = [f"{i % 7},{(i * 3) % 5},{'abc'[i % 3]}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["length,width,species", *rows]))
    (tmp_path / "train.py").write_text(TRAINING)
    (tmp_path / "mymodule.py").write_text(MODULE)
    (tmp_path / "docs/images").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("unit", PYTHON, ids=str)
def test_python(unit, runner, tmp_path):
    printed = runner(tmp_path, code=[block.text for block in unit.blocks])
    for block, text in zip(unit.blocks, printed, strict=True):
        if block.output is not None:
            assert text == block.output, f"{unit.page}:{block.line}"


@pytest.mark.parametrize("unit", NONLIN, ids=lambda unit: unit.blocks[0].text)
def test_commands(unit, runner, folder):
    words = shlex.split(unit.blocks[0].text)
    words += QUICK.get(words[1], [])
    if words[1] in OWN_PROCESS:
        words[0] = str(Path(sys.executable).with_name("nonlin"))
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
    else:
        assert runner(folder, command=words)[0].strip()


@pytest.mark.parametrize("text", [t for t in COMMANDS if t.startswith(("scripts/", "python "))])
def test_scripts_are_there(text):
    words = shlex.split(text)
    if words[0] == "python":
        assert (ROOT / words[1]).is_file()
    else:
        assert os.access(ROOT / words[0], os.X_OK)
        assert subprocess.run(["bash", "-n", ROOT / words[0]]).returncode == 0


def test_every_block_is_run_or_told_what_it_is():
    known = ("nonlin ", "scripts/", "python ", "pip install ")
    assert not [text for text in COMMANDS if not text.startswith(known)]
    kinds = {block.kind for page in PAGES for block in blocks(page.read_text("utf-8"))}
    assert kinds <= {"python", "bash", "text"}


def test_the_readme_shows_the_main_commands():
    readme = {text for text, unit in COMMANDS.items() if unit.page == "README.md"}
    assert {"scripts/demo", "scripts/test"} <= readme
    assert {text.split()[1] for text in readme if text.startswith("nonlin ")} >= {"compare", "list", "show", "plot"}
