"""What accepted messages led to, by how long after their acceptance: the rows of ResponseCounter.

They follow from the message alone: one that is accepted, of a mailing with bounds, counts as `sent` once, and once in each column of
RESPONSES that has a moment, with the lag from its acceptance to that moment. Whoever changes a message takes back what it counted for and
counts it anew, in the transaction of the change and with the message locked; so the sums are exact whatever comes first, and what happens
before the acceptance is known is counted together with it.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from django.db import connection

from core.literals import numbers
from delivery.counters import ResponseSlot, Tally, hour_of
from delivery.models import Mailing, Message

# Columns of counters by the columns of messages that hold the moment.
RESPONSES = {
    "opened_at": "opened",
    "opened_any_at": "opened_any",
    "clicked_at": "clicked",
    "clicked_any_at": "clicked_any",
    "linked_at": "linked",
    "replied_at": "replied",
    "converted_at": "converted",
    "unsubscribed_at": "unsubscribed",
    "complained_at": "complained",
    "bounced_at": "bounced",
}


class Rules(NamedTuple):
    """How the responses to a mailing are counted; `link` is the label or URL of the link that counts as `linked`, or empty."""

    bounds: tuple[timedelta, ...]
    link: str

    @classmethod
    def of(cls, hours: Sequence[int], link: str) -> Self:
        """Return the rules as the mailing keeps them."""
        return cls(tuple(timedelta(hours=bound) for bound in hours), link)

    @classmethod
    def of_mailing(cls, mailing: Mailing) -> Self | None:
        """Return a mailing's rules; None if its responses are not counted by age."""
        return cls.of(mailing.response_bounds, mailing.response_link) if mailing.response_bounds else None

    def lag(self, accepted_at: datetime, at: datetime) -> int:
        """Return how many bounds had passed; exactly at a bound none more has. Before the acceptance it is 0."""
        return bisect_left(self.bounds, at - accepted_at)


class Sent(NamedTuple):
    """A message by what its responses are counted under; `accepted_at` None: nothing is counted yet."""

    message_id: int
    mailing_id: int
    stratum: int
    accepted_at: datetime | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return what a message, locked by the caller, is counted under."""
        return cls(message.pk, message.mailing_id, message.stratum, message.accepted_at)


class Changed(NamedTuple):
    """A moment of a message that was `before` and is now `after`."""

    sent: Sent
    before: datetime | None
    after: datetime | None


def rules_of(mailing_ids: Collection[int]) -> dict[int, Rules]:
    """Return the rules of those mailings that have any, by one look at their primary keys."""
    if not mailing_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, response_bounds, response_link FROM delivery_mailing WHERE id = ANY(%s) AND response_bounds <> '{}'",
            [list(mailing_ids)],
        )
        return {mailing_id: Rules.of(hours, link) for mailing_id, hours, link in cursor.fetchall()}


def count_move(
    tally: Tally, rules: Rules, sent: Sent, column: str, before: datetime | None, after: datetime | None
) -> None:
    """Count that a message's moment in `column` (of RESPONSES) was `before` and is now `after`."""
    if sent.accepted_at is None:
        return
    for moment, amount in ((before, -1), (after, 1)):
        if moment is not None:
            lag = rules.lag(sent.accepted_at, moment)
            slot = ResponseSlot(sent.mailing_id, sent.stratum, hour_of(sent.accepted_at), lag)
            tally.response(slot, RESPONSES[column], amount)


def count_change(tally: Tally, messages: Collection[Changed], column: str) -> None:
    """Count changes of the moments in `column` (of RESPONSES) of messages that the caller has locked."""
    rules = rules_of({change.sent.mailing_id for change in messages})
    for change in messages:
        if change.sent.mailing_id in rules:
            count_move(tally, rules[change.sent.mailing_id], change.sent, column, change.before, change.after)


