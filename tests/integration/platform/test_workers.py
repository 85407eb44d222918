"""A real Celery worker on the tests' own services."""

import time
from collections.abc import Callable

import pytest

from config import heartbeats
from config.tasks import record_beat
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
