"""The comparison that the tests of workers run, and the processes that it is run in."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCENARIO = Path(__file__).with_name("scenario.py")


@pytest.fixture(scope="session")
def scenario():
    """scenario.py as a module."""
    spec = importlib.util.spec_from_file_location("scenario", SCENARIO)
    module = importlib.util.module_from_spec(spec)
    sys.modules["scenario"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def undisturbed(scenario, tmp_path_factory):
    """The comparison in one process that nothing happens to; and how many batches it trained on."""
    folder = tmp_path_factory.mktemp("undisturbed")
    found = scenario.comparison(folder / "out", count=str(folder / "count"))
    return found, scenario.batches(folder / "count")


class Command:
    """scenario.py as a process of its own, with its workers."""

    def __init__(self, **settings):
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, SCENARIO, json.dumps(settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def workers(self):
        """The pids of its worker processes."""
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in children]

    def wait_for(self, reached, seconds=120):
        """Until the condition holds; the command may not have ended before."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def ended(self, seconds=240):
        """Its standard error, once it has ended."""
        return self.process.communicate(timeout=seconds)[1]


@pytest.fixture
def command():
    """Starts scenario.py with settings; whatever is still there at the end of the test is killed."""
    if os.name != "posix":
        pytest.skip("SIGKILL, and /proc for the pids of the workers")
    started = []

    def start(**settings):
        started.append(Command(**settings))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()
