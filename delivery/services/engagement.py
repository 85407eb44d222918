"""What people did with messages, told by tracking and inbox: first-time columns and counters, exact and signed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from core import clock
from delivery import responses
from delivery.counters import Tally
from delivery.models import Message
from delivery.responses import Changed, Rules, Sent

_COLUMNS = ("opened_at", "opened_any_at", "clicked_at", "clicked_any_at")
_UNIQUE = ("opened_human", "opened_any", "clicked_human", "clicked_any")


@dataclass(frozen=True, slots=True)
class Hit:
    """One open or click of one message: `link_id` makes it a click.

    `human` counts proxied opens in. `sign` is -1 to take back what was counted (a re-class sends the old hit with -1 and
    the new one with +1). `link_first_human` and `link_first_any` are +1 when this is the message's first such click on
    this link by the event store, -1 when that is taken back, else 0.
    """

    message_id: int
    mailing_id: int
    at: datetime
    human: bool
    link_id: int | None = None
    sign: int = 1
    link_first_human: int = 0
    link_first_any: int = 0


@dataclass(frozen=True, slots=True)
class Firsts:
    """The moments of a message's first open and click as the event store has them; None: never."""

    opened_at: datetime | None
    opened_any_at: datetime | None
    clicked_at: datetime | None
    clicked_any_at: datetime | None
    # The first human click on the link that the mailing counts by age, if it does.
    linked_at: datetime | None = None

    def values(self) -> tuple[datetime | None, ...]:
        """Return the moments in the order of the columns; `linked_at` is no part of them."""
        return (self.opened_at, self.opened_any_at, self.clicked_at, self.clicked_any_at)


@transaction.atomic
def record_engagement(hits: Sequence[Hit], *, firsts: Mapping[int, Firsts] | None = None) -> None:
    """Write hits to first-time columns and counters.

    Without `firsts` for a message its columns only ever move to earlier moments; with it they become exactly that (after a
    re-class). A unique open or click is counted in the hour of its first moment and moves with it, so that recounting
    from the messages gives the same numbers. Hits on messages that are gone are counted for the mailing alone.
    """
    exact = firsts or {}
    earliest = _earliest(hits)
    tally = Tally()
    for hit in hits:
        kind = "clicks" if hit.link_id is not None else "opens"
        tally.mailing(hit.mailing_id, hit.at, f"{kind}_all", hit.sign)
        if hit.human:
            tally.mailing(hit.mailing_id, hit.at, f"{kind}_human", hit.sign)
    locked = _lock(sorted(earliest.keys() | exact.keys()))
    rules = responses.rules_of({mailing_id for _, mailing_id, *_ in locked})
    sent = responses.sent_of([row[0] for row in locked if row[1] in rules]) if rules else {}
    changes: list[tuple[int, tuple[datetime | None, ...]]] = []
    for message_id, mailing_id, *before in locked:
        if message_id in exact:
            after = exact[message_id].values()
        else:
            after = tuple(map(_earlier, before, earliest[message_id]))
        if tuple(before) != after:
            changes.append((message_id, after))
            _count_moves(tally, mailing_id, before, after)
            if message_id in sent:
                for column, old, new in zip(_COLUMNS, before, after, strict=True):
                    responses.count_move(tally, rules[mailing_id], sent[message_id], column, old, new)
    _write(changes)
    _count_linked(tally, {key: rules[message.mailing_id] for key, message in sent.items()}, sent, hits, exact)
    tally.write()
    _count_links(hits)


def _earliest(hits: Iterable[Hit]) -> dict[int, list[datetime | None]]:
    earliest: dict[int, list[datetime | None]] = defaultdict(lambda: [None] * len(_COLUMNS))
    for hit in hits:
        if hit.sign < 0:
            continue
        first = 2 if hit.link_id is not None else 0
        moments = earliest[hit.message_id]
        moments[first + 1] = _earlier(moments[first + 1], hit.at)
        if hit.human:
            moments[first] = _earlier(moments[first], hit.at)
    return earliest


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _lock(message_ids: Sequence[int]) -> list[tuple[int, int, datetime, datetime, datetime, datetime]]:
    if not message_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, mailing_id, opened_at, opened_any_at, clicked_at, clicked_any_at
            FROM delivery_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
            """,
            [list(message_ids)],
        )
        return list(cursor.fetchall())


def _count_moves(
    tally: Tally, mailing_id: int, before: Sequence[datetime | None], after: Sequence[datetime | None]
) -> None:
    for column, old, new in zip(_UNIQUE, before, after, strict=True):
        if old != new:
            if old:
                tally.mailing(mailing_id, old, column, -1)
            if new:
                tally.mailing(mailing_id, new, column)


def _write(changes: Sequence[tuple[int, tuple[datetime | None, ...]]]) -> None:
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_message message
            SET opened_at = new.opened_at, opened_any_at = new.opened_any_at,
                clicked_at = new.clicked_at, clicked_any_at = new.clicked_any_at
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
                AS new (id, opened_at, opened_any_at, clicked_at, clicked_any_at)
            WHERE message.id = new.id
            """,
            [
                [message_id for message_id, _ in changes],
                *[list(column) for column in zip(*(c[1] for c in changes), strict=True)],
            ],
        )


