"""Kernels for GPUs, run without one."""

import numpy as np
import pytest


@pytest.fixture
def interpreted(monkeypatch):
    """Kernels that are made here are interpreted; none is kept, since other tests have no use for them."""
    gpu = pytest.importorskip("nonlin.backends.triton", reason="Triton has no release for this platform")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    gpu._kernel.cache_clear()
    gpu._refused.clear()
    with np.errstate(all="ignore"):
        yield
    gpu._kernel.cache_clear()
    gpu._refused.clear()
