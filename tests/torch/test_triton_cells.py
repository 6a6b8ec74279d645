"""The backward pass from the output as a kernel for GPUs, run by Triton's interpreter on CPU tensors."""

import numpy as np
import pytest
import torch

import nonlin as nl
from nonlin.backends import torch_cells
from nonlin.errors import ParameterError
from nonlin.inverse import inverse

pytest.importorskip("triton", reason="Triton has no release for this platform")
cells = pytest.importorskip("nonlin.backends.triton_cells")
pytestmark = pytest.mark.usefixtures("interpreted")


@pytest.fixture(autouse=True)
def fresh():
    cells.kernel.cache_clear()
    yield
    cells.kernel.cache_clear()


def table_of(activation, dtype):
    """The cells of f', or a skip for a formula that has none."""
    try:
        known = inverse(activation.rule, tuple(map(float, activation.parameters.values())))
    except ParameterError:
        pytest.skip("its slope does not follow from its output")
    if known.stepwise or known.slope is not None:
        pytest.skip("its slope is a formula in its output")
    if len(known.flats) > torch_cells.MOST_FLATS:
        pytest.skip("it has more places without a slope than the kernel asks for")
    working = torch.float64 if dtype is torch.float64 else torch.float32
    return torch_cells.Table.of(known, 1, working, torch.device("cpu"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_it_is_the_loop_of_the_cpu(activation, dtype):
    table = table_of(activation, dtype)
    x = torch.cat([torch.linspace(-12, 12, 1500), torch.tensor([-90.0, 0.0, 90.0])]).to(dtype)
    y = activation(x)
    turn = table.inverse.turn
    bits = None if turn is None else torch_cells.packed(x > turn.place)
    grad = torch.linspace(-2, 3, len(x)).to(dtype)
    want, got = torch.empty_like(y), torch.full_like(y, torch.nan)
    table._looped(y, bits, grad, want)
    tables = table.lefts, table.anchors, table.scales, table.rows
    numbers = torch_cells._held(table._numbers(dtype), table.lefts.dtype, y.device)
    assert cells.backward(y, bits, grad, got, numbers, tables)
    rounding = 8 * torch.finfo(table.lefts.dtype).eps  # beside 0 of a polynomial, and one step of a half precision
    torch.testing.assert_close(got, want, rtol=torch.finfo(dtype).eps, atol=rounding)


def test_where_triton_cannot_compile_it_says_so(monkeypatch):
    def broken():
        raise RuntimeError("Failed to find C compiler")

    monkeypatch.setattr(cells, "kernel", broken)
    table = table_of(nl.gelu, torch.float32)
    y = nl.gelu(torch.linspace(-3, 3, 9))
    tables = table.lefts, table.anchors, table.scales, table.rows
    numbers = torch_cells._held(table._numbers(y.dtype), y.dtype, y.device)
    bits = torch_cells.packed(torch.linspace(-3, 3, 9) > table.inverse.turn.place)
    with pytest.warns(RuntimeWarning, match="Failed to find C compiler"):
        assert not cells.backward(y, bits, y, torch.empty_like(y), numbers, tables)
    assert not cells.backward(y, bits, y, torch.empty_like(y), numbers, tables)


def test_it_compiles_for_a_gpu(gpu_driver, monkeypatch):
    """By Triton and by CUDA's assembler, as for a launch, and not run."""
    monkeypatch.delenv("TRITON_INTERPRET")
    kinds = torch.bfloat16, torch.uint8, torch.bfloat16, torch.bfloat16
    tables = (torch.float32,) * 5
    shape = {"STEPS": 4, "DEGREE": 8, "TURNS": True, "BLOCK": cells.BLOCK}
    made = cells.kernel().warmup(*kinds, 2**20, *tables, **shape, **cells.OPTIONS, grid=(1,))
    assert made.asm["cubin"]


def test_the_gradient_that_is_kept_in_less(monkeypatch):
    """A call on tensors that pass for a GPU's takes it, and gives what the input would have given."""
    taken = []
    is_memory, backward = torch_cells.is_memory, cells.backward
    monkeypatch.setattr(torch_cells, "is_memory", lambda x, gpu=False: gpu and is_memory(x))
    monkeypatch.setattr(cells, "backward", lambda *given: taken.append(given) or backward(*given))
    x = torch.linspace(-6, 6, 301, requires_grad=True)
    layer = nl.torch.GELU(save="output")
    layer(x).sum().backward()
    assert len(taken) == 1
    np.testing.assert_allclose(x.grad, nl.gelu.derivative(x.detach().numpy()), atol=2e-4)