def count_accepted(tally: Tally, rules: Rules, message_ids: Sequence[int]) -> None:
    """Count messages, just written as accepted, as sent, and whatever is known already of what they led to."""
    names = ", ".join(RESPONSES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT mailing_id, stratum, date_trunc('hour', accepted_at, 'UTC'), count(*),
                   array_agg(id) FILTER (WHERE coalesce({names}) IS NOT NULL)
            FROM delivery_message WHERE id = ANY(%s::bigint[]) GROUP BY 1, 2, 3
            """,  # noqa: S608 - names of this module
            [numbers(message_ids)],
        )
        early: list[int] = []
        for mailing_id, stratum, hour, amount, responded in cursor.fetchall():
            tally.response(ResponseSlot(mailing_id, stratum, hour, 0), "sent", amount)
            early += responded or []
        if not early:
            return
        cursor.execute(
            f"SELECT id, mailing_id, stratum, accepted_at, {names} FROM delivery_message WHERE id = ANY(%s)",  # noqa: S608
            [early],
        )
        for row in cursor.fetchall():
            for column, moment in zip(RESPONSES, row[4:], strict=True):
                count_move(tally, rules, Sent(*row[:4]), column, None, moment)


def linked_at(message_ids: Collection[int]) -> dict[int, datetime | None]:
    """Return the first human click on the counted link as the messages have it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, linked_at FROM delivery_message WHERE id = ANY(%s)", [list(message_ids)])
        return dict(cursor.fetchall())


def write_moments(column: str, moments: Mapping[int, datetime | None]) -> None:
    """Write moments to `column` (of RESPONSES) of messages that the caller has locked."""
    if not moments:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE delivery_message message SET {column} = new.at"  # noqa: S608 - names of this module
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS new (id, at) WHERE message.id = new.id",
            [list(moments), list(moments.values())],
        )


def counted_links(link_ids: Collection[int]) -> set[int]:
    """Return those of the links that their mailings count by age."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT link.id FROM delivery_link link JOIN delivery_mailing mailing ON mailing.id = link.mailing_id
            WHERE link.id = ANY(%s) AND mailing.response_link <> '' AND mailing.response_link IN (link.label, link.url)
            """,
            [list(link_ids)],
        )
        return {link_id for (link_id,) in cursor.fetchall()}


def sent_of(message_ids: Collection[int]) -> dict[int, Sent]:
    """Return what the responses of messages are counted under."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, mailing_id, stratum, accepted_at FROM delivery_message WHERE id = ANY(%s)", [list(message_ids)]
        )
        return {row[0]: Sent(*row) for row in cursor.fetchall()}


class ResponseRow(NamedTuple):
    """One row of ResponseCounter."""

    mailing_id: int
    stratum: int
    sent_hour: datetime
    lag: int
    sent: int
    opened: int
    opened_any: int
    clicked: int
    clicked_any: int
    linked: int
    replied: int
    converted: int
    unsubscribed: int
    complained: int
    bounced: int


class ResponseSums(NamedTuple):
    """The rows of a mailing and stratum together."""

    mailing_id: int
    stratum: int
    sent: int
    opened: int
    opened_any: int
    clicked: int
    clicked_any: int
    linked: int
    replied: int
    converted: int
    unsubscribed: int
    complained: int
    bounced: int


class ResponseCell(NamedTuple):
    """One number of ResponseCounter."""

    mailing_id: int
    stratum: int
    sent_hour: datetime
    lag: int
    column: str

    @property
    def slot(self) -> ResponseSlot:
        """The row that it stands in."""
        return ResponseSlot(self.mailing_id, self.stratum, self.sent_hour, self.lag)


def response_counts(mailing_ids: Collection[int]) -> list[ResponseRow]:
    """Return all rows of mailings that count responses by age, by mailing, stratum, hour and lag; no message is read."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(ResponseRow._fields)} FROM delivery_responsecounter WHERE mailing_id = ANY(%s)"  # noqa: S608
            " ORDER BY mailing_id, stratum, sent_hour, lag",
            [list(mailing_ids)],
        )
        return [ResponseRow(*row) for row in cursor.fetchall()]