def _count_links(hits: Iterable[Hit]) -> None:
    links: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for hit in hits:
        if hit.link_id is not None:
            numbers = links[hit.link_id]
            numbers[0] += hit.sign if hit.human else 0
            numbers[1] += hit.sign
            numbers[2] += hit.link_first_human
            numbers[3] += hit.link_first_any
    if not links:
        return
    ids = sorted(links)
    with connection.cursor() as cursor:
        # A link whose row is gone has nothing to count on.
        cursor.execute(
            """
            INSERT INTO delivery_linkcounter AS counter (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            SELECT change.* FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
                AS change (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            JOIN delivery_link link ON link.id = change.link_id ORDER BY change.link_id
            ON CONFLICT (link_id) DO UPDATE SET
                clicks_human = counter.clicks_human + excluded.clicks_human,
                clicks_all = counter.clicks_all + excluded.clicks_all,
                clicked_human = counter.clicked_human + excluded.clicked_human,
                clicked_any = counter.clicked_any + excluded.clicked_any
            """,
            [ids, *[[links[link_id][column] for link_id in ids] for column in range(4)]],
        )


def _count_linked(
    tally: Tally,
    rules: Mapping[int, Rules],
    sent: Mapping[int, Sent],
    hits: Iterable[Hit],
    exact: Mapping[int, Firsts],
) -> None:
    """Write and count first human clicks on the links that mailings count by age; all by message."""
    asked = [message_id for message_id, rule in rules.items() if rule.link]
    if not asked:
        return
    clicks = [hit for hit in hits if hit.human and hit.sign > 0 and hit.link_id is not None and hit.message_id in rules]
    counted = responses.counted_links({hit.link_id for hit in clicks if hit.link_id is not None})
    first: dict[int, datetime | None] = {}
    for hit in clicks:
        if hit.link_id in counted:
            first[hit.message_id] = _earlier(first.get(hit.message_id), hit.at)
    changes: dict[int, datetime | None] = {}
    for message_id, before in responses.linked_at(asked).items():
        known = exact.get(message_id)
        after = known.linked_at if known is not None else _earlier(before, first.get(message_id))
        if after != before:
            changes[message_id] = after
            responses.count_move(tally, rules[message_id], sent[message_id], "linked_at", before, after)
    responses.write_moments("linked_at", changes)


@transaction.atomic
def record_unsubscribe(message_id: int, at: datetime | None = None) -> bool:
    """Note that a message led to an unsubscription; return False if that was known or the message is gone."""
    moment = at or clock.now()
    message = Message.objects.select_for_update(no_key=True).filter(pk=message_id, unsubscribed_at=None).first()
    if message is None:
        return False
    Message.objects.filter(pk=message_id).update(unsubscribed_at=moment)
    tally = Tally()
    tally.mailing(message.mailing_id, moment, "unsubscribed")
    responses.count_change(tally, [Changed(Sent.of(message), None, moment)], "unsubscribed_at")
    tally.write()
    return True


@transaction.atomic
def withdraw_unsubscribe(message_id: int) -> bool:
    """Take a message's unsubscription back (the contact pressed "undo"); return False if it has none."""
    message = Message.objects.select_for_update(no_key=True).filter(pk=message_id).first()
    if message is None or message.unsubscribed_at is None:
        return False
    Message.objects.filter(pk=message_id).update(unsubscribed_at=None)
    tally = Tally()
    tally.mailing(message.mailing_id, message.unsubscribed_at, "unsubscribed", -1)
    responses.count_change(tally, [Changed(Sent.of(message), message.unsubscribed_at, None)], "unsubscribed_at")
    tally.write()
    return True
