"""A kernel over a big array in chunks: the same bits on any number of threads, of OpenMP or our own."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import nonlin as nl
from nonlin.backends.kernels import openmp, pool, split
from nonlin.backends.kernels.builtin import kernel_at
from nonlin.backends.memory import loops

ROWS = [(dtype, count) for dtype in ("float16", "float32") for count in (10_000, 99_991, 1_000_003)]


@pytest.fixture(params=["openmp", "pool"])
def threads(request, monkeypatch):
    """Calls on so many threads of a kind; few enough elements to be split many times over."""
    if request.param == "pool":
        monkeypatch.setattr(openmp, "runtime", lambda: None)
        monkeypatch.setattr(pool, "BREAK_EVEN", 1.0)
        monkeypatch.setattr(pool, "SHARE", 0.5)
    elif openmp.runtime() is None:
        pytest.skip("PyTorch has no OpenMP here")
    monkeypatch.setattr(split, "_SHARE", 1.0)
    yield nl.set_threads
    nl.set_threads(None)


@pytest.mark.parametrize("dtype, count", ROWS)
@pytest.mark.parametrize("name", ["relu", "gelu", "leaky_relu", "sin"])
def test_values_and_gradients_have_the_same_bits_on_any_number_of_threads(name, dtype, count, threads):
    activation, generator = nl.get(name), torch.Generator().manual_seed(count)
    x = torch.randn(count, generator=generator).to(getattr(torch, dtype)).requires_grad_()
    grad = torch.randn(count, generator=generator).to(x.dtype)
    results = []
    for n in (1, 2, 7):
        threads(n)
        y = activation(x)
        results.append((y.detach(), *torch.autograd.grad(y, x, grad)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_parameters_that_are_arrays_and_slopes_from_the_output_are_split_too(threads):
    x, slopes = np.linspace(-3, 3, 50_001), np.linspace(0.1, 0.9, 50_001)
    tensor = torch.from_numpy(x).float().requires_grad_()
    layer = nl.torch.GELU(save="output")
    results = []
    for n in (1, 3):
        threads(n)
        results.append((nl.leaky_relu(x, negative_slope=slopes), *torch.autograd.grad(layer(tensor).sum(), tensor)))
    np.testing.assert_array_equal(results[0][0], np.where(x > 0, x, slopes * x))
    assert np.array_equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])


def test_callers_at_once_get_each_their_own(threads):
    threads(2)
    inputs = [torch.full((60_000,), float(i)) for i in range(16)]
    found = [None] * 16

    def call(i):
        for _ in range(5):
            found[i] = nl.gelu(inputs[i])

    callers = [threading.Thread(target=call, args=(i,)) for i in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for x, y in zip(inputs, found, strict=True):
        assert torch.equal(y, nl.gelu(x[:1]).expand_as(x))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"])
def test_the_child_of_a_fork_computes_without_the_threads_of_its_parent(ending):
    code = f"""
import os, sys, torch, warnings
import nonlin as nl
from nonlin.backends.kernels import openmp
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
nl.set_threads(2)
x = torch.randn(300_000)
y = nl.gelu(x)
parent = openmp.runtime()
child = os.fork()
if not child:
    assert openmp.runtime() is None
    assert nl.gelu(x).numpy().tobytes() == y.numpy().tobytes()  # PyTorch's own functions would wait for the threads
    {ending}
assert os.waitpid(child, 0)[1] == 0
assert openmp.runtime() is parent
assert torch.equal(nl.gelu(x), y)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_pytorch_the_threads_are_our_own():
    code = """
import sys
import numpy as np
import nonlin as nl
from nonlin.backends.kernels import openmp, pool
nl.set_threads(2)
x = np.linspace(-3, 3, 2_000_001)
y = nl.gelu(x)
assert "torch" not in sys.modules and openmp.runtime() is None
assert pool._pool.made == 1
nl.set_threads(1)
assert np.array_equal(nl.gelu(x), y)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_builtin_takes_its_arguments_as_they_are_and_gives_none():
    memory = np.array([-1.0, 2.0, -0.5]), np.empty(3)
    addresses = [a.ctypes.data for a in memory]
    kernel, _ = loops(nl.leaky_relu.rule, (0, 0))[np.dtype(np.float64), False, False]
    assert kernel.arguments == "ppnd"
    for call in (kernel.call, lambda *given: kernel.bound([0.25])(*given[:-1])):
        memory[1][:] = 0
        before = sys.getrefcount(None)
        assert all(call(*addresses, 3, 0.25) is None for _ in range(100_000))
        assert abs(sys.getrefcount(None) - before) < 50_000  # other things of the process come and go
        np.testing.assert_array_equal(memory[1], [-0.25, 2.0, -0.125])
    again = kernel_at(kernel.address, kernel.arguments)
    assert again.call(*addresses, 2, 0.5) is None
    np.testing.assert_array_equal(memory[1], [-0.5, 2.0, -0.125])


def test_machine_code_for_every_kind_of_argument():
    for arguments in ("ppn", "pppn", "ppnd", "ppnp", "ppppnppppdd"):
        moves = tuple({"p": 32, "n": 0, "d": 0}[letter] for letter in arguments)
        address, pack = openmp._chunks(arguments, moves)
        assert address
        assert len(pack(*[0] * (4 + len(arguments)))) == 8 * (4 + len(arguments))
