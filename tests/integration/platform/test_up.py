"""`manage.py up`, as `make run` calls it: everything comes up, heals and goes."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest

from config.embedded.folders import remove_folders
from config.embedded.layout import layout_for
from config.embedded.postgres import PostgresServer
from config.embedded.valkey import ValkeyServer
from config.supervisor import end_leftovers, leftovers
from tests.plugins.services import OWN_SETTINGS
from tests.plugins.workers import ROOT

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Up:
    """A running `manage.py up` and what it has printed."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_ports(4)
        inherited = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        own = {"ENV_FILE": os.devnull, "DATA_DIR": str(data_dir), "PORT": str(self.port), "DEMO": "off"}
        with _like_a_background_job():
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env={**inherited, **own, "WEB_WORKERS": "1", "WORKERS": "1", **settings},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, condition: Callable[[], object], seconds: float = 150) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def wait_until_up(self) -> None:
        self.wait_for(lambda: "Ctrl-C stops everything" in self.output or self.process.poll() is not None, 240)
        assert self.process.poll() is None, self.output
        assert "Not ready" not in self.output

    def get(self, path: str, *, port: int = 0) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port + port}{path}", headers={"Accept": "text/html"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=150)


@contextlib.contextmanager
def _like_a_background_job() -> Iterator[None]:
    """Start processes as a shell does behind `&`: with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def free_ports(count: int) -> int:
    """Return the first of `count` ports in a row that nobody listens on."""
    for first in range(21000 + os.getpid() % 5000 * 4, 60000, count):
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise OSError("No ports are free.")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(name: str = "var", **settings: str) -> Up:
        started.append(Up(tmp_path / name, **settings))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        end_leftovers(one.data_dir, seconds=5)
        layout = layout_for(one.data_dir)
        ValkeyServer(layout).discard()
        PostgresServer(layout).discard()
        remove_folders(layout)


def test_everything_comes_up_heals_survives_a_kill_and_goes(up: Callable[..., Up]) -> None:
    one = up()
    one.wait_until_up()
    assert one.get("/readyz") == 200
    assert one.get("/admin/login/") == 200
    assert one.get("/", port=3) == 200  # the sandbox inbox
    processes = leftovers(one.data_dir)
    (worker,) = [
        process for process in processes if "mail@%h" in process.cmdline() and process.ppid() == one.process.pid
    ]
    worker.kill()
    one.wait_for(lambda: "worker stopped (signal 9); starting it again" in one.output)
    (database,) = [
        process for process in psutil.process_iter() if f"{layout_for(one.data_dir).postgres_data}" in _command(process)
    ]
    database.kill()
    one.wait_for(lambda: "PostgreSQL stopped; starting it again." in one.output)
    one.wait_for(lambda: one.get("/readyz") == 200)

    # The next start cleans up after a supervisor that was killed.
    one.process.kill()
    one.process.wait()
    left = {process.pid for process in leftovers(one.data_dir)}
    assert len(left) >= 7
    two = up()
    two.wait_until_up()
    stopped = re.search(r"Stopped (\d+) processes that an earlier run left behind\.", two.output)
    assert stopped is not None
    assert int(stopped[1]) >= len(left)  # a pool's process may have been born since
    assert not left & {process.pid for process in leftovers(two.data_dir)}

    assert two.interrupt() == 0
    assert two.output.rstrip().endswith("Stopped.")
    assert leftovers(two.data_dir) == []
    layout = layout_for(two.data_dir)
    assert not PostgresServer(layout).is_running()
    assert not ValkeyServer(layout).is_running()


def test_with_real_servers_nothing_embedded_starts(up: Callable[..., Up]) -> None:
    real = urlsplit(os.environ["DATABASE_URL"])
    name = f"real_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        one = up(
            DATABASE_URL=urlunsplit(real._replace(path=f"/{name}")),
            REDIS_URL=os.environ["REDIS_URL"],
            SECRET_KEY="s" * 40,
            ENCRYPTION_KEYS=KEY,
        )
        one.wait_until_up()
        layout = layout_for(one.data_dir)
        assert one.get("/readyz") == 200
        assert one.get("/", port=3) == 0  # real servers mean real mail: no sandbox inbox
        assert not layout.postgres_data.exists()
        assert not layout.valkey_data.exists()
        assert one.interrupt() == 0
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_taken_port_is_one_sentence(up: Callable[..., Up]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one = up(PORT=str(port))
        assert one.process.wait(timeout=150) == 1
    assert f"Port {port} cannot be used (Address already in use): set PORT to another one." in one.output
    assert "Traceback" not in one.output


def test_a_server_that_does_not_answer_is_one_sentence(up: Callable[..., Up]) -> None:
    one = up(
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere",
        REDIS_URL="redis://127.0.0.1:1/0",
        SECRET_KEY="s" * 40,
        ENCRYPTION_KEYS=KEY,
    )
    assert one.process.wait(timeout=150) == 1
    assert "PostgreSQL does not answer at DATABASE_URL: " in one.output
    assert "Traceback" not in one.output
    assert not (one.data_dir / "postgres").exists()  # nothing embedded was started


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
