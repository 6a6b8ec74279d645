"""Kernels are compiled once: the next process reads them, needs no compiler for them, and trusts nothing damaged."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import numpy as np
import nonlin as nl
x = np.linspace(-9, 9, 1001, dtype=np.float32)
activation = nl.define("mine", "x*tanh(a*x)/(1 + exp(-x))", a=1.0)
y = activation(x)
print(y.tobytes().hex())
print(activation.derivative(x).tobytes().hex())
print("compiled" if "nonlin.backends.kernels.text" in sys.modules else "read")
"""


def run(cache: Path, *options: str) -> tuple[list[str], str]:
    environment = {**os.environ, "NONLIN_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, *options, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split(), done.stderr


def test_the_second_process_compiles_nothing_and_gives_the_same_bits(tmp_path: Path):
    first, _ = run(tmp_path)
    second, words = run(tmp_path, "-W", "error")
    assert first[-1] == "compiled"
    assert second[-1] == "read"
    assert first[:-1] == second[:-1]
    assert words == ""


def test_a_damaged_kernel_is_a_warning_and_is_compiled_anew(tmp_path: Path):
    first, _ = run(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:-9] + bytes(9))
    second, words = run(tmp_path)
    assert "CacheWarning" in words
    assert second == first
    assert run(tmp_path)[0][-1] == "read"


def test_two_processes_that_compile_at_once_agree(tmp_path: Path):
    environment = {**os.environ, "NONLIN_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0].split() for process in both]
    assert all(process.returncode == 0 for process in both)
    assert outputs[0][:2] == outputs[1][:2]
    assert run(tmp_path)[0] == [*outputs[0][:2], "read"]
