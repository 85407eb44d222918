"""Frequency caps: no more than so many messages to one contact in so many days, over all campaigns of the workspace."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection

from delivery.models import Batch, MessageState

# The contact's messages by their index, the newest first; the message that makes the cap full is the `most`-th newest.
# What another worker has leased before this batch counts as sent now: of two campaigns at once, one waits.
_FULL = f"""
SELECT given.id, sent.freed_at FROM unnest(%(contacts)s::bigint[]) AS given (id)
CROSS JOIN LATERAL (
    SELECT min(newest.at) + %(days)s * interval '1 day' AS freed_at, count(*) AS number FROM (
        SELECT coalesce(message.accepted_at, %(now)s) AS at FROM delivery_message message
        LEFT JOIN delivery_batch batch ON batch.state = {Batch.State.LEASED:d} AND batch.id < %(batch)s
            AND message.accepted_at IS NULL AND batch.mailing_id = message.mailing_id
            AND message.id = ANY(batch.message_ids)
        WHERE message.contact_id = given.id AND NOT message.is_test
          AND ((message.state = {MessageState.ACCEPTED:d} AND message.accepted_at > %(since)s) OR batch.id IS NOT NULL)
        ORDER BY 1 DESC LIMIT %(most)s
    ) newest
) sent WHERE sent.number >= %(most)s
"""  # noqa: S608 - numbers of the models


def contacts_at_cap(
    contact_ids: Collection[int], *, most: int, days: int, batch_id: int, now: datetime
) -> dict[int, datetime]:
    """Return which of the contacts have had `most` messages in the last `days` days, and when they may get the next."""
    if not contact_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _FULL,
            {
                "contacts": list(contact_ids),
                "days": days,
                "since": now - timedelta(days=days),
                "now": now,
                "batch": batch_id,
                "most": most,
            },
        )
        return dict(cursor.fetchall())
