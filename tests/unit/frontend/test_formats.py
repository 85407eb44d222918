"""Numbers and times as people read them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from frontend.templatetags import formats


@pytest.mark.parametrize(
    ("value", "text"), [(12480, "12,480"), (0, "0"), (-1200, "-1,200"), (1.25, "1.2"), (None, "—"), ("", "—")]
)
def test_thousands_are_separated_and_missing_numbers_are_dashes(value, text):
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(9_999, "9,999"), (12_480, "12.5k"), (20_000, "20k"), (3_141_592, "3.1M"), (None, "—")]
)
def test_large_numbers_fit_narrow_places(value, text):
    assert formats.compact(value) == text


def test_a_share_of_nobody_is_a_dash_and_not_zero_percent():
    assert "—" in formats.rate(0, 0)
    assert "—" in formats.rate(None, 10)
    assert "0.0%" in formats.rate(0, 10)


def test_a_share_shows_its_sample():
    assert formats.rate(5885, 12210) == '<span title="5,885 of 12,210">48.2%</span>'


def test_the_total_with_machines_stands_beside_the_human_number_only_where_it_differs():
    assert formats.human_total(12, 12) == "12"
    assert "3 of them by machines" in formats.human_total(12, 15)
    assert "—" in formats.human_total(None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (93_784, "1 d 2 h"),
        (86_405, "1 d"),
        (None, "—"),
    ],
)
def test_durations_have_at_most_two_units(value, text):
    assert formats.duration(value) == text


@given(st.integers(min_value=0, max_value=10**9))
def test_a_timedelta_reads_like_its_seconds(seconds):
    assert formats.duration(timedelta(seconds=seconds)) == formats.duration(seconds)


def test_a_time_is_written_in_the_active_zone_and_keeps_the_instant():
    moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        html = formats.when(moment)
    assert 'datetime="2026-11-24T23:30:00+00:00"' in html
    assert "25 Nov 2026, 08:30" in html
    assert 'title="Wed 25 Nov 2026, 08:30:00 JST"' in html
    assert "data-relative" in html


def test_dates_and_missing_times_have_their_own_forms():
    assert formats.when(date(2026, 1, 2)) == '<time datetime="2026-01-02">2 Jan 2026</time>'
    assert "—" in formats.when(None)
    assert "data-relative" not in formats.when(datetime(2026, 1, 2, tzinfo=UTC), style="absolute")
