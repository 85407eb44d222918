"""A real Celery worker on the tests' own services."""

import time
from collections.abc import Callable

import pytest
from django.db import connection

from config import heartbeats
from config.tasks import record_beat
from delivery.tasks import settle_abandoned
from tests.plugins.workers import WorkerProcess


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.usefixtures("worker")
def test_a_worker_shows_that_it_lives_and_runs_a_task() -> None:
    assert wait_for(heartbeats.live_workers)
    assert heartbeats.beat_lag() is None
    record_beat.delay()
    assert wait_for(lambda: heartbeats.beat_lag() is not None)


def test_beat_sends_what_is_due_every_second(start_worker: Callable[..., WorkerProcess]) -> None:
    worker = start_worker(beat=True, environment={"LOG_LEVEL": "DEBUG"})
    assert wait_for(lambda: worker.log.read_text().count("Sending due task deliver facts") >= 3)
    assert wait_for(lambda: heartbeats.beat_lag() is not None)


def test_a_worker_that_stops_as_asked_is_forgotten_at_once(worker: WorkerProcess) -> None:
    assert wait_for(heartbeats.live_workers)
    worker.stop()
    assert heartbeats.live_workers() == []


@pytest.mark.usefixtures("eager_tasks")
def test_eager_tasks_run_on_the_spot() -> None:
    record_beat.delay()
    assert heartbeats.beat_lag() is not None


def test_a_worker_keeps_its_connection_to_postgresql_and_replaces_a_broken_one(worker: WorkerProcess) -> None:
    def run_task() -> set[int]:
        """Run a task that asks PostgreSQL, and return the sessions that workers have then."""
        since = latest()
        settle_abandoned.delay()
        assert wait_for(lambda: (now := latest()) is not None and now != since), worker.log.read_text()
        return sessions()

    kept = run_task()
    assert run_task() == kept
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS session (pid)", [list(kept)])
    assert wait_for(lambda: not sessions())
    assert run_task().isdisjoint(kept)


def sessions() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pid FROM {_OTHERS}")
        return {pid for (pid,) in cursor.fetchall()}


def latest() -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(state_change) FROM {_OTHERS} AND state = 'idle'")
        return cursor.fetchone()[0]


_OTHERS = "pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
