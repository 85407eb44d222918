"""Which mailbox writes to whom: a contact stays with the one that first wrote to it, new ones are spread evenly."""

from collections.abc import Sequence

from django.db import connection


def assign_mailboxes(*, pool: Sequence[int], contact_ids: Sequence[int], offset: int = 0) -> list[int]:
    """Return a mailbox of the pool for each contact, in their order.

    `offset` is how many were assigned before, so that the spread stays even over several calls.
    """
    if len(pool) == 1:
        return [pool[0]] * len(contact_ids)
    known = _first_writers(pool, contact_ids)
    ordered = sorted(pool)
    assigned: list[int] = []
    new = offset
    for contact_id in contact_ids:
        mailbox_id = known.get(contact_id)
        if mailbox_id is None:
            mailbox_id = ordered[new % len(ordered)]
            new += 1
        assigned.append(mailbox_id)
    return assigned


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
