"""Training in several processes: gradients of DistributedDataParallel, and activations in a DataLoader's workers."""

import os
import sys

import pytest
import torch
import torch.multiprocessing
from torch import distributed, nn
from torch.utils.data import DataLoader, Dataset

import nonlin as nl
import nonlin.torch

ALL = [nl.get(name) for name in ("relu", "gelu", "mish", "prelu", "snake", "softmax")]
pytestmark = [
    # Python warns of a fork beside threads, and so does JAX where another test has loaded it.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]


def model(save):
    torch.manual_seed(0)
    layers = [layer for a in ALL for layer in (nn.Linear(6, 6), nonlin.torch.layer(a))]
    made = nn.Sequential(*layers, nn.Linear(6, 2))
    if save == "output":
        nl.torch.lean(made)
    return made


def batch():
    return torch.randn(16, 6, generator=torch.Generator().manual_seed(1))


def train(rank, folder, save):
    """Three steps of SGD on this process' half of the batch."""
    store = distributed.FileStore(f"{folder}/store", 2)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    try:
        parallel = nn.parallel.DistributedDataParallel(model(save))
        optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            parallel(batch()[rank::2]).square().mean().backward()
            optimizer.step()
        torch.save(parallel.module.state_dict(), f"{folder}/{rank}")
    finally:
        distributed.destroy_process_group()
    os._exit(0)  # gloo's threads outlive the group, and now and then end a process that exits by itself with SIGABRT


@pytest.mark.parametrize("save", ["input", "output"])
def test_two_processes_train_what_one_does(tmp_path, save):
    torch.multiprocessing.spawn(train, (str(tmp_path), save), nprocs=2)
    alone = model(save)
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        alone(batch()).square().mean().backward()
        optimizer.step()
    first, second = (torch.load(tmp_path / str(rank), weights_only=True) for rank in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, dict(alone.state_dict()), rtol=1e-4, atol=1e-6)


class Activated(Dataset):
    """Activations computed by the worker: large enough that threads share the work."""

    def __len__(self):
        return len(ALL)

    def __getitem__(self, i):
        return ALL[i](torch.linspace(-6, 6, 1 << 18))


@pytest.mark.parametrize("start", ["fork", "spawn"] if sys.platform == "linux" else ["spawn"])
def test_workers_compute_what_their_parent_does(start):
    want = [Activated()[i] for i in range(len(ALL))]  # the parent's threads have started before the workers do
    loader = DataLoader(Activated(), batch_size=None, num_workers=2, multiprocessing_context=start, timeout=120)
    for got, expected in zip(loader, want, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
