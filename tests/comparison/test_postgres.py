"""Workers on many machines: the ledger in a real PostgreSQL, which the tests start."""

import os
import random
import signal
import time
from contextlib import closing

import pytest

from nonlin.comparison import lease as leases
from nonlin.comparison.ledger import Ledger
from nonlin.comparison.plan import Trial
from nonlin.comparison.postgres import Postgres
from nonlin.errors import MissingExtra, OutputError, ParameterError

KILLS = 3
TRIALS = [Trial("final", "relu", 0.01, 1_000_000 + seed) for seed in range(4)]


def test_a_second_command_joins_and_kills_lose_no_trial(scenario, undisturbed, command, postgres, tmp_path):
    """Two machines, as far as one can be two: two commands with folders of their own; kill -9 at random moments."""
    draw, url = random.Random(11), postgres.fresh()
    folders = [tmp_path / "first" / "out", tmp_path / "second" / "out"]
    counts = [tmp_path / "count-1", tmp_path / "count-2"]
    first, second = (
        command(out=folder, count=count, workers=2, storage=url) for folder, count in zip(folders, counts, strict=True)
    )

    def trained():
        return sum(scenario.batches(count) for count in counts if count.exists())

    for kill in range(KILLS):
        before = trained()
        first.wait_for(lambda before=before: trained() > before + scenario.BATCHES)
        time.sleep(draw.uniform(0, 0.2))
        os.kill(draw.choice((first, second)[kill % 2].workers()), signal.SIGKILL)
    for one in (first, second):
        said = one.ended()
        assert one.process.returncode == 0, said
    assert all(count.exists() for count in counts)
    for folder in folders:  # each reads the finished comparison
        again = scenario.comparison(folder, count=str(tmp_path / "again"), storage=url)
        scenario.assert_same(again, undisturbed[0])
    assert not (tmp_path / "again").exists()
    assert 0 <= trained() - undisturbed[1] <= KILLS * scenario.REDONE
    with closing(Postgres(url, "nonlin/out")) as store:
        assert store.run("SELECT count(*) FROM nonlin_checkpoints", 0) == 0


def test_more_is_added_and_a_changed_plan_refused_wherever_the_command_is_given(scenario, postgres, tmp_path):
    url = postgres.fresh()
    first = scenario.comparison(tmp_path / "here" / "out", seeds=1, storage=url)
    more = scenario.comparison(tmp_path / "there" / "out", seeds=2, activations=["relu", "tanh", "elu"], storage=url)
    kept = more.trials.merge(first.trials)
    assert len(kept) == len(first.trials)  # to the measured second: none ran again
    with pytest.raises(
        OutputError, match=r"'nonlin/out' in postgresql.*changed: activations without elu; seeds 2 -> 1"
    ):
        scenario.comparison(tmp_path / "elsewhere" / "out", seeds=1, storage=url)
    assert postgres.PASSWORD not in (tmp_path / "here" / "out" / "plan.json").read_text()


def test_under_a_budget_the_first_command_decides_and_the_next_one_joins(scenario, postgres, tmp_path, monkeypatch):
    monkeypatch.setattr("nonlin.comparison.budget.MOST_SEEDS", 8)  # which a slow machine has the time for too
    settings = {"budget": "10m", "seeds": None, "epochs": 2, "storage": postgres.fresh()}
    first = scenario.comparison(tmp_path / "here" / "out", **settings)
    joined = scenario.comparison(tmp_path / "there" / "out", count=str(tmp_path / "count"), **settings)
    assert joined.plan.seeds == first.plan.seeds
    assert joined.plan.pilot == first.plan.pilot
    assert joined.table.equals(first.table)
    assert not (tmp_path / "count").exists()


@pytest.fixture
def opened():
    ledgers = []

    def open_one(url, study):
        ledgers.append(Ledger(Postgres(url, study)))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def test_a_lease_is_by_the_database_s_clock_and_ends(postgres, opened, monkeypatch):
    url = postgres.fresh()
    ours, theirs = opened(url, "one"), opened(url, "one")
    ours.add(TRIALS[:1])
    monkeypatch.setattr(leases, "_processes", lambda: "another machine")
    monkeypatch.setattr(leases, "SECONDS", 1.0)
    taken = theirs.take(["relu"])
    taken.checkpoint.write(b"so far")
    monkeypatch.undo()
    assert ours.take(["relu"]) is None
    deadline = time.monotonic() + 30
    while (again := ours.take(["relu"])) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert again.checkpoint.read() == b"so far"
    ours.finish(again, {"score": "first"}, 0.5)
    theirs.finish(taken, {"score": "second"}, 0.5)
    assert ours.outcomes() == theirs.outcomes() == {TRIALS[0]: {"score": "first"}}
    assert again.checkpoint.read() is None


def test_a_worker_that_is_killed_inside_a_change_lets_the_others_in(postgres):
    """The server frees what a connection holds as soon as it is gone; here it is ended from outside."""
    url = postgres.fresh()
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'"
    with closing(Postgres(url, "one")) as store, closing(Postgres(url, "one")) as other, store.alone():
        assert other.run(end, 0) == 1
        with other.alone() as now:
            assert abs(now - time.time()) < 60


BAD = {
    "no URL": ("somewhere", OutputError, "not the URL of a database"),
    "another kind": ("sqlite:///file.db", OutputError, "not PostgreSQL"),
    "password": ("{wrong}", OutputError, "password authentication failed"),
    "database": ("{missing}", OutputError, 'database "nowhere" does not exist'),
    "dead": ("postgresql://tester:secret@127.0.0.1:1/postgres", OutputError, "mend it, and give the same command"),
}


@pytest.mark.parametrize(("url", "error", "said"), BAD.values(), ids=BAD)
def test_a_database_that_cannot_be_used_is_named_without_its_password(scenario, postgres, tmp_path, url, error, said):
    url = url.format(wrong=postgres.url(password="secret"), missing=postgres.url(database="nowhere"))
    with pytest.raises(error) as caught:
        scenario.comparison(tmp_path / "out", storage=url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_dies_is_said_and_nothing_is_lost(scenario, undisturbed, command, postgres, opened, tmp_path):
    url = postgres.fresh()
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=2, storage=url)
    running.wait_for(lambda: (tmp_path / "count").exists() and scenario.batches(tmp_path / "count") > 200)
    postgres.stop("immediate")  # as by a crash
    said = running.ended()
    postgres.start()
    assert running.process.returncode != 0
    assert "OutputError: database does not answer" in said
    assert postgres.PASSWORD not in said
    kept = len(opened(url, "nonlin/out").outcomes())
    assert kept > 0
    found = scenario.comparison(tmp_path / "out", count=str(tmp_path / "count"), storage=url)
    scenario.assert_same(found, undisturbed[0])


def test_storage_needs_a_name_and_a_driver(scenario, monkeypatch, tmp_path):
    with pytest.raises(ParameterError, match="storage without a folder"):
        scenario.comparison(None, storage="postgresql://tester@127.0.0.1/postgres")
    monkeypatch.setattr("nonlin.comparison.extras.find_spec", lambda name: None if name == "psycopg" else name)
    with pytest.raises(MissingExtra, match=r'not installed: psycopg: pip install "nonlin\[postgresql\]"'):
        scenario.comparison(tmp_path / "out", storage="postgresql://tester@127.0.0.1/postgres")
