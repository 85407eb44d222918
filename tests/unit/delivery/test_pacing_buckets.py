"""The pacing bucket in a real Redis, in simulated time."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import redis
from delivery.pacing.buckets import Bucket, ForgottenError, Seed
from delivery.pacing.limits import MINUTE, SECOND, interval_of, tolerance_of

DAY = date(2026, 3, 10)
START = 1_773_144_000 * SECOND


def fresh(name: str = "7", *, at: int = START, used: int = 0) -> Bucket:
    bucket = Bucket(name)
    bucket.forget()
    ask(bucket, at, interval=1, want=0, seed=Seed(at, used))
    return bucket


def ask(bucket: Bucket, now: int, **changes):
    values = {"interval": 100_000, "horizon": 0, "want": 1, "day": DAY, **changes}
    values.setdefault("reach", values["horizon"])
    return bucket.reserve(now=now, tolerance=tolerance_of(values["interval"]), **values)


def test_the_tighter_limit_decides() -> None:
    assert interval_of(per_second=20, per_minute=600) == 100_000
    assert interval_of(per_second=5, per_minute=600) == 200_000
    assert interval_of(per_second=None, per_minute=7) == 8_571_429
    assert interval_of(per_second=None, per_minute=None) == 0


def test_one_call_takes_as_many_slots_as_begin_within_the_horizon() -> None:
    bucket = fresh()
    found = ask(bucket, START, horizon=250_000, want=10)
    assert (found.slots, found.first) == (3, START)
    later = ask(bucket, START, horizon=250_000, want=10)
    assert (later.slots, later.first) == (0, START + 300_000)


def test_a_pause_is_never_made_up_for_by_a_burst() -> None:
    bucket = fresh()
    assert ask(bucket, START).slots == 1
    later = START + 3600 * SECOND
    assert ask(bucket, later, want=100).slots == 1
    assert ask(bucket, later + 1, want=100).slots == 0


def test_unused_slots_go_back_unless_others_have_reserved_behind_them() -> None:
    bucket = fresh()
    found = ask(bucket, START, horizon=1_000_000, want=5)
    bucket.give_back(first=found.first + 200_000, count=3, interval=100_000, day=DAY)
    assert ask(bucket, START, horizon=1_000_000).first == START + 200_000
    mine = ask(bucket, START, horizon=1_000_000, want=2)
    ask(bucket, START, horizon=1_000_000)
    bucket.give_back(first=mine.first, count=2, interval=100_000, day=DAY)
    after = ask(bucket, START, horizon=2_000_000)
    assert (after.first, after.used) == (START + 600_000, 5)


def test_a_forgotten_bucket_asks_for_a_seed_and_does_not_start_empty() -> None:
    bucket = fresh()
    redis.client().delete("pace:7")
    with pytest.raises(ForgottenError):
        ask(bucket, START)
    found = ask(bucket, START, cap=10, seed=Seed(START + SECOND, 10))
    assert (found.slots, found.first, found.used) == (0, START + SECOND, 10)


def test_a_new_day_counts_from_nothing_and_a_late_clock_does_not_turn_it_back() -> None:
    bucket = fresh(used=5)
    assert ask(bucket, START, interval=0, cap=5).full
    tomorrow = DAY + timedelta(days=1)
    assert ask(bucket, START, interval=0, cap=5, want=3, day=tomorrow).slots == 3
    assert ask(bucket, START, interval=0, cap=5, want=3, day=DAY).slots == 2


def test_the_count_of_the_ledger_is_never_undercut() -> None:
    bucket = fresh()
    assert ask(bucket, START, interval=0, cap=5, want=9, counted=3).slots == 2


def test_numbers_keep_their_microseconds() -> None:
    bucket = fresh(at=START + 123_457)
    assert ask(bucket, START + 123_457).first == START + 123_457
    assert redis.client().hget("pace:7", "tat") == str(START + 223_457).encode()


@settings(max_examples=40)
@given(
    per_minute=st.integers(min_value=1, max_value=3000),
    steps=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=5 * SECOND),
            st.integers(min_value=1, max_value=50),
            st.integers(min_value=0, max_value=2 * SECOND),
        ),
        max_size=60,
    ),
)
def test_no_window_of_any_length_holds_more_than_the_limit(per_minute: int, steps: list[tuple[int, int, int]]) -> None:
    interval = interval_of(per_second=None, per_minute=per_minute)
    bucket = fresh()
    now, slots = START, []
    for pause, want, horizon in steps:
        now += pause
        found = ask(bucket, now, interval=interval, want=want, horizon=horizon)
        slots += [max(found.first + number * interval, now) for number in range(found.slots)]
    for first, opens in enumerate(slots):
        for last in range(first, len(slots)):
            assert last - first + 1 <= (slots[last] - opens) / interval + 1.9
    for opens in slots:
        assert sum(opens <= slot < opens + MINUTE for slot in slots) <= per_minute + 1
    assert all(slot <= now + 2 * SECOND for slot in slots)


def test_a_worker_that_asks_often_enough_loses_no_slot() -> None:
    bucket = fresh()
    now, taken = START, 0
    while now < START + MINUTE:
        taken += ask(bucket, now).slots
        now += 30_000
    assert taken == pytest.approx(600, abs=1)


def test_a_bucket_from_before_a_restart_of_redis_is_seeded_again_and_the_later_slot_wins() -> None:
    bucket = fresh(used=3)
    ask(bucket, START)
    # A restart keeps the data of a second ago and forgets the scripts.
    redis.client().script_flush()
    with pytest.raises(ForgottenError):
        ask(bucket, START)
    found = ask(bucket, START, cap=10, seed=Seed(START + SECOND, 5))
    assert (found.slots, found.first, found.used) == (0, START + SECOND, 5)
    redis.client().script_flush()
    with pytest.raises(ForgottenError):
        ask(bucket, START)
    assert ask(bucket, START, cap=10, seed=Seed(START, 0)).first == START + SECOND


def test_slots_may_reach_further_than_the_first_one_may_be_away() -> None:
    bucket = fresh()
    assert ask(bucket, START, horizon=100_000, reach=1_000_000, want=100).slots == 11
    found = ask(bucket, START, horizon=100_000, reach=1_000_000, want=100)
    assert (found.slots, found.first) == (0, START + 1_100_000)
