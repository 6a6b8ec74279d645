"""Worker processes: the same bits as one process, whatever happens to them."""

import os
import random
import signal
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

import nonlin as nl
from nonlin.comparison.journal import Journal
from nonlin.comparison.ledger import Ledger
from nonlin.errors import DataError, ParameterError, WorkerError

KILLS = 3


def test_two_workers_give_the_bits_of_one_process(scenario, undisturbed, tmp_path):
    found = scenario.comparison(tmp_path / "out", count=str(tmp_path / "count"), workers=2)
    scenario.assert_same(found, undisturbed[0])
    assert scenario.batches(tmp_path / "count") == undisturbed[1]
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_killed_workers_lose_no_trial_and_at_most_an_epoch_each(scenario, undisturbed, command, tmp_path):
    """kill -9 at random moments, seeded, of workers that are at work."""
    draw = random.Random(7)
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=2)
    running.wait_for((tmp_path / "count").exists)
    for _ in range(KILLS):
        before = scenario.batches(tmp_path / "count")
        running.wait_for(lambda before=before: scenario.batches(tmp_path / "count") > before + scenario.BATCHES)
        time.sleep(draw.uniform(0, 0.2))
        os.kill(draw.choice(running.workers()), signal.SIGKILL)
    said = running.ended()
    assert running.process.returncode == 0, said
    again = scenario.comparison(tmp_path / "out", count=str(tmp_path / "again"))
    scenario.assert_same(again, undisturbed[0])
    assert not (tmp_path / "again").exists()  # the finished comparison was read
    redone = scenario.batches(tmp_path / "count") - undisturbed[1]
    assert 0 <= redone <= KILLS * scenario.REDONE


def test_ctrl_c_and_a_killed_parent_end_the_workers_and_the_same_command_goes_on(
    scenario, undisturbed, command, tmp_path
):
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=2)
    workers = trained(scenario, running, tmp_path, 80)
    running.process.send_signal(signal.SIGINT)
    assert "goes on" in running.ended()
    assert not any(alive(pid) for pid in workers)
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=2)
    workers = trained(scenario, running, tmp_path, 80)
    running.process.kill()
    running.ended()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kept = len(Ledger(Journal(tmp_path / "out")).outcomes())
    found = scenario.comparison(tmp_path / "out", count=str(tmp_path / "count"))
    assert 0 < kept < len(found.trials)
    scenario.assert_same(found, undisturbed[0])
    # four workers were ended, each in the middle of an epoch
    assert scenario.batches(tmp_path / "count") <= undisturbed[1] + 4 * scenario.REDONE


def trained(scenario, running, folder, more):
    """The two workers, once they have trained on so many more batches."""
    count = folder / "count"
    before = scenario.batches(count) if count.exists() else 0
    running.wait_for(lambda: count.exists() and scenario.batches(count) > before + more)
    workers = running.workers()
    assert len(workers) == 2
    return workers


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_said_and_what_is_finished_is_kept(scenario, undisturbed, command, tmp_path, workers):
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=workers, room=30_000)
    said = running.ended()
    assert running.process.returncode != 0
    assert "OutputError: cannot write" in said
    assert "what is finished is kept; make room, and give the same command again" in said
    kept = len(Ledger(Journal(tmp_path / "out")).outcomes())
    found = scenario.comparison(tmp_path / "out", count=str(tmp_path / "count"))
    assert 0 < kept < len(found.trials)
    scenario.assert_same(found, undisturbed[0])
    assert scenario.batches(tmp_path / "count") <= undisturbed[1] + workers * scenario.REDONE


X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def compared(make_model, out, **settings):
    given = {"activations": ["tanh"], "seeds": 1, "epochs": 2, "learning_rates": [0.01], "workers": 2, **settings}
    return nl.compare(make_model, (X, Y), out=out, **given)


def test_what_a_model_raises_in_a_worker_is_said_with_its_place(tmp_path):
    parent = os.getpid()

    def unlucky(module, given):
        if os.getpid() != parent:
            raise ZeroDivisionError("no\nluck")

    def make_model(activation):
        model = nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 2))
        model.register_forward_pre_hook(unlucky)
        return model

    with pytest.raises(DataError, match=r"ZeroDivisionError: no luck \(unlucky, line \d+\)"):
        compared(make_model, tmp_path)


class Deadly:
    """Ends the process that loads it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_a_worker_that_always_dies_is_not_started_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr("nonlin.comparison.processes.IN_VAIN", 2)
    deadly = Deadly()

    def make_model(activation):
        assert deadly
        return nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 2))

    with pytest.raises(WorkerError, match=r"worker processes ended 2 times .* with exit code 7"):
        compared(make_model, tmp_path)


def test_a_model_that_cannot_leave_this_process_is_refused(tmp_path):
    lock = threading.Lock()

    def make_model(activation):
        with lock:
            return nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 2))

    with pytest.raises(DataError, match=r"cannot go to a worker process: .*workers=1"):
        compared(make_model, tmp_path)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two", True])
def test_a_number_of_workers_that_is_none(workers, tmp_path):
    with pytest.raises(ParameterError, match=r"workers: .*whole number, 1 or more"):
        compared(None, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("device", "said"), [("gpu", "give cpu, cuda"), ("cuda", "sees no GPU here"), ("meta", "not supported")]
)
def test_a_device_that_is_not_there(device, said, tmp_path):
    if torch.cuda.is_available() and device == "cuda":
        pytest.skip("there is one")
    with pytest.raises(ParameterError, match=said):
        compared(None, tmp_path / "out", device=device)
