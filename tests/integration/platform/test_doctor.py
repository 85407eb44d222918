"""`manage.py doctor`: what is well, what is not, and an exit status."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from config import heartbeats
from core import clock, redis


def doctor() -> str:
    output = StringIO()
    try:
        call_command("doctor", stdout=output, no_color=True)
    except CommandError as error:
        return output.getvalue() + str(error)
    return output.getvalue()


@pytest.fixture(autouse=True)
def _durable_redis() -> object:
    redis.client().config_set("appendonly", "yes")
    yield
    redis.client().config_set("appendonly", "no")


@pytest.mark.django_db
def test_all_is_well_with_a_worker_and_beat() -> None:
    heartbeats.record_worker("mail@here")
    heartbeats.record_beat()
    report = doctor()
    assert "FAULT" not in report
    assert "ok     Workers   mail@here" in report
    assert "PostgreSQL 18" in report


@pytest.mark.django_db
def test_a_missing_worker_and_a_silent_beat_are_faults() -> None:
    report = doctor()
    assert "FAULT  Workers   No worker has shown a sign of life for 15 seconds." in report
    assert "FAULT  Beat      No task of beat has ever been run" in report
    assert report.endswith("2 of 6 checks found a fault.")


@pytest.mark.django_db
def test_a_beat_that_stands_still_is_a_fault() -> None:
    heartbeats.record_beat()
    later = clock.now() + timedelta(minutes=5)
    with clock.simulated(later):
        heartbeats.record_worker("mail@here")
        assert "FAULT  Beat      Beat's last task was run 300 s ago" in doctor()


@pytest.mark.django_db
def test_a_redis_that_may_forget_is_a_fault() -> None:
    heartbeats.record_worker("mail@here")
    heartbeats.record_beat()
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "FAULT  Redis     Its maxmemory-policy is allkeys-lru" in doctor()
    finally:
        redis.client().config_set("maxmemory-policy", "noeviction")
