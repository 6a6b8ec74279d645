"""The comparison that the tests of workers run, and the processes that it is run in."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

from nonlin.comparison.plan import Plan


def _sibling(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


processes = _sibling("processes")


@pytest.fixture(scope="session")
def plan():
    """A plan of data and a model that are nowhere."""
    return Plan(
        formulas={"relu": "max(0, x)", "tanh": "tanh(x)"},
        baseline="relu",
        seeds=3,
        learning_rates=(0.001, 0.01),
        epochs=2,
        batch_size=16,
        metric="accuracy",
        model="a model",
        weights="as drawn",
        frameworks=("torch",),
        data={"name": "toy", "samples": [6, 2, 2], "sha256": "0"},
    )


@pytest.fixture(scope="session")
def scenario():
    """scenario.py as a module."""
    return _sibling("scenario")


@pytest.fixture(scope="session")
def undisturbed(scenario, tmp_path_factory):
    """The comparison in one process that nothing happens to; and how many batches it trained on."""
    folder = tmp_path_factory.mktemp("undisturbed")
    found = scenario.comparison(folder / "out", count=str(folder / "count"))
    return found, scenario.batches(folder / "count")


@pytest.fixture
def command():
    """Starts scenario.py with settings; whatever is still there at the end of the test is killed."""
    if os.name != "posix":
        pytest.skip("SIGKILL, and /proc for the pids of the workers")
    started = []

    def start(**settings):
        started.append(processes.Command(**settings))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL server; the tests are skipped where it is not installed."""
    binaries = processes.server_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (on Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="nonlin-postgres-", ignore_cleanup_errors=True) as folder:
        server = processes.Server(binaries, Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def cluster():
    """A Ray cluster of two nodes on this machine, with a CPU each; one of them is killed by the last test of it."""
    pytest.importorskip("ray", reason='Ray is not installed: pip install "nonlin[ray]"')
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        made = processes.RayCluster(folder)
        yield made
        made.stop()
