"""One trial at a time on a GPU, whoever runs it: two would share its memory and disturb each other's time."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from nonlin.comparison.extras import require
from nonlin.errors import ParameterError


def devices(asked: str) -> tuple[str, ...]:
    """The devices that "cpu", "cuda:1" or "cuda" (every GPU) mean on this machine. Raises ParameterError."""
    if asked == "cpu":
        return (asked,)
    require("torch")

    import torch

    try:
        device = torch.device(asked)
    except (RuntimeError, TypeError):
        raise ParameterError(f"device: {asked!r}: give cpu, cuda, or one GPU such as cuda:0") from None
    if device.type != "cuda":
        raise ParameterError(f"device: {asked!r}: not supported: give cpu, cuda, or one GPU such as cuda:0")
    count = torch.cuda.device_count()
    if count == 0:
        raise ParameterError(f"device: {asked!r}: PyTorch {torch.__version__} sees no GPU here: use cpu")
    if ":" not in asked:
        return tuple(f"cuda:{index}" for index in range(count))
    if device.index >= count:
        raise ParameterError(f"device: {asked!r}: PyTorch sees {count} here: the last is cuda:{count - 1}")
    return (str(device),)


@contextmanager
def reserved(device: str) -> Generator[None]:
    """Waits until the GPU is free of other trials of this user's; the kernel frees it when the process ends."""
    if device == "cpu":
        yield
        return
    import torch

    # Two processes may see the same GPU under different numbers.
    name = f"nonlin-{getpass.getuser()}-{torch.cuda.get_device_properties(device).uuid}.lock"
    with FileLock(Path(tempfile.gettempdir()) / name):
        yield
