"""Watch in the situations that trainings are in: several processes, compiled models, failures, bad input."""

import copy
import os

import pytest
import torch
import torch.multiprocessing
from torch import distributed, nn
from torch.utils.data import DataLoader, TensorDataset

import nonlin as nl
from nonlin.errors import WatchError


def mlp(activation=nn.ReLU):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), activation(), nn.Linear(32, 32), activation(), nn.Linear(32, 4))


def step(model, optimizer, x):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def data(seed, size=64):
    return torch.randn(size, 16, generator=torch.Generator().manual_seed(seed))


# Several processes ----------------------------------------------------------------------------------------------------


def ranks(rank, folder, watched):
    store = distributed.FileStore(f"{folder}/store{watched}", 2)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    try:
        model = mlp()
        with torch.no_grad():
            model[0].bias[5] = -1e3
        parallel = nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.SGD(parallel.parameters(), lr=0.01)
        health = nl.watch(parallel, optimizer, every=1)
        if watched:
            health.start()
        for i in range(6):
            step(parallel, optimizer, data(i)[rank::2])
        health.stop()
        found = [(f.kind, f.layer, f.units, f.evidence) for f in health.findings]
        torch.save((model.state_dict(), found), f"{folder}/{watched}{rank}")
    finally:
        distributed.destroy_process_group()
    os._exit(0)  # gloo's threads outlive the group, and now and then end a process that exits by itself with SIGABRT


def test_all_processes_count(tmp_path):
    states = []
    for watched in (False, True):
        torch.multiprocessing.spawn(ranks, (str(tmp_path), watched), nprocs=2)
        states.append([torch.load(tmp_path / f"{watched}{rank}", weights_only=True) for rank in range(2)])
    plain, seen = states
    torch.testing.assert_close(seen[0][0], plain[0][0], rtol=0, atol=0)
    # 32 observations a step and process: one process alone would have seen 192
    assert seen[0][1] == seen[1][1] == [("dead", "0", (5,), 384)]


# Python warns of a fork beside threads, and so does JAX where another test has loaded it.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")
def test_workers_of_a_loader():
    loader = DataLoader(TensorDataset(torch.cat([data(i) for i in range(8)])), batch_size=64, num_workers=2)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with nl.watch(model, optimizer, every=1) as health:
        for (x,) in loader:
            step(model, optimizer, x)
    assert health.record.sampled == 8 and not health.findings


# Trainings of other kinds ---------------------------------------------------------------------------------------------


def test_gradients_that_are_accumulated_are_one_step():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with nl.watch(model, optimizer, every=2) as health:
        for i in range(8):
            optimizer.zero_grad()
            for k in range(4):
                model(data(4 * i + k)).square().mean().backward()
            optimizer.step()
    assert health.step == 8 and health.record.sampled == 4
    assert [step for step, _ in health.record.ordered[0].gradients] == [0, 2, 4, 6]


def test_a_scaled_loss_changes_no_finding():
    found = []
    for scale in (1.0, 2.0**16):
        model = mlp(nn.Sigmoid)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
        with nl.watch(model, optimizer, every=1) as health:
            for i in range(6):
                optimizer.zero_grad()
                (model(data(i)).square().mean() * scale).backward()
                optimizer.step()
        found.append([(f.kind, f.layer) for f in health.findings])
    assert found[0] == found[1]


def test_without_an_optimizer_forward_passes_count():
    model = mlp()
    with nl.watch(model, every=3) as health:
        for i in range(9):
            model(data(i)).sum().backward()
            model.eval()
            model(data(i))
            model.train()
    assert health.record.sampled == 3 and len(health.record.ordered) == 2


def test_two_models_share_nothing():
    models = [mlp(), mlp(nn.GELU)]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.01) for m in models]
    with nl.watch(models[0], optimizers[0], every=1) as a, nl.watch(models[1], optimizers[1], every=1) as b:
        for i in range(4):
            for model, optimizer in zip(models, optimizers, strict=True):
                step(model, optimizer, data(i))
    assert {str(layer.activation) for layer in a.record.ordered} == {"relu"}
    assert {str(layer.activation) for layer in b.record.ordered} == {"gelu"}


def test_exceptions_of_the_training_are_the_users():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(RuntimeError, match="shapes"), nl.watch(model, optimizer, every=1) as health:
        step(model, optimizer, data(0))
        model(torch.randn(3, 5))
    assert health.record.sampled >= 1
    assert not torch._C._is_torch_function_mode_enabled()
    step(model, optimizer, data(1))


# Clear words ----------------------------------------------------------------------------------------------------------


# when it looks, and when it has enough to measure: half of 300 observations
@pytest.mark.parametrize(("part", "fails_at"), [("_rows", 0), ("outputs", 2)])
def test_a_failure_inside_is_said_and_training_goes_on(monkeypatch, part, fails_at):
    import nonlin.health.torch_measured as measured

    def fails(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(measured, part, fails)
    model, plain = mlp(), mlp()
    optimizer, other = (torch.optim.SGD(m.parameters(), lr=0.01) for m in (model, plain))
    with nl.watch(model, optimizer, every=1) as health:
        for i in range(fails_at):
            step(model, optimizer, data(i))
        with pytest.warns(RuntimeWarning, match=f"watching stopped at step {fails_at}: ZeroDivisionError: planted"):
            step(model, optimizer, data(fails_at))
        step(model, optimizer, data(fails_at + 1))
    for i in range(fails_at + 2):
        step(plain, other, data(i))
    torch.testing.assert_close(dict(model.state_dict()), dict(plain.state_dict()), rtol=0, atol=0)
    assert "watching stopped" in health.report()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_compiled_model_trains_on(when):
    torch.compiler.reset()
    model = mlp()
    compiled = torch.compile(model, backend="aot_eager")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    if when == "after":
        step(compiled, optimizer, data(0))
    with nl.watch(compiled if when == "after" else model, optimizer, every=1) as health:
        for i in range(3):
            step(compiled, optimizer, data(i))
    assert health.findings == []
    assert "compiled" in health.report()
    torch.compiler.reset()


def test_a_model_without_activations_says_so():
    model = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with nl.watch(model, optimizer, every=1) as health:
        step(model, optimizer, data(0))
    assert "No activation was seen between layers of weights." in health.report()


def test_a_model_that_is_not_trained_says_so():
    model = mlp().eval()
    with nl.watch(model, every=1) as health:
        model(data(0))
    assert "No forward pass in training was seen" in health.report()


BAD = [
    (lambda: nl.watch(3), "not a torch.nn.Module: int"),
    (lambda: nl.watch(mlp(), "adam"), "not a torch.optim.Optimizer: str"),
    (lambda: nl.watch(mlp(), every=0), "every: 0"),
    (lambda: nl.watch(mlp(), torch.optim.SGD(mlp().parameters(), lr=1.0)), "optimizer without a parameter"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_input_is_one_line(call, words):
    with pytest.raises(WatchError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_watched_model_can_be_copied():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with nl.watch(model, optimizer, every=1) as health:
        step(model, optimizer, data(0))
        copied = copy.deepcopy(model)(data(1))
        with torch.no_grad():
            torch.testing.assert_close(copied, model(data(1)), rtol=0, atol=0)
    assert health.record.sampled == 1
