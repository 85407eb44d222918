"""The warm-up plan and the guards, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.pacing.guards import Verdict, judge_bounces, judge_complaints, letters_of
from delivery.pacing.ramps import PRESETS, GrowthUnit, Ramp, SentDay, next_step

BY_PERCENT = Ramp(50, 20, GrowthUnit.PERCENT, 5000)
BY_MESSAGES = Ramp(100, 50, GrowthUnit.MESSAGES, 500)


def test_the_first_days_of_both_kinds() -> None:
    assert [BY_PERCENT.cap(step) for step in range(6)] == [50, 60, 72, 86, 103, 123]
    assert [BY_MESSAGES.cap(step) for step in range(11)] == [100, 150, 200, 250, 300, 350, 400, 450, 500, 500, 500]


def test_small_percentages_still_grow() -> None:
    assert [Ramp(3, 10, GrowthUnit.PERCENT, 9).cap(step) for step in range(8)] == [3, 4, 5, 6, 7, 8, 9, 9]


@given(
    start=st.integers(1, 10_000),
    growth=st.integers(1, 500),
    unit=st.sampled_from(GrowthUnit),
    more=st.integers(0, 100_000),
)
def test_caps_never_fall_and_end_at_the_target(start: int, growth: int, unit: GrowthUnit, more: int) -> None:
    ramp = Ramp(start, growth, unit, start + more)
    caps = [ramp.cap(step) for step in range(60)]
    assert caps == sorted(caps)
    assert caps[0] == start
    assert max(caps) <= ramp.target
    assert ramp.last_step == 1000 or ramp.cap(ramp.last_step) == ramp.target


def test_thirty_days_with_a_rest_and_a_bad_day() -> None:
    last: SentDay | None = None
    steps: list[int | None] = []
    for day in range(30):
        if day in (5, 6):  # a weekend without mail: no row, so the last day that sent counts
            steps.append(None)
            continue
        step = next_step(BY_PERCENT, last)
        steps.append(step)
        sent = BY_PERCENT.cap(step)
        last = SentDay(step, sent, bounced=sent // 20 if day == 12 else 0, complained=0)
    assert steps[:5] == [0, 1, 2, 3, 4]
    assert steps[7] == 5
    assert (steps[12], steps[13], steps[14]) == (10, 9, 10)
    assert steps[-1] == BY_PERCENT.last_step == 25 or steps[-1] == 25


@pytest.mark.parametrize(
    ("day", "step"),
    [
        (SentDay(4, 100, 3, 0), 3),
        (SentDay(4, 100, 2, 0), 5),
        (SentDay(4, 20, 1, 0), 5),  # one stray bounce decides nothing
        (SentDay(4, 100, 0, 1), 3),
        (SentDay(4, 1000, 0, 2), 5),
        (SentDay(0, 100, 50, 5), 0),
        (SentDay(None, 100, 0, 0), 0),
        (None, 0),
    ],
)
def test_a_step_follows_from_the_last_day(day: SentDay | None, step: int) -> None:
    assert next_step(BY_PERCENT, day) == step


def test_presets_are_ramps_that_end() -> None:
    for preset in PRESETS:
        assert preset.ramp.cap(preset.ramp.last_step) == preset.ramp.target


def test_bounces_pause_from_three_percent_of_fifty_on() -> None:
    assert judge_bounces(letters_of([True] * 5 + [False] * 44)).verdict is Verdict.WELL
    assert judge_bounces(letters_of([True] * 2 + [False] * 48)).verdict is Verdict.PAUSE
    assert judge_bounces(letters_of([True] * 5 + [False] * 195)).verdict is Verdict.WELL
    found = judge_bounces(letters_of([True] * 6 + [False] * 194))
    assert (found.verdict, "6 of the last 200" in found.reason) == (Verdict.PAUSE, True)
    assert judge_bounces(letters_of([True] * 50 + [False] * 200)).verdict is Verdict.WELL


def test_complaints_warn_first_and_one_alone_never_pauses() -> None:
    assert judge_complaints(complained=1, accepted=1001).verdict is Verdict.WELL
    assert judge_complaints(complained=1, accepted=1000).verdict is Verdict.WARN
    assert judge_complaints(complained=1, accepted=100).verdict is Verdict.WARN
    assert judge_complaints(complained=3, accepted=1000).verdict is Verdict.PAUSE
    assert judge_complaints(complained=0, accepted=0).verdict is Verdict.WELL
