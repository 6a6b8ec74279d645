"""PyTorch: the random state and the threads of one training run, of Keras on PyTorch too."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Generator[None]:
    """The seed of this run; the caller's random state and threads come back afterwards.

    One thread: sums in another order would round otherwise, and results would depend on how many workers there are.
    More cores are for more workers.
    """
    threads = torch.get_num_threads()
    gpus = [device] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def random_state() -> bytes:
    """Where the CPU's generator is."""
    return torch.get_rng_state().numpy().tobytes()


def set_random_state(state: bytes) -> None:
    """Bring the CPU's generator to where it was."""
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
