"""What waits to be sent, and why: read from the open batches alone, however many messages there are."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from delivery import reasons
from delivery.models import Batch, Mailbox, Mailing


class Waiting(NamedTuple):
    """Messages of one mailing and mailbox that wait for the same reason; `due_at` is when the first of them is due.

    `code` is a reason of delivery.reasons, "sending" for those that a worker holds.
    """

    workspace_id: int
    mailing_id: int
    mailbox_id: int
    code: str
    messages: int
    due_at: datetime


# The order of the cases is that of what has to end first: a paused campaign waits for its people, whatever else holds it.
_BACKLOG = f"""
SELECT mailing.workspace_id, batch.mailing_id, batch.mailbox_id,
    CASE WHEN batch.state = {Batch.State.LEASED:d} THEN '{reasons.SENDING}'
         WHEN mailing.state = '{Mailing.State.PAUSED}' THEN '{reasons.MAILING_PAUSED}'
         WHEN mailbox.status = '{Mailbox.Status.PAUSED}' THEN '{reasons.MAILBOX_PAUSED}'
         WHEN mailbox.retry_at > %(now)s THEN '{reasons.SERVER_UNREACHABLE}'
         WHEN batch.due_at <= %(now)s THEN '{reasons.IN_LINE}'
         WHEN batch.reason <> '' THEN batch.reason
         ELSE '{reasons.SCHEDULED}' END AS code,
    sum(cardinality(batch.message_ids))::bigint, min(batch.due_at)
FROM delivery_batch batch
JOIN delivery_mailing mailing ON mailing.id = batch.mailing_id
JOIN delivery_mailbox mailbox ON mailbox.id = batch.mailbox_id
WHERE batch.state IN ({Batch.State.QUEUED:d}, {Batch.State.HELD:d}, {Batch.State.LEASED:d})
  AND mailing.state <> '{Mailing.State.CANCELLED}'
  AND (%(workspace)s::bigint IS NULL OR mailing.workspace_id = %(workspace)s)
GROUP BY 1, 2, 3, 4 ORDER BY 6, 2, 3, 4
"""  # noqa: S608 - numbers and words of the models


def backlog(*, now: datetime, workspace_id: int | None = None) -> list[Waiting]:
    """Return what waits in a workspace (in all of them if None), what is due first coming first."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, {"now": now, "workspace": workspace_id})
        return [Waiting(*row) for row in cursor.fetchall()]


def overdue_seconds(waiting: Iterable[Waiting], *, now: datetime) -> float:
    """Return for how long the oldest message that nothing holds has been due; 0 if none is."""
    due = [one.due_at for one in waiting if one.code == reasons.IN_LINE]
    return max((now - min(due)).total_seconds(), 0.0) if due else 0.0
