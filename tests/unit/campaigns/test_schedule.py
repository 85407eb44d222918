# ruff: noqa: DTZ001 - wall times have no zone
from datetime import UTC, datetime

import pytest

from campaigns.exceptions import InvalidCampaign
from campaigns.schedule import moment_of, require_future, require_zone


def test_a_wall_time_means_another_moment_in_each_zone():
    wall = datetime(2026, 7, 1, 9)
    assert moment_of(wall, "UTC") == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert moment_of(wall, "Europe/Berlin") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert moment_of(wall, "America/New_York") == datetime(2026, 7, 1, 13, tzinfo=UTC)


def test_summer_and_winter_have_their_own_offset():
    assert moment_of(datetime(2026, 3, 28, 9), "Europe/Berlin").hour == 8
    assert moment_of(datetime(2026, 3, 29, 9), "Europe/Berlin").hour == 7


def test_a_time_that_comes_twice_means_the_first():
    assert moment_of(datetime(2026, 10, 25, 2, 30), "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_never_comes_is_refused():
    with pytest.raises(InvalidCampaign, match="never comes"):
        moment_of(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")


def test_unknown_zones_and_moments_without_one_are_refused():
    with pytest.raises(InvalidCampaign):
        require_zone("Mars/Olympus")
    with pytest.raises(InvalidCampaign):
        require_future(datetime(2100, 1, 1))
    with pytest.raises(InvalidCampaign):
        require_future(datetime(2000, 1, 1, tzinfo=UTC))
