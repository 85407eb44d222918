"""Another piece of mail in the place of one that is being sent: made like it, and given what of it still waits.

Lock order: mailing, mailbox, batch, message, counter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from core import clock
from delivery import own_fields, queue
from delivery.counters import Tally
from delivery.models import Batch, Mailing
from delivery.services.mailings import cancel_messages, wake_workers

# Batches that are taken at once: some thousand messages, so that nothing is locked for long.
AT_ONCE = 20
# What no mailing takes over from another.
OWN_COLUMNS = ("id", "created_at")
WAITING_STATES = (Batch.State.QUEUED, Batch.State.HELD)


def revise_mailing(mailing: Mailing, **content: Any) -> Mailing:
    """Return a new mailing with other content (format, subject, preheader, source, text_source), in all else like this one:
    merge fields, tracking, window and state.
    """
    names = (column.attname for column in Mailing._meta.concrete_fields if column.name not in OWN_COLUMNS)
    kept = {name: getattr(mailing, name) for name in names}
    parts = (content.get(name, "") for name in ("subject", "preheader", "source", "text_source"))
    return Mailing.objects.create(**{**kept, **content, "own_fields": own_fields.uses_own_fields(*parts)})


@transaction.atomic
def replace_waiting(
    *, mailing_id: int, by: int, fields_of: Callable[[Sequence[str]], Sequence[Mapping[str, Any] | None]] | None = None
) -> bool:
    """Let some of what waits of a mailing be sent as another one; return False once nothing waits any more.

    `fields_of` tells the merge fields that messages have of their own, by their keys; it is asked if the other mailing uses them.

    What a worker holds at this moment is not touched; if some of it comes back to the queue, the next call finds it: call again
    while `selectors.unfinished_mailings` knows it.  Moved with their counts, so that each mailing counts what is sent as it.
    """
    state = queue.share_mailing(mailing_id)
    queue.share_mailing(by)
    if state == Mailing.State.CANCELLED:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_batch SET mailing_id = %s WHERE id = ANY (ARRAY(
                SELECT id FROM delivery_batch WHERE mailing_id = %s AND state = ANY (%s) ORDER BY id LIMIT %s
                FOR UPDATE SKIP LOCKED))
            RETURNING message_ids
            """,
            [by, mailing_id, list(WAITING_STATES), AT_ONCE],
        )
        batches = cursor.fetchall()
        ids = [message_id for (message_ids,) in batches for message_id in message_ids]
        cursor.execute(
            """
            WITH waiting AS (
                SELECT id FROM delivery_message WHERE id = ANY (%s) AND mailing_id = %s AND state = ANY (%s)
                ORDER BY id FOR UPDATE
            )
            UPDATE delivery_message message SET mailing_id = %s FROM waiting WHERE message.id = waiting.id
            RETURNING message.key
            """,
            [ids, mailing_id, list(queue.WAITING), by],
        )
        keys = [key for (key,) in cursor.fetchall()]
        moved = len(keys)
    other = Mailing.objects.only("workspace_id", "own_fields").get(pk=by)
    if keys and fields_of is not None and other.own_fields:
        own_fields.write(other.workspace_id, keys, fields_of(keys))
    if moved:
        now = clock.now()
        tally = Tally()
        tally.mailing(mailing_id, now, "queued", -moved)
        tally.mailing(by, now, "queued", moved)
        tally.write()
        transaction.on_commit(wake_workers)
    return bool(batches)


@transaction.atomic
def withdraw_waiting(*, mailing_id: int, reason: str) -> bool:
    """Cancel some of what waits of a mailing (`reason` is a code of `delivery.reasons`); return False once nothing waits.

    What a worker holds is cancelled too, and may be on the wire already: then the receipt has the last word.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT batch.message_ids FROM delivery_batch batch
            WHERE batch.mailing_id = %s AND batch.state = ANY (%s) AND EXISTS (
                SELECT FROM delivery_message message
                WHERE message.id = ANY (batch.message_ids) AND message.state = ANY (%s))
            ORDER BY batch.id LIMIT %s
            """,
            [mailing_id, [*WAITING_STATES, Batch.State.LEASED], list(queue.WAITING), AT_ONCE],
        )
        ids = [message_id for (message_ids,) in cursor.fetchall() for message_id in message_ids]
    return bool(ids) and bool(cancel_messages(message_ids=ids, reason=reason))
