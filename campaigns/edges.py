"""Who has entered a segment since it was asked last, and whose date has come: set-based, from a snapshot or a span of time."""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection

from campaigns.models import Trigger
from contacts.selectors import segment_sql

# Who entered becomes an arrival, as `entries.call` writes it.
_CALL = """
INSERT INTO campaigns_arrival (trigger_id, contact_id, entry_key, arrived_at, try_at)
SELECT {columns} FROM {source}
ON CONFLICT (trigger_id, contact_id, entry_key) DO UPDATE SET
    state = excluded.state, reason = '', arrived_at = excluded.arrived_at, try_at = excluded.try_at
"""

# One evaluation of the segment, compared with the snapshot both ways: what is written is what changed.
_COMPARE = """
WITH present AS MATERIALIZED (
    SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %s AND ({condition})
), gone AS (
    DELETE FROM campaigns_segmentmember m
    WHERE m.trigger_id = %s AND NOT EXISTS (SELECT FROM present p WHERE p.id = m.contact_id)
), entered AS (
    INSERT INTO campaigns_segmentmember (trigger_id, contact_id)
    SELECT %s, p.id FROM present p
    WHERE NOT EXISTS (SELECT FROM campaigns_segmentmember m WHERE m.trigger_id = %s AND m.contact_id = p.id)
    RETURNING contact_id
)
"""


def compare_segment(trigger: Trigger, *, now: datetime, call: bool) -> int:
    """Bring the snapshot of the trigger's segment up to date and return how many have entered; `call` makes arrivals of them.

    Costs one evaluation of the segment and a probe a member; it writes only what has changed.  Raises InvalidSegment.
    """
    assert trigger.segment is not None  # noqa: S101 - asked by the caller
    condition = segment_sql(trigger.workspace_id, trigger.segment.definition, now=now)
    called = _CALL.format(columns="%s, contact_id, '', %s, %s", source="entered")
    last = called if call else "SELECT FROM entered"
    arguments: list[Any] = [trigger.pk, now, now] if call else []
    with connection.cursor() as cursor:
        cursor.execute(
            _COMPARE.format(condition=condition.text) + last,
            [trigger.workspace_id, *condition.params, *[trigger.pk] * 3, *arguments],
        )
        return int(cursor.rowcount)


class Due(NamedTuple):
    """Contacts with this date (or day of the year), in this time zone, are due at this moment."""

    zone: str
    day: str
    key: str
    at: datetime


def call_dates(trigger: Trigger, *, workspace_zone: str, after: datetime, until: datetime) -> int:
    """Make arrivals of the contacts whose moment is in (after, until]; return how many there are.

    Contacts are read only when the trigger's time comes round in some time zone, and then those of that zone alone are due.
    """
    due = list(_due(trigger, after, until))
    if not due:
        return 0
    value = "c.attributes ->> %s"
    day = f"substr({value}, 6)" if trigger.yearly else value
    source = f"""
        unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS due (zone, day, key, at)
        JOIN contacts_contact c ON {day} = due.day AND coalesce(nullif(c.time_zone, ''), %s) = due.zone
            AND c.workspace_id = %s
    """
    params: list[Any] = [trigger.pk, *map(list, zip(*due, strict=True)), trigger.field, workspace_zone]
    with connection.cursor() as cursor:
        cursor.execute(
            _CALL.format(columns="%s, c.id, due.key, due.at, due.at", source=source), [*params, trigger.workspace_id]
        )
        return int(cursor.rowcount)


def _due(trigger: Trigger, after: datetime, until: datetime) -> Iterator[Due]:
    # No clock on Earth is more than 14 hours from UTC.
    first, last = (after - timedelta(hours=14)).date(), (until + timedelta(hours=14)).date()
    for back in range((last - first).days + 1):
        today = first + timedelta(days=back)
        try:
            wanted = today - timedelta(days=trigger.days)
        except OverflowError:
            continue
        for zone in _zones():
            at = moment_of(today, trigger.at, zone)
            if after < at <= until:
                for day in _days(wanted, yearly=trigger.yearly):
                    yield Due(zone, day, f"year:{wanted.year}" if trigger.yearly else "", at)


def moment_of(day: date, wall: time, zone: str) -> datetime:
    """Return when clocks in the zone show that time; a time that is skipped counts as late as it would have been, one that comes
    twice is the first.
    """
    return datetime.combine(day, wall, ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


def _days(wanted: date, *, yearly: bool) -> list[str]:
    """The dates as contacts have them; who was born on a 29th of February is due on the 28th in other years."""
    if not yearly:
        return [wanted.isoformat()]
    leap_day_is_today = (wanted.month, wanted.day) == (2, 28) and not calendar.isleap(wanted.year)
    return [wanted.strftime("%m-%d"), *(["02-29"] if leap_day_is_today else [])]


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
