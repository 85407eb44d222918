"""Celery in tests: a real worker process, or tasks run on the spot."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from django.db import connection
from kombu import pools

from config.celery import app

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@dataclass
class WorkerProcess:
    """A running `celery worker` with its pool's children."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """SIGKILL the worker and its children at once, as a power cut would."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            for member in [parent, *parent.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        self.process.wait(timeout=10)

    def stop(self) -> None:
        """Ask it to finish what it has begun and to go; kill what is left of it after ten seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
        # The group outlives its leader if that died by itself: no pool or beat of it may serve the next test.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


@contextlib.contextmanager
def broker_away() -> Iterator[None]:
    """Let this process find no broker at its place."""
    before = app.conf.broker_url
    app.conf.broker_url = "redis+socket:///nowhere/valkey.sock"
    _forget_connections()
    try:
        yield
    finally:
        app.conf.broker_url = before
        _forget_connections()


def _forget_connections() -> None:
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None


def service_environment() -> dict[str, str]:
    """Return the environment in which another process of Drumbeat uses this test's database and Redis."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return {**os.environ, "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Return a function that starts a real Celery worker on this test's database and waits until it is ready.

    `start_worker(concurrency=2, beat=False)`; with `beat` the schedule of `config.beat` runs too. All are stopped at the end.
    """
    started: list[WorkerProcess] = []

    def start(*, concurrency: int = 1, beat: bool = False, environment: dict[str, str] | None = None) -> WorkerProcess:
        log = tmp_path / f"worker-{len(started)}.log"
        name = f"test-{os.getpid()}-{len(started)}@localhost"
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "worker",
            f"--concurrency={concurrency}",
            f"--hostname={name}",
        ]
        command += ["--loglevel=INFO", "--without-gossip", "--without-mingle"]
        if beat:
            command += ["--beat", f"--schedule={tmp_path / 'beat.db'}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                # With each task and what beat sends in the log, which is read when a test that waits for beat fails.
                env={**service_environment(), "LOG_LEVEL": "DEBUG" if beat else "INFO", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = WorkerProcess(process, log)
        started.append(worker)
        _wait_until_ready(worker)
        return worker

    yield start
    for worker in started:
        worker.stop()
        # Shown by pytest if the test failed.
        print(f"--- {worker.log.name} ---\n{worker.log.read_text(errors='replace')[-60_000:]}")  # noqa: T201


def _wait_until_ready(worker: WorkerProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = worker.log.read_text(errors="replace")
        if " ready." in text:
            return
        if worker.process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"The Celery worker did not start:\n{worker.log.read_text(errors='replace')[-3000:]}")


@pytest.fixture
def worker(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    """A real Celery worker for this test."""
    return start_worker()


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run each task at its `delay()`, in this process; its error is raised there."""
    from config.celery import app

    before: dict[str, Any] = {name: app.conf[name] for name in ("task_always_eager", "task_eager_propagates")}
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(before)
