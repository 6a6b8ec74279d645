"""The ledger: each trial once, whatever a killed process leaves behind."""

import os
import subprocess
import sys
import threading
import time

import pytest

from nonlin.comparison import lease as leases
from nonlin.comparison.journal import FILE, Journal, claimed
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.plan import Trial
from nonlin.errors import OutputError

NAMES = ("relu", "x + 'a\"b'")
TRIALS = [Trial("final", name, 0.01, 1_000_000 + seed) for seed in range(3) for name in NAMES]


def work(ledger, count=None):
    done = []
    while (count is None or len(done) < count) and (taken := ledger.take(NAMES)) is not None:
        ledger.finish(taken, {"score": taken.trial.seed}, 0.5)
        done.append(taken.trial)
    return done


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Journal(tmp_path))


def opened_elsewhere(folder):
    """What another process does: takes a trial, writes a checkpoint, and is gone."""
    code = (
        "from pathlib import Path; from nonlin.comparison.journal import Journal\n"
        "from nonlin.comparison.ledger import Ledger\n"
        f"taken = Ledger(Journal(Path({str(folder)!r}))).take({NAMES!r})\n"
        "taken.checkpoint.write(b'so far'); print(taken.number)"
    )
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def test_trials_come_once_in_order_with_their_outcomes(ledger):
    ledger.add(TRIALS)
    ledger.add(TRIALS)
    assert work(ledger) == TRIALS
    assert ledger.take(NAMES) is None
    assert ledger.outcomes() == {t: {"score": t.seed} for t in TRIALS}


def test_of_two_that_plan_at_once_the_first_one_s_plan_counts(ledger, tmp_path):
    other = Ledger(Journal(tmp_path))
    assert ledger.plan() is other.plan() is None
    assert ledger.record_plan({"seeds": 3}, None)
    assert not other.record_plan({"seeds": 5}, None)
    assert other.plan() == {"seeds": 3}
    assert other.record_plan({"seeds": 5}, {"seeds": 3})
    assert ledger.plan() == {"seeds": 5}


def test_a_worker_takes_only_the_activations_that_it_knows(ledger):
    ledger.add(TRIALS)
    assert ledger.take(NAMES[1:]).trial == TRIALS[1]
    assert ledger.take(["gelu"]) is None
    assert work(ledger) == [TRIALS[0], *TRIALS[2:]]


def test_a_trial_of_a_process_that_is_gone_goes_back_with_its_checkpoint(ledger, tmp_path):
    ledger.add(TRIALS)
    work(ledger, 2)
    number = opened_elsewhere(tmp_path)
    assert list(ledger.outcomes()) == TRIALS[:2]
    taken = [ledger.take(NAMES) for _ in TRIALS[2:]]
    (left,) = (one for one in taken if one.number == number)
    assert left.checkpoint.read() == b"so far"
    assert {one.trial for one in taken} == set(TRIALS[2:])
    assert all(one.checkpoint.read() is None for one in taken if one is not left)
    assert ledger.take(NAMES) is None
    for one in taken:
        ledger.finish(one, {"score": one.trial.seed}, 0.5)
    assert left.checkpoint.read() is None


def test_a_lease_of_another_machine_counts_until_its_time_is_over():
    now = time.time()
    mine = leases.lease(now)
    assert mine["pid"] == os.getpid()
    assert not leases.is_stale(mine, now)
    other = {**mine, "host": "another", "processes": "another", "pid": 2**22 + 1}
    assert not leases.is_stale(other, now + leases.SECONDS)
    assert leases.is_stale(other, now + leases.SECONDS + 1)
    assert leases.is_stale({**mine, "pid": 2**22 + 1}, now)
    assert leases.is_stale(None, now)


def test_a_lease_is_renewed_while_the_trial_is_kept_and_given_back_when_it_fails(ledger, monkeypatch):
    monkeypatch.setattr("nonlin.comparison.ledger.SECONDS", 0.03)
    ledger.add(TRIALS[:1])
    taken = ledger.take(NAMES)
    (first,) = ledger.running()
    with pytest.raises(ZeroDivisionError), ledger.kept(taken):
        deadline = time.monotonic() + 30
        while ledger.running() == [first] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ledger.running()[0]["until"] > first["until"]
        raise ZeroDivisionError
    assert ledger.running() == []
    assert ledger.take(NAMES).trial == TRIALS[0]


def test_the_first_outcome_counts_where_a_lease_ran_out(ledger, tmp_path):
    """A process that was suspended comes back when another has its trial."""
    ledger.add(TRIALS[:1])
    late = ledger.take(NAMES)
    ledger.give_back(late)
    other = Ledger(Journal(tmp_path))
    other.finish(other.take(NAMES), {"score": "first"}, 0.5)
    ledger.finish(late, {"score": "second"}, 0.7)
    ledger.give_back(late)
    assert ledger.outcomes() == other.outcomes() == {TRIALS[0]: {"score": "first"}}


def test_workers_at_once_share_the_trials_out(ledger, tmp_path):
    many = [Trial("final", NAMES[0], 0.01, seed) for seed in range(40)]
    ledger.add(many)
    done = [[] for _ in range(4)]

    def worker(own):
        own += work(Ledger(Journal(tmp_path)))

    threads = [threading.Thread(target=worker, args=(own,)) for own in done]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(t.seed for own in done for t in own) == list(range(40))
    assert set(ledger.outcomes()) == set(many)


def test_a_checkpoint_can_be_written_whenever_another_trial_ends(ledger, tmp_path):
    """Also between the moment that its folder is made and the moment that it is written."""
    ledger.add(TRIALS[:2])
    first, second = ledger.take(NAMES), ledger.take(NAMES)
    first.checkpoint.write(b"first")
    ledger.finish(first, {"score": 1}, 0.5)
    assert (tmp_path / "checkpoints").exists()
    second.checkpoint.write(b"second")
    ledger.close()  # stopped: the unfinished one stays
    assert second.checkpoint.read() == b"second"
    ledger.finish(second, {"score": 2}, 0.5)
    ledger.close()
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_last_line_costs_no_finished_trial(tmp_path, cut):
    """A kill in the middle of a write: the journal ends in half a line, and other workers go on with it."""
    killed, other = Ledger(Journal(tmp_path)), Ledger(Journal(tmp_path))
    killed.add(TRIALS)
    work(killed, 3)
    killed.take(NAMES)
    killed.finish(killed.take(NAMES), {"score": "s" * 200}, 0.5)
    journal = tmp_path / FILE
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert list(other.outcomes()) == TRIALS[:3]
    for torn in other.running():
        assert torn["pid"] == os.getpid()
    work(other)
    again = Ledger(Journal(tmp_path))
    assert len(again.outcomes()) == 4  # the two that were taken here are leased still


def test_a_folder_is_one_comparison_s_at_a_time(tmp_path):
    with claimed(tmp_path), pytest.raises(OutputError, match="in use"), claimed(tmp_path):
        pass


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / FILE).write_text("[2026-11-26] started\nmore\n")
    with pytest.raises(OutputError, match="not a ledger"):
        Ledger(Journal(tmp_path))
    assert (tmp_path / FILE).read_text() == "[2026-11-26] started\nmore\n"
