"""Columns and counters worked out anew from the facts: events and messages.

Differences are found by SQL, a statement a column, and only they are fetched. First times come from the events; the numbers of
hits from the events too; all other numbers from the messages. A mailing of which events have been dropped (retention) can't be
recounted from events any more: its numbers of hits are left as they are. Deferrals are counted per try and not recounted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from delivery import services as delivery
from delivery.models import MessageState
from delivery.selectors import ResponseCell, response_differences
from tracking import store
from tracking.models import EventKind, Verdict
from tracking.partitions import existing_months

FIRST_TIMES = ("opened_at", "opened_any_at", "clicked_at", "clicked_any_at", "linked_at")
# Counters by the column of the message whose hour they count in.
BY_MESSAGE = {
    "queued": "created_at",
    "accepted": "accepted_at",
    "bounced": "bounced_at",
    "complained": "complained_at",
    "unsubscribed": "unsubscribed_at",
    "opened_human": "opened_at",
    "opened_any": "opened_any_at",
    "clicked_human": "clicked_at",
    "clicked_any": "clicked_any_at",
}
# When a message failed or was skipped is not kept on it, so these are compared over all hours.
BY_STATE = {
    "failed": MessageState.FAILED,
    "skipped": MessageState.SKIPPED,
    "cancelled": MessageState.CANCELLED,
    "unknown": MessageState.UNKNOWN,
}
_BY_PEOPLE = f"verdict <> {Verdict.MACHINE:d}"
BY_EVENT = {
    "opens_human": f"kind = {EventKind.OPENED:d} AND {_BY_PEOPLE}",
    "opens_all": f"kind = {EventKind.OPENED:d}",
    "clicks_human": f"kind = {EventKind.CLICKED:d} AND {_BY_PEOPLE}",
    "clicks_all": f"kind = {EventKind.CLICKED:d}",
}
BY_LINK = {
    "clicks_human": f"count(*) FILTER (WHERE {_BY_PEOPLE})",
    "clicks_all": "count(*)",
    "clicked_human": f"count(DISTINCT message_id) FILTER (WHERE {_BY_PEOPLE})",
    "clicked_any": "count(DISTINCT message_id)",
}


@dataclass(slots=True)
class Differences:
    """What the database says and what the facts say, where the two differ."""

    messages: dict[int, tuple[tuple[datetime | None, ...], tuple[datetime | None, ...]]] = field(default_factory=dict)
    hours: dict[tuple[int, datetime, str], tuple[int, int]] = field(default_factory=dict)
    links: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    responses: dict[ResponseCell, tuple[int, int]] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.messages or self.hours or self.links or self.responses)

    def lines(self) -> Iterator[str]:
        """Yield a line for each difference."""
        for message_id, (said, fact) in self.messages.items():
            for name, old, new in zip(FIRST_TIMES, said, fact, strict=True):
                if old != new:
                    yield f"message {message_id}: {name} is {old}, the events say {new}"
        for (mailing_id, hour, column), (old_number, new_number) in self.hours.items():
            yield f"mailing {mailing_id}, hour {hour:%Y-%m-%d %H}: {column} is {old_number}, the facts say {new_number}"
        for (link_id, column), (old_number, new_number) in self.links.items():
            yield f"link {link_id}: {column} is {old_number}, the events say {new_number}"
        for cell, (old_number, new_number) in self.responses.items():
            slot = (
                f"mailing {cell.mailing_id}, stratum {cell.stratum}, sent {cell.sent_hour:%Y-%m-%d %H}, lag {cell.lag}"
            )
            yield f"{slot}: {cell.column} is {old_number}, the facts say {new_number}"


def find_differences() -> Differences:
    """Compare everything, in one snapshot."""
    if connection.in_atomic_block:
        return _find()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _find()


def repair() -> Differences:
    """Put right what differs and return what that was.  First times go first, as counters follow from them."""
    with transaction.atomic():
        store.lock()
        found = Differences(incomplete=_incomplete())
        _compare_messages(found)
        exact = {message_id: delivery.Firsts(*fact) for message_id, (_, fact) in found.messages.items()}
        delivery.record_engagement([], firsts=exact)
    counters = find_differences()
    delivery.correct_counters(
        hours={key: fact - said for key, (said, fact) in counters.hours.items()},
        links={key: fact - said for key, (said, fact) in counters.links.items()},
        responses={key: fact - said for key, (said, fact) in counters.responses.items()},
    )
    found.hours, found.links, found.responses = counters.hours, counters.links, counters.responses
    return found


def _find() -> Differences:
    found = Differences(incomplete=_incomplete())
    _compare_messages(found)
    for column, moment in BY_MESSAGE.items():
        facts = (
            f"SELECT mailing_id, date_trunc('hour', {moment}, 'UTC') FROM delivery_message WHERE {moment} IS NOT NULL"  # noqa: S608
        )
        _compare_hours(found, column, facts, [])
    for column, condition in BY_EVENT.items():
        facts = (
            "SELECT mailing_id, date_trunc('hour', occurred_at, 'UTC') FROM tracking_event "  # noqa: S608
            f"WHERE {condition} AND EXISTS (SELECT FROM delivery_mailing m WHERE m.id = mailing_id)"
        )
        _compare_hours(found, column, facts, found.incomplete)
    for column, state in BY_STATE.items():
        _compare_states(found, column, state)
    for column, number in BY_LINK.items():
        _compare_links(found, column, number)
    found.responses = response_differences()
    return found


def _incomplete() -> list[int]:
    """Return the mailings with hits from before the oldest partition."""
    months = existing_months()
    if not months:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT mailing_id FROM delivery_counter WHERE hour < %s AND opens_all + clicks_all <> 0",
            [months[0].start],
        )
        return [row[0] for row in cursor.fetchall()]


def _compare_messages(found: Differences) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH facts AS (
                SELECT message_id AS id,
                       min(occurred_at) FILTER (WHERE kind = %(opened)s AND verdict <> %(machine)s) AS opened_at,
                       min(occurred_at) FILTER (WHERE kind = %(opened)s) AS opened_any_at,
                       min(occurred_at) FILTER (WHERE kind = %(clicked)s AND verdict <> %(machine)s) AS clicked_at,
                       min(occurred_at) FILTER (WHERE kind = %(clicked)s) AS clicked_any_at
                FROM tracking_event WHERE message_id IS NOT NULL GROUP BY message_id
            ), linked AS (
                SELECT e.message_id AS id, min(e.occurred_at) AS linked_at
                FROM delivery_mailing m JOIN delivery_link l ON l.mailing_id = m.id AND m.response_link IN (l.label, l.url)
                JOIN tracking_event e ON e.link_id = l.id
                WHERE m.response_link <> '' AND e.kind = %(clicked)s AND e.verdict <> %(machine)s AND e.message_id IS NOT NULL
                GROUP BY e.message_id
            )
            SELECT m.id, m.opened_at, m.opened_any_at, m.clicked_at, m.clicked_any_at, m.linked_at,
                   f.opened_at, f.opened_any_at, f.clicked_at, f.clicked_any_at, linked.linked_at
            FROM delivery_message m LEFT JOIN facts f ON f.id = m.id LEFT JOIN linked ON linked.id = m.id
            WHERE m.mailing_id <> ALL(%(incomplete)s)
              AND (m.opened_at, m.opened_any_at, m.clicked_at, m.clicked_any_at, m.linked_at)
                  IS DISTINCT FROM (f.opened_at, f.opened_any_at, f.clicked_at, f.clicked_any_at, linked.linked_at)
            """,
            {
                "opened": EventKind.OPENED,
                "clicked": EventKind.CLICKED,
                "machine": Verdict.MACHINE,
                "incomplete": found.incomplete,
            },
        )
        for row in cursor.fetchall():
            found.messages[row[0]] = (tuple(row[1:6]), tuple(row[6:11]))


