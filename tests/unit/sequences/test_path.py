from datetime import UTC, datetime, timedelta

import pytest

from sequences.path import Path, Place, Stop, arrive

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

WAIT = Stop("wait", wait=HOUR)
LONGER = Stop("longer", wait=3 * HOUR)
FIRST = Stop("first", mailing_id=1)
SECOND = Stop("second", mailing_id=2)


def test_an_email_is_due_at_once():
    assert Path([FIRST, WAIT]).enter(START) == Place(FIRST, START, START)


def test_a_wait_is_due_when_it_is_over():
    assert Path([WAIT, FIRST]).enter(START) == Place(WAIT, START, START + HOUR)


def test_a_path_without_steps_can_not_be_entered():
    assert Path([]).enter(START) is None


def test_after_the_last_step_is_the_end():
    assert Path([FIRST]).after("first", START) is None
    assert Path([FIRST]).following("first") is None


def test_a_wait_that_is_not_over_is_not_left():
    place = arrive(WAIT, START)
    assert Path([WAIT, FIRST]).walk(place, START + HOUR - timedelta(microseconds=1)) == place


def test_waits_that_are_over_are_left_at_their_own_time_however_late_the_engine_comes():
    way = Path([WAIT, LONGER, FIRST])
    place = way.walk(arrive(WAIT, START), START + timedelta(days=9))
    assert place == Place(FIRST, START + 4 * HOUR, START + 4 * HOUR)


def test_a_walk_stops_at_an_email_even_when_what_comes_after_it_is_overdue():
    place = Path([FIRST, WAIT, SECOND]).walk(arrive(FIRST, START), START + timedelta(days=9))
    assert place == Place(FIRST, START, START)


def test_a_walk_over_the_last_wait_is_the_end():
    assert Path([FIRST, WAIT]).walk(arrive(WAIT, START), START + HOUR) is None


def test_unknown_steps_are_an_error():
    with pytest.raises(KeyError):
        Path([FIRST])["gone"]
