"""The comparison that the tests of workers run, and the processes that it is run in."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from glob import glob
from pathlib import Path

import psycopg
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


class Server:
    """A PostgreSQL server of this machine's, in a folder of its own; `url` is that of a fresh database."""

    PASSWORD = "of-the-tests"

    def __init__(self, binaries, folder):
        self._binaries, self.folder = binaries, folder
        self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self._user:  # the server refuses to run as root
            shutil.chown(folder, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        password = folder / "password"
        password.write_text(self.PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", folder / "data", "-U", "tester", "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        self._databases = 0
        self.start()

    def start(self):
        settings = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-o", settings, "-l", self.folder / "log", "start")

    def stop(self, how="fast"):
        self._run("pg_ctl", "-D", self.folder / "data", "-m", how, "-w", "stop")

    def url(self, user="tester", password=PASSWORD, database="postgres"):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def fresh(self):
        """The URL of a new database."""
        self._databases += 1
        name = f"comparison{self._databases}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(database=name)

    def _run(self, program, *arguments):
        subprocess.run(
            [self._binaries / program, *arguments], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self._user
        )


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL server; the tests are skipped where it is not installed."""
    found = [
        Path(path).resolve().parent
        for path in [shutil.which("initdb"), *glob("/usr/lib/postgresql/*/bin/initdb")]
        if path
    ]
    if not found:
        pytest.skip("PostgreSQL's server is not installed (on Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="nonlin-postgres-", ignore_cleanup_errors=True) as folder:
        server = Server(found[0], Path(folder))
        yield server
        server.stop()