def _compare_hours(found: Differences, column: str, facts: str, incomplete: list[int]) -> None:
    # Columns and conditions are constants of this module.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH each (mailing_id, hour) AS ({facts}),
                 facts AS (SELECT mailing_id, hour, count(*) AS number FROM each GROUP BY mailing_id, hour)
            SELECT coalesce(c.mailing_id, f.mailing_id), coalesce(c.hour, f.hour), coalesce(c.{column}, 0), coalesce(f.number, 0)
            FROM delivery_counter c FULL JOIN facts f ON f.mailing_id = c.mailing_id AND f.hour = c.hour
            WHERE coalesce(c.{column}, 0) <> coalesce(f.number, 0) AND coalesce(c.mailing_id, f.mailing_id) <> ALL(%s)
            """,  # noqa: S608
            [incomplete],
        )
        for mailing_id, hour, said, fact in cursor.fetchall():
            found.hours[mailing_id, hour, column] = (said, fact)


def _compare_states(found: Differences, column: str, state: MessageState) -> None:
    """Compare over all hours; a difference is put right in the last hour that the mailing has."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH said AS (SELECT mailing_id, max(hour) AS hour, sum({column})::int AS number FROM delivery_counter GROUP BY 1),
                 facts AS (SELECT mailing_id, count(*)::int AS number FROM delivery_message WHERE state = %s GROUP BY 1)
            SELECT s.mailing_id, s.hour, c.{column}, c.{column} + coalesce(f.number, 0) - s.number
            FROM said s JOIN delivery_counter c ON c.mailing_id = s.mailing_id AND c.hour = s.hour
            LEFT JOIN facts f ON f.mailing_id = s.mailing_id
            WHERE coalesce(f.number, 0) <> s.number
            """,  # noqa: S608
            [state],
        )
        for mailing_id, hour, said, fact in cursor.fetchall():
            found.hours[mailing_id, hour, column] = (said, fact)


def _compare_links(found: Differences, column: str, number: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH facts AS (
                SELECT link_id, {number} AS number FROM tracking_event
                WHERE kind = %s AND link_id IS NOT NULL GROUP BY link_id
            )
            SELECT l.id, coalesce(c.{column}, 0), coalesce(f.number, 0)
            FROM delivery_link l LEFT JOIN delivery_linkcounter c ON c.link_id = l.id LEFT JOIN facts f ON f.link_id = l.id
            WHERE coalesce(c.{column}, 0) <> coalesce(f.number, 0) AND l.mailing_id <> ALL(%s)
              AND EXISTS (SELECT FROM delivery_mailing m WHERE m.id = l.mailing_id)
            """,  # noqa: S608
            [EventKind.CLICKED, found.incomplete],
        )
        for link_id, said, fact in cursor.fetchall():
            found.links[link_id, column] = (said, fact)
