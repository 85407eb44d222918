"""Which mailbox writes to whom: a contact stays with the one that first wrote to it, new ones go where most room is left today."""

import heapq
from collections.abc import Mapping, Sequence

from django.db import connection

from delivery import selectors as delivery


def assign_mailboxes(*, pool: Sequence[int], contact_ids: Sequence[int], offset: int = 0) -> list[int]:
    """Return a mailbox of the pool for each contact, in their order.

    `offset` is how many were assigned before and are not in the queue yet: those are taken to have got what they would get
    now, so that the spread stays the same over several calls.
    """
    if len(pool) == 1:
        return [pool[0]] * len(contact_ids)
    known = _first_writers(pool, contact_ids)
    dealer = _Dealer(delivery.room_today(pool))
    dealer.skip(offset)
    return [known.get(contact_id) or dealer.deal() for contact_id in contact_ids]


def shares_of(pool: Sequence[int], count: int) -> dict[int, int]:
    """Return how many of so many contacts each mailbox of the pool would get if it has written to none of them."""
    dealer = _Dealer(delivery.room_today(pool))
    before = dealer.used
    dealer.skip(count)
    return {mailbox_id: dealer.used.get(mailbox_id, 0) - before.get(mailbox_id, 0) for mailbox_id in pool}


class _Dealer:
    """Deals out mailboxes, always the one with the most room left; those without a limit a day come first, in turns.

    What is dealt beyond the day's room makes it negative, so what has to wait is spread evenly over the days of all.
    """

    def __init__(self, room: Mapping[int, int | None]) -> None:
        unlimited = [mailbox_id for mailbox_id, left in room.items() if left is None]
        self._heap = [(0 if left is None else -left, mailbox_id) for mailbox_id, left in room.items()]
        if unlimited:
            self._heap = [(0, mailbox_id) for mailbox_id in unlimited]
        heapq.heapify(self._heap)

    @property
    def used(self) -> dict[int, int]:
        """How much of each mailbox's room is gone, as a number to compare; mailboxes that get nothing are left out."""
        return {mailbox_id: used for used, mailbox_id in self._heap}

    def deal(self) -> int:
        """Return the next mailbox."""
        used, mailbox_id = self._heap[0]
        heapq.heapreplace(self._heap, (used + 1, mailbox_id))
        return mailbox_id

    def skip(self, count: int) -> None:
        """Deal `count` mailboxes at once."""
        # A whole round changes nothing once all are level, so only what comes before and the rest are dealt one by one.
        level = max(used for used, _ in self._heap)
        needed = sum(level - used for used, _ in self._heap)
        if count > needed:
            rounds, count = divmod(count - needed, len(self._heap))
            self._heap = [(level + rounds, mailbox_id) for _, mailbox_id in self._heap]
            heapq.heapify(self._heap)
        for _ in range(count):
            self.deal()


def _first_writers(pool: Sequence[int], contact_ids: Sequence[int]) -> dict[int, int]:
    # One probe a contact of the ledger's index on (contact, id): the first message that a mailbox of the pool sent.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT given.id, first.mailbox_id FROM unnest(%s::bigint[]) AS given (id)
            CROSS JOIN LATERAL (
                SELECT m.mailbox_id FROM delivery_message m
                WHERE m.contact_id = given.id AND NOT m.is_test AND m.mailbox_id = ANY (%s)
                ORDER BY m.id LIMIT 1) first
            """,
            [list(contact_ids), list(pool)],
        )
        return dict(cursor.fetchall())
