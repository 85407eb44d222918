"""Monthly partitions: made ahead and on demand, let go by the command."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from delivery.models import Counter
from tests.factories.tracking import make_hit, make_sent
from tracking import services
from tracking.models import Event
from tracking.partitions import Month, existing_months, month_of

months = st.builds(Month, st.integers(1990, 2200), st.integers(1, 12))


@given(months, st.integers(-300, 300))
def test_months_are_added_and_taken_away(month: Month, count: int):
    assert month.plus(count).plus(-count) == month
    assert (month.plus(count) > month) == (count > 0)


def test_a_moment_belongs_to_its_month_in_utc():
    assert month_of(datetime.fromisoformat("2026-03-01T00:30:00+02:00")) == Month(2026, 2)


@pytest.mark.django_db
def test_partitions_are_made_ahead_once():
    with clock.simulated(datetime(2031, 11, 20, tzinfo=UTC)):
        assert services.prepare_partitions() == [Month(2031, 11), Month(2031, 12), Month(2032, 1)]
        assert services.prepare_partitions() == []


@pytest.mark.django_db
def test_a_hit_of_any_month_finds_its_partition():
    sent = make_sent()
    for at in (
        datetime(2019, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2044, 2, 29, tzinfo=UTC),
    ):
        services.record_hits([make_hit(sent.messages[0], at)])
    assert Event.objects.count() == 3
    assert {Month(2019, 12), Month(2020, 1), Month(2044, 2)} <= set(existing_months())


@pytest.mark.django_db
def test_the_event_store_has_the_columns_of_its_model():
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, "tracking_event")]
    assert columns == [field.column for field in Event._meta.fields]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("empty_event_store")
def test_old_months_are_dropped_and_what_they_came_to_stays():
    sent = make_sent()
    now = datetime(2026, 6, 15, tzinfo=UTC)
    services.record_hits([make_hit(sent.messages[0], now - timedelta(days=days)) for days in (0, 60, 120)])
    out = StringIO()
    with clock.simulated(now):
        call_command("drop_old_events", "--months", "2", stdout=out)
    assert "2026-02" in out.getvalue()
    assert sorted(event.occurred_at.month for event in Event.objects.all()) == [4, 6]
    assert sum(Counter.objects.filter(mailing=sent.mailing).values_list("opens_all", flat=True)) == 3
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].opened_at == now - timedelta(days=120)


@pytest.mark.django_db
def test_nothing_is_dropped_without_a_retention():
    with pytest.raises(CommandError):
        call_command("drop_old_events")
