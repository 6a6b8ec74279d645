"""Tensors of every layout; kernels for GPUs, run without one."""

import numpy as np
import pytest
import torch


@pytest.fixture
def interpreted(monkeypatch):
    """Kernels that are made here are interpreted; none is kept, since other tests have no use for them."""
    gpu = pytest.importorskip("nonlin.backends.triton", reason="Triton has no release for this platform")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    forget(gpu)
    with np.errstate(all="ignore"):
        yield
    forget(gpu)


def forget(gpu):
    gpu._kernel.cache_clear()
    gpu.at_numbers.cache_clear()
    gpu.refused.clear()


class Driver:
    """A GPU's driver as far as Triton's compiler asks one: an A100."""

    def get_current_target(self):
        import triton

        return triton.backends.compiler.GPUTarget("cuda", 80, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


@pytest.fixture
def gpu_driver():
    """Triton compiles for a GPU that is not there."""
    driver = pytest.importorskip("triton").runtime.driver
    driver.set_active(Driver())
    yield
    driver.set_active(None)  # as before: the one of this machine, asked when there is need


@pytest.fixture
def layouts():
    base = torch.linspace(-3, 3, 2 * 3 * 4 * 6, dtype=torch.float64).reshape(2, 3, 4, 6)
    return {
        "contiguous": base,
        "channels_last": base.to(memory_format=torch.channels_last),
        "transposed": base.transpose(1, 3),
        "sliced": base[:, :, ::2, 1:5],
        "expanded": base[:1, :, :1].expand(5, 3, 2, 6),
        "empty": base[:, :0],
        "0-d": base[0, 0, 0, 0],
        "offset": base[1, 2, 3, 2:],
    }
