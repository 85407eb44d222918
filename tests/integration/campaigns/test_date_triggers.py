"""Dates of contacts let them in: days before or after, by their own clocks, once or once a year."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns import services
from contacts import services as contacts
from core import clock
from sequences.models import Enrolment
from tests.factories.contacts import make_contact
from tests.integration.campaigns.triggers import entered, launch_triggered, let_in

BIRTHDAY = {"kind": "date", "field": "birthday", "at": "09:00", "yearly": True}


@pytest.fixture
def birthday(workspace, mailbox):
    return contacts.create_field(workspace=workspace, label="Birthday", type_="date")


def born(workspace, email, day, zone=""):
    return make_contact(workspace, email, attributes={"birthday": day}, time_zone=zone)


def look(at):
    with clock.simulated(at):
        called = services.look_at_triggers(now=at)
        services.admit_due(now=at)
    return called


def launch_at(moment, workspace, trigger, **changes):
    with clock.simulated(moment):
        return launch_triggered(workspace, trigger, **changes)


def test_each_is_let_in_at_nine_by_their_own_clock(workspace, birthday):
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for email, zone in (
        ("tokyo", "Asia/Tokyo"),
        ("berlin", "Europe/Berlin"),
        ("nowhere", ""),
        ("la", "America/Los_Angeles"),
    ):
        born(workspace, f"{email}@example.com", "1990-03-02", zone)
    born(workspace, "other@example.com", "1990-03-03")
    campaign = launch_at(start, workspace, BIRTHDAY)
    came: dict[str, datetime] = {}
    for hour in range(48):
        at = start + timedelta(hours=hour)
        look(at)
        for email in entered(campaign):
            came.setdefault(email.partition("@")[0], at)
    assert came == {
        "tokyo": datetime(2026, 3, 2, 0, tzinfo=UTC),
        "berlin": datetime(2026, 3, 2, 8, tzinfo=UTC),
        "nowhere": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "la": datetime(2026, 3, 2, 17, tzinfo=UTC),
        "other": datetime(2026, 3, 3, 9, tzinfo=UTC),
    }


def test_once_a_year_and_every_year(workspace, birthday):
    campaign = launch_at(datetime(2026, 3, 1, tzinfo=UTC), workspace, BIRTHDAY)
    born(workspace, "ada@example.com", "1990-03-02")
    for year in (2026, 2027):
        for minute in range(3):
            look(datetime(year, 3, 2, 9, minute, tzinfo=UTC))
    assert sorted(Enrolment.objects.values_list("entry_key", flat=True)) == ["year:2026", "year:2027"]
    assert len(entered(campaign)) == 2


def test_a_leap_day_is_the_28th_in_other_years(workspace, birthday):
    campaign = launch_at(datetime(2027, 2, 27, tzinfo=UTC), workspace, BIRTHDAY)
    born(workspace, "leap@example.com", "2000-02-29")
    look(datetime(2027, 2, 28, 10, tzinfo=UTC))
    look(datetime(2027, 3, 1, 10, tzinfo=UTC))
    assert len(entered(campaign)) == 1
    look(datetime(2028, 2, 28, 10, tzinfo=UTC))
    assert len(entered(campaign)) == 1
    look(datetime(2028, 2, 29, 10, tzinfo=UTC))
    assert len(entered(campaign)) == 2


@pytest.mark.parametrize(("days", "day"), [(-3, date(2026, 3, 5)), (7, date(2026, 2, 23)), (0, date(2026, 3, 2))])
def test_days_before_and_after(workspace, birthday, days, day):
    trigger = {"kind": "date", "field": "birthday", "days": days, "at": "09:00"}
    campaign = launch_at(datetime(2026, 3, 1, 12, tzinfo=UTC), workspace, trigger)
    born(workspace, "ada@example.com", day.isoformat())
    born(workspace, "bob@example.com", (day + timedelta(days=1)).isoformat())
    look(datetime(2026, 3, 2, 8, 59, tzinfo=UTC))
    assert entered(campaign) == []
    look(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    assert entered(campaign) == ["ada@example.com"]
    look(datetime(2026, 3, 2, 9, 1, tzinfo=UTC))
    assert entered(campaign) == ["ada@example.com"]


def test_what_was_missed_is_made_up_for_but_not_what_was_before_the_start(workspace, birthday):
    born(workspace, "today@example.com", "1990-03-02")
    campaign = launch_at(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), workspace, BIRTHDAY)
    look(datetime(2026, 3, 2, 10, tzinfo=UTC))
    assert entered(campaign) == []
    born(workspace, "tomorrow@example.com", "1990-03-03")
    look(datetime(2026, 3, 3, 20, tzinfo=UTC))  # nothing ran for a day and a half
    assert entered(campaign) == ["tomorrow@example.com"]


def test_when_clocks_change_everybody_is_let_in_once(workspace, birthday):
    # Berlin: 02:30 never comes on 29 March 2026, and comes twice on 25 October.
    trigger = BIRTHDAY | {"at": "02:30"}
    campaign = launch_at(datetime(2026, 3, 28, 12, tzinfo=UTC), workspace, trigger)
    born(workspace, "spring@example.com", "1990-03-29", "Europe/Berlin")
    born(workspace, "autumn@example.com", "1990-10-25", "Europe/Berlin")
    for start in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        for quarter in range(16):
            look(start + timedelta(minutes=15 * quarter))
    assert entered(campaign) == ["spring@example.com", "autumn@example.com"]
    first, second = Enrolment.objects.order_by("pk").values_list("enrolled_at", flat=True)
    assert first == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # half past three, as late as it would have been
    assert second == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_date_that_is_no_date_calls_nobody(workspace, birthday):
    campaign = launch_at(datetime(2026, 3, 1, tzinfo=UTC), workspace, BIRTHDAY)
    for number, value in enumerate(("", "soon", None, 3)):
        make_contact(workspace, f"p{number}@example.com", attributes={"birthday": value})
    look(datetime(2026, 3, 2, 10, tzinfo=UTC))
    assert entered(campaign) == []
    assert let_in(datetime(2026, 3, 2, 11, tzinfo=UTC)) == 0
