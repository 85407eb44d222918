from datetime import UTC, datetime, timedelta, timezone

import pytest

from core import clock

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_now_is_the_machine_s_time_in_utc():
    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)

    assert before <= now <= after
    assert now.utcoffset() == timedelta(0)


def test_a_simulated_moment_stands_still():
    with clock.simulated(MOMENT):
        assert clock.now() == clock.now() == MOMENT
    assert clock.now() != MOMENT


def test_simulations_nest_and_end_with_an_error():
    def fail():
        with clock.simulated(MOMENT + timedelta(days=1)):
            assert clock.now() == MOMENT + timedelta(days=1)
            raise ZeroDivisionError

    with clock.simulated(MOMENT):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert clock.now() == MOMENT
    assert clock.now() != MOMENT


def test_a_moment_of_another_zone_is_given_in_utc():
    tokyo = timezone(timedelta(hours=9))

    with clock.simulated(MOMENT.astimezone(tokyo)):
        assert clock.now().tzinfo is UTC


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"), clock.simulated(MOMENT.replace(tzinfo=None)):
        pass
