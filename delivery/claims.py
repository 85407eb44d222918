"""Taking a batch for this worker, with everything that composing needs, and checking again that it may go out.

A lease is one short transaction; no lock is held while anything is on the wire. Every stop is checked here: mailing and
mailbox in the statement that takes the batch, suppression, deletion and cancellation in the one that reads its messages,
all of them again by `recheck` before the first message goes out and every few seconds while the batch lasts.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from contacts.selectors import CONTEXT_COLUMNS
from core.literals import numbers
from delivery import reasons
from delivery.models import Batch, Mailbox, Mailing
from delivery.queue import WAITING

# How long a worker may be silent before its lease counts as lost (to other machines; on its own the journal's lock tells).
LEASE_TIME = timedelta(minutes=2)


class LeasedMessage(NamedTuple):
    """One message of a leased batch; `stop` is the code of what forbids it, `row` the contact's columns by name."""

    id: int
    contact_id: int | None
    key: str
    to_email: str
    attempts: int
    tracking: str
    stop: str
    row: Mapping[str, Any]

    @property
    def email(self) -> str:
        """The address it goes to."""
        return self.to_email or self.row["email"] or ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A batch that belongs to this worker until `record` gives it back."""

    batch_id: int
    owner: str
    mailing_id: int
    mailbox_id: int
    messages: Sequence[LeasedMessage]
    # When the stops were looked at (monotonic seconds).
    read_at: float


class Recheck(NamedTuple):
    """Whether the lease is still ours, whether the batch may go on, and which messages must not go out (by their code).

    A message that is no longer waiting has an empty code: someone else has settled it.
    """

    ours: bool
    allowed: bool
    stopped: Mapping[int, str]


# The partial index batch_due gives what is due in order; what other workers hold is skipped, not waited for.
_LEASE = f"""
WITH candidate AS (
    SELECT batch.id FROM delivery_batch batch
    JOIN delivery_mailing mailing ON mailing.id = batch.mailing_id
    JOIN delivery_mailbox mailbox ON mailbox.id = batch.mailbox_id
    WHERE batch.state = {Batch.State.QUEUED:d} AND batch.due_at <= %(now)s
      AND mailing.state = '{Mailing.State.RUNNING}'
      AND mailbox.status = '{Mailbox.Status.ACTIVE}' AND (mailbox.retry_at IS NULL OR mailbox.retry_at <= %(now)s)
    ORDER BY batch.due_at, batch.id LIMIT 1 FOR UPDATE OF batch SKIP LOCKED
)
UPDATE delivery_batch batch
SET state = {Batch.State.LEASED:d}, lease_owner = %(owner)s, leased_at = %(now)s, lease_expires_at = %(expires)s
FROM candidate WHERE batch.id = candidate.id
RETURNING batch.id, batch.mailing_id, batch.mailbox_id, batch.message_ids
"""  # noqa: S608 - numbers and words of the models

_DUE = f"""
SELECT EXISTS (
    SELECT FROM delivery_batch batch
    JOIN delivery_mailing mailing ON mailing.id = batch.mailing_id
    JOIN delivery_mailbox mailbox ON mailbox.id = batch.mailbox_id
    WHERE batch.state = {Batch.State.QUEUED:d} AND batch.due_at <= %(now)s
      AND mailing.state = '{Mailing.State.RUNNING}'
      AND mailbox.status = '{Mailbox.Status.ACTIVE}' AND (mailbox.retry_at IS NULL OR mailbox.retry_at <= %(now)s)
      AND batch.mailbox_id <> %(besides)s
)
"""  # noqa: S608 - numbers and words of the models

# A test goes to people of the team, who may have unsubscribed from the real thing.
_STOP = f"""
CASE WHEN message.to_email <> '' THEN ''
     WHEN c.id IS NULL THEN '{reasons.CONTACT_DELETED}'
     WHEN suppression.id IS NOT NULL THEN '{reasons.SUPPRESSED}'
     ELSE '' END
"""

_JOINS = """
LEFT JOIN contacts_contact c ON c.id = message.contact_id AND c.workspace_id = message.workspace_id
LEFT JOIN contacts_suppression suppression
    ON suppression.workspace_id = message.workspace_id AND suppression.email_key = c.email_key
"""

_MESSAGES = f"""
SELECT message.id, message.contact_id, message.key, message.to_email, message.attempts, coalesce(c.tracking, ''), {_STOP},
    {CONTEXT_COLUMNS}
FROM unnest(%s::bigint[]) WITH ORDINALITY AS wanted (id, place) JOIN delivery_message message ON message.id = wanted.id
{_JOINS}
WHERE message.state = ANY(%s) ORDER BY wanted.place
"""  # noqa: S608 - constants of this module and of contacts

_STOPPED = f"""
SELECT wanted.id, CASE WHEN message.state = ANY(%s) THEN {_STOP} ELSE '' END
FROM unnest(%s::bigint[]) AS wanted (id) JOIN delivery_message message ON message.id = wanted.id
{_JOINS}
WHERE message.state <> ALL(%s) OR {_STOP} <> ''
"""  # noqa: S608 - constants of this module

_EXTEND = f"""
UPDATE delivery_batch batch SET lease_expires_at = %s
FROM delivery_mailing mailing, delivery_mailbox mailbox
WHERE batch.id = %s AND batch.state = {Batch.State.LEASED:d} AND batch.lease_owner = %s
  AND mailing.id = batch.mailing_id AND mailbox.id = batch.mailbox_id
RETURNING mailing.state = '{Mailing.State.RUNNING}' AND mailbox.status = '{Mailbox.Status.ACTIVE}'
"""  # noqa: S608 - numbers and words of the models

_COLUMNS_BEFORE_CONTEXT = 7


@transaction.atomic
def lease_batch(*, owner: str, now: datetime) -> Lease | None:
    """Take the batch that is due longest, if there is one, and return it with the messages that still wait."""
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, {"now": now, "owner": owner, "expires": now + LEASE_TIME})
        taken = cursor.fetchone()
        if taken is None:
            return None
        read_at = time.monotonic()
        batch_id, mailing_id, mailbox_id, message_ids = taken
        cursor.execute(_MESSAGES, [numbers(message_ids), list(WAITING)])
        names = [column[0] for column in cursor.description[_COLUMNS_BEFORE_CONTEXT:]]
        messages = [
            LeasedMessage._make(
                (*row[:_COLUMNS_BEFORE_CONTEXT], dict(zip(names, row[_COLUMNS_BEFORE_CONTEXT:], strict=True)))
            )
            for row in cursor.fetchall()
        ]
    return Lease(batch_id, owner, mailing_id, mailbox_id, messages, read_at)


def is_due(now: datetime, *, besides: int = 0) -> bool:
    """Return whether there is a batch that could be leased, not counting those of the mailbox `besides`."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "besides": besides})
        row = cursor.fetchone()
    return bool(row and row[0])


def recheck(lease: Lease, message_ids: Collection[int], *, now: datetime) -> Recheck:
    """Extend the lease and look again at everything that may forbid the rest of the batch."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTEND, [now + LEASE_TIME, lease.batch_id, lease.owner])
        row = cursor.fetchone()
        if row is None:
            return Recheck(ours=False, allowed=False, stopped={})
        waiting = list(WAITING)
        cursor.execute(_STOPPED, [waiting, numbers(message_ids), waiting])
        return Recheck(ours=True, allowed=bool(row[0]), stopped=dict(cursor.fetchall()))
