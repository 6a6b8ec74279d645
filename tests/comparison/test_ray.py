"""Workers as actors of a real Ray cluster of two nodes on this machine, one of which is killed."""

from contextlib import closing

import pytest

from nonlin.comparison.ledger import Ledger
from nonlin.comparison.postgres import Postgres
from nonlin.errors import MissingExtra, ParameterError, WorkerError

pytest.importorskip("ray", reason='Ray is not installed: pip install "nonlin[ray]"')


def test_a_node_that_is_killed_costs_nothing(scenario, undisturbed, command, postgres, cluster, tmp_path):
    url = postgres.fresh()
    running = command(out=tmp_path / "out", count=tmp_path / "count", workers=2, storage=url, ray=cluster.address)
    with closing(Ledger(Postgres(url, "nonlin/out"))) as ledger:
        running.wait_for(lambda: len(ledger.running()) == 2, 300)
    cluster.kill_a_node()
    said = running.ended()
    assert running.process.returncode == 0, said
    again = scenario.comparison(tmp_path / "out", count=str(tmp_path / "again"), storage=url)
    scenario.assert_same(again, undisturbed[0])
    assert not (tmp_path / "again").exists()
    assert 0 <= scenario.batches(tmp_path / "count") - undisturbed[1] <= scenario.REDONE


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there(scenario, postgres, tmp_path, address):
    with pytest.raises(WorkerError, match=f"no Ray cluster at '{address}'"):
        scenario.comparison(tmp_path / "out", storage=postgres.fresh(), ray=address)


def test_ray_needs_a_ledger_that_all_machines_reach_and_its_package(scenario, monkeypatch, tmp_path):
    with pytest.raises(ParameterError, match="ray: 'auto': without a ledger that all its machines reach"):
        scenario.comparison(tmp_path / "out", ray="auto")
    monkeypatch.setattr("nonlin.comparison.extras.find_spec", lambda name: None if name == "ray" else name)
    with pytest.raises(MissingExtra, match=r'not installed: ray: pip install "nonlin\[ray\]"'):
        scenario.comparison(tmp_path / "out", storage="postgresql://tester@127.0.0.1:1/none", ray="auto")