def settled_counts(mailing_ids: Collection[int], *, sent_before: datetime, lag: int) -> list[ResponseRow]:
    """Return the rows put together, two at most for each mailing and stratum, however many hours mail has been sent in.

    One, of lag 0, holds what was sent in hours that were over by `sent_before` with the responses up to `lag`; the other one, of the next lag,
    everything else.  `sent_hour` is the last one in which something was sent.
    """
    names = ResponseRow._fields[4:]
    settled = "sent_hour + interval '1 hour' <= %s AND lag <= %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT mailing_id, stratum, coalesce(max(sent_hour) FILTER (WHERE sent > 0), max(sent_hour)),
                CASE WHEN {settled} THEN 0 ELSE %s + 1 END, {", ".join(f"sum({name})" for name in names)}
            FROM delivery_responsecounter WHERE mailing_id = ANY(%s) GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
            """,  # noqa: S608 - names of this module
            [sent_before, lag, lag, list(mailing_ids)],
        )
        return [ResponseRow(*row) for row in cursor.fetchall()]


def response_sums(
    mailing_ids: Collection[int], *, sent_before: datetime | None = None, within: int | None = None
) -> list[ResponseSums]:
    """Return the rows summed by mailing and stratum: a look needs no more, however many hours a test has run.

    `sent_before` leaves out hours that weren't over by then, `within` (hours; one of the mailings' bounds) responses that came later.
    Raises ValueError for another `within`.
    """
    lags: dict[int, int] = {}
    for mailing_id, rules in rules_of(mailing_ids).items():
        lags[mailing_id] = len(rules.bounds) if within is None else rules.bounds.index(timedelta(hours=within))
    names = ResponseSums._fields[2:]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT mailing_id, stratum, {", ".join(f"sum({name})::bigint" for name in names)}
            FROM unnest(%s::bigint[], %s::smallint[]) AS asked (id, lag)
            JOIN delivery_responsecounter counter ON counter.mailing_id = asked.id AND counter.lag <= asked.lag
            WHERE %s::timestamptz IS NULL OR sent_hour + interval '1 hour' <= %s
            GROUP BY mailing_id, stratum ORDER BY mailing_id, stratum
            """,  # noqa: S608 - names of this module
            [list(lags), list(lags.values()), sent_before, sent_before],
        )
        return [ResponseSums(*row) for row in cursor.fetchall()]


def response_differences() -> dict[ResponseCell, tuple[int, int]]:
    """Return where the rows differ from the messages: what they say, and what the messages do.  This one reads all messages."""
    found: dict[ResponseCell, tuple[int, int]] = {}
    for column, moment in {"sent": "accepted_at", **{counter: moment for moment, counter in RESPONSES.items()}}.items():
        late = f"m.{moment} > m.accepted_at + make_interval(hours => bound)"
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH each AS (
                    SELECT m.mailing_id, m.stratum, date_trunc('hour', m.accepted_at, 'UTC') AS sent_hour,
                        (SELECT count(*) FILTER (WHERE {late}) FROM unnest(g.response_bounds) AS bound) AS lag
                    FROM delivery_mailing g JOIN delivery_message m ON m.mailing_id = g.id
                    WHERE g.response_bounds <> '{{}}' AND m.accepted_at IS NOT NULL AND m.{moment} IS NOT NULL
                ), facts AS (
                    SELECT mailing_id, stratum, sent_hour, lag, count(*) AS number FROM each GROUP BY 1, 2, 3, 4
                )
                SELECT mailing_id, stratum, sent_hour, lag, coalesce({column}, 0), coalesce(number, 0)
                FROM delivery_responsecounter FULL JOIN facts USING (mailing_id, stratum, sent_hour, lag)
                WHERE coalesce({column}, 0) <> coalesce(number, 0)
                """  # noqa: S608 - names of this module
            )
            for mailing_id, stratum, sent_hour, lag, said, fact in cursor.fetchall():
                found[ResponseCell(mailing_id, stratum, sent_hour, lag, column)] = (said, fact)
    return found
