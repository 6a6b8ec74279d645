"""What the tests of workers start and kill: scenario.py as a command, a PostgreSQL server, a Ray cluster."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from glob import glob
from pathlib import Path

import psycopg

SCENARIO = Path(__file__).with_name("scenario.py")
NODES = Path(__file__).with_name("ray_nodes.py")


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


def server_binaries():
    """The folder of PostgreSQL's programs; None where it is not installed."""
    found = [shutil.which("initdb"), *glob("/usr/lib/postgresql/*/bin/initdb")]
    return next((Path(path).resolve().parent for path in found if path), None)


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


class RayCluster:
    """ray_nodes.py as a process of its own, with what it writes in that folder."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, NODES, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self._said("address ")

    def kill_a_node(self):
        print(file=self.process.stdin, flush=True)
        self._said("killed")

    def stop(self):
        self.process.communicate(timeout=60)

    def _said(self, start):
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        raise AssertionError("the Ray cluster did not start: its standard error says why")
