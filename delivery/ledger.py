"""Receipts into the ledger: a few statements a batch, never one a message.

Runs in the caller's transaction. Lock order: mailing, mailbox, batch, message, counter. The message rows keep all their
indexes untouched, so that the update stays HOT.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from django.db import OperationalError, connection

from core.literals import moments, numbers, texts
from delivery import queue, reasons
from delivery.counters import Tally, hour_of
from delivery.models import Batch, Mailbox, Mailing, MessageState
from delivery.queue import WAITING
from delivery.receipts import Receipt, by_time
from delivery.responses import Rules, count_accepted

# Retries that come due within so many seconds of each other share a batch.
_RETRY_GRAIN = 10
_KIND = attrgetter("state", "reason", "tried", "outcome")


class Held(NamedTuple):
    """A leased batch as its receipts need it; `rules` if its mailing counts responses by age."""

    batch_id: int
    owner: str
    mailing_id: int
    mailbox_id: int
    workspace_id: int
    given_up: bool = False
    rules: Rules | None = None

    @property
    def ended_by(self) -> str:
        """What stands as the owner of a batch that is done: another name if it was given up, as its worker may return."""
        return given_up_name(self.owner) if self.given_up else self.owner


def given_up_name(owner: str) -> str:
    """Return the owner's name on a batch that was given up for lost."""
    return f"lost {owner}"


class Recorded(NamedTuple):
    """Which messages changed by these receipts, by their new state; the others had been settled by someone else."""

    by_state: dict[MessageState, list[int]]

    def of(self, state: MessageState) -> list[int]:
        """Return the ids of the messages that are now in `state`."""
        return self.by_state.get(state, [])


# A batch goes back to where its mailing and mailbox say; of a cancelled one the messages are settled later.
_STATE_AFTER = f"""
CASE WHEN mailing.state = '{Mailing.State.CANCELLED}' THEN {Batch.State.CANCELLED:d}
     WHEN mailing.state = '{Mailing.State.PAUSED}' OR mailbox.status <> '{Mailbox.Status.ACTIVE}' THEN {Batch.State.HELD:d}
     ELSE {Batch.State.QUEUED:d} END
"""


def give_back(
    held: Held, remaining: Collection[int], *, due_at: datetime | None, now: datetime, reason: str = ""
) -> bool:
    """End the lease: the batch is done, or waits again with what remains of it (from `due_at`, if that is given).

    `reason` says why it waits until then, as a code; without one it is for the server's sake.
    Returns False if the lease was not ours any more.
    """
    with connection.cursor() as cursor:
        if not remaining:
            cursor.execute(
                "UPDATE delivery_batch SET state = %s, finished_at = %s, lease_expires_at = NULL, lease_owner = %s"
                " WHERE id = %s AND state = %s AND lease_owner = %s",
                [Batch.State.DONE, now, held.ended_by, held.batch_id, Batch.State.LEASED, held.owner],
            )
        else:
            cursor.execute(
                f"""
                UPDATE delivery_batch batch
                SET state = {_STATE_AFTER}, message_ids = %s, due_at = coalesce(%s, batch.due_at),
                    postponed = %s, reason = %s, lease_owner = '', leased_at = NULL, lease_expires_at = NULL
                FROM delivery_mailing mailing, delivery_mailbox mailbox
                WHERE batch.id = %s AND batch.state = %s AND batch.lease_owner = %s
                  AND mailing.id = batch.mailing_id AND mailbox.id = batch.mailbox_id
                """,  # noqa: S608 - constants of this module
                [
                    list(remaining),
                    due_at,
                    due_at is not None and not reason,
                    reason,
                    held.batch_id,
                    Batch.State.LEASED,
                    held.owner,
                ],
            )
        return bool(cursor.rowcount)


def hold(held: Held, waiting: Iterable[tuple[tuple[datetime, str], Sequence[int]]]) -> None:
    """Put messages of a leased batch into batches of their own, by the moment and the reason for which they wait."""
    for (until, reason), message_ids in sorted(waiting):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO delivery_batch (mailing_id, mailbox_id, message_ids, state, due_at, reason)
                SELECT mailing.id, mailbox.id, %s, {_STATE_AFTER}, %s, %s FROM delivery_mailing mailing, delivery_mailbox mailbox
                WHERE mailing.id = %s AND mailbox.id = %s
                """,  # noqa: S608 - constants of this module
                [list(message_ids), until, reason, held.mailing_id, held.mailbox_id],
            )


def transaction_number() -> str:
    """Return what `is_committed` knows the transaction by that is open now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        (number,) = cursor.fetchone()
    return str(number)


def is_committed(transaction: str) -> bool:
    """Return whether a transaction of a connection that was lost was committed.

    Raises OperationalError while its session still works on it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_xact_status(%s::xid8)", [transaction])
        (status,) = cursor.fetchone()
    if status == "in progress":
        raise OperationalError("The session that was lost has not ended yet.")
    return bool(status == "committed")


def is_recorded(held: Held) -> bool:
    """Return whether this lease was ended, and nothing remained of the batch."""
    return Batch.objects.filter(pk=held.batch_id, lease_owner=held.ended_by, state=Batch.State.DONE).exists()


def lock(held: Held) -> None:
    """Keep the mailing and the mailbox as they are until the commit: a batch can't slip past a pause or cancellation."""
    queue.share_mailing(held.mailing_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM delivery_mailbox WHERE id = %s FOR SHARE", [held.mailbox_id])


def record(held: Held, receipts: Sequence[Receipt], tally: Tally) -> Recorded:
    """Write receipts to the messages, log attempts, make batches of retries, and count."""
    accepted = [receipt for receipt in receipts if receipt.state is MessageState.ACCEPTED]
    others = [receipt for receipt in receipts if receipt.state is not MessageState.ACCEPTED]
    changed: dict[MessageState, list[int]] = defaultdict(list)
    if accepted:
        written = set(_accept(held, accepted, tally))
        if len(written) != len(accepted):
            accepted = [receipt for receipt in accepted if receipt.message_id in written]
    if accepted:
        changed[MessageState.ACCEPTED] = [receipt.message_id for receipt in accepted]
        if held.rules is not None:
            count_accepted(tally, held.rules, changed[MessageState.ACCEPTED])
    if others:
        settled = _settle(others)
        others = [receipt for receipt in others if receipt.message_id in settled]
        for receipt in others:
            changed[receipt.state].append(receipt.message_id)
        _log([receipt for receipt in others if receipt.tried])
        _queue_retries(held, [receipt for receipt in others if receipt.retry_at])
    _count(held, [*accepted, *others], tally)
    return Recorded(dict(changed))


def postpone(held: Held, message_ids: Sequence[int], *, reason: str, text: str) -> None:
    """Note on messages that were not offered why they wait; they are in a later batch, so they are deferred."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_message SET state = %s, reason = %s, reply_code = NULL, reply_text = %s"
            " WHERE id = ANY(%s) AND state = ANY(%s)",
            [MessageState.DEFERRED, reason, text, list(message_ids), list(WAITING)],
        )


def contacts_of(message_ids: Sequence[int]) -> list[int]:
    """Return the ids of the contacts that these messages went to; a test's contact got nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT contact_id FROM delivery_message"
            " WHERE id = ANY(%s::bigint[]) AND contact_id IS NOT NULL AND NOT is_test",
            [numbers(message_ids)],
        )
        return [contact_id for (contact_id,) in cursor.fetchall()]


def _accept(held: Held, receipts: Sequence[Receipt], tally: Tally) -> list[int]:
    ids = [receipt.message_id for receipt in receipts]
    values = [
        numbers(ids),
        moments([receipt.at for receipt in receipts]),
        numbers([receipt.code or 0 for receipt in receipts]),
        texts([receipt.text for receipt in receipts]),
    ]
    changed = _write_accepted(values, WAITING)
    if len(changed) != len(ids):
        # The wire has the last word: what was cancelled or given up meanwhile has arrived all the same.
        at = {receipt.message_id: receipt.at for receipt in receipts}
        for message_id, state in _overtaken(ids):
            tally.mailing(held.mailing_id, at[message_id], MessageState(state).name.lower(), -1)
        changed += _write_accepted(values, (int(MessageState.CANCELLED), int(MessageState.UNKNOWN)))
    return changed


def _write_accepted(values: Sequence[str], states: Collection[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_message message
            SET state = %s, reason = '', attempts = message.attempts + 1, accepted_at = receipt.at,
                reply_code = receipt.code, reply_text = receipt.text
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::smallint[], %s::text[]) AS receipt (id, at, code, text)
            WHERE message.id = receipt.id AND message.state = ANY(%s)
            RETURNING message.id
            """,
            [MessageState.ACCEPTED, *values, list(states)],
        )
        return [row[0] for row in cursor.fetchall()]


def _overtaken(ids: Sequence[int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, state FROM delivery_message WHERE id = ANY(%s) AND state IN (%s, %s) ORDER BY id FOR UPDATE",
            [list(ids), MessageState.CANCELLED, MessageState.UNKNOWN],
        )
        return list(cursor.fetchall())


def _settle(receipts: Sequence[Receipt]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_message message
            SET state = receipt.state, reason = receipt.reason, attempts = message.attempts + receipt.tried,
                reply_code = receipt.code, reply_text = receipt.text
            FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::int[], %s::smallint[], %s::text[])
                AS receipt (id, state, reason, tried, code, text)
            WHERE message.id = receipt.id AND message.state = ANY(%s)
            RETURNING message.id
            """,
            [
                [receipt.message_id for receipt in receipts],
                [int(receipt.state) for receipt in receipts],
                [receipt.reason for receipt in receipts],
                [int(receipt.tried) for receipt in receipts],
                [receipt.code for receipt in receipts],
                [receipt.text for receipt in receipts],
                list(WAITING),
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def _log(receipts: Sequence[Receipt]) -> None:
    if not receipts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_attempt (message_id, at, outcome, reason, reply_code, reply_text)
            SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::smallint[], %s::text[], %s::smallint[], %s::text[])
            """,
            [
                [receipt.message_id for receipt in receipts],
                [receipt.at for receipt in receipts],
                [int(receipt.state if receipt.outcome is None else receipt.outcome) for receipt in receipts],
                [receipt.reason for receipt in receipts],
                [receipt.code for receipt in receipts],
                [receipt.text for receipt in receipts],
            ],
        )


def _queue_retries(held: Held, receipts: Sequence[Receipt]) -> None:
    if not receipts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO delivery_batch (mailing_id, mailbox_id, message_ids, state, due_at)
            SELECT mailing.id, mailbox.id, array_agg(retry.id ORDER BY retry.id), {_STATE_AFTER}, retry.due_at
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS retry (id, due_at), delivery_mailing mailing,
                delivery_mailbox mailbox
            WHERE mailing.id = %s AND mailbox.id = %s
            GROUP BY mailing.id, mailbox.id, retry.due_at
            """,  # noqa: S608 - constants of this module
            [
                [receipt.message_id for receipt in receipts],
                [_rounded(receipt.retry_at, receipt.at) for receipt in receipts if receipt.retry_at],
                held.mailing_id,
                held.mailbox_id,
            ],
        )


def _rounded(due_at: datetime, at: datetime) -> datetime:
    """Round up to the grain, but what is due at once stays due at once."""
    if due_at <= at:
        return due_at.replace(microsecond=0)
    seconds = due_at.timestamp()
    return due_at + timedelta(seconds=-seconds % _RETRY_GRAIN)


def _count(held: Held, receipts: Sequence[Receipt], tally: Tally) -> None:
    """Count by group: thousands of receipts differ in little but their messages."""
    for hour, group in by_time(receipts, hour_of).items():
        for (state, reason, tried, outcome), amount in Counter(map(_KIND, group)).items():
            tally.mailing(held.mailing_id, hour, state.name.lower(), amount)
            if tried:
                said = state if outcome is None else outcome
                tally.mailbox(held.mailbox_id, hour, said.name.lower(), amount)
                if reason == reasons.HARD_BOUNCE:
                    tally.mailbox(held.mailbox_id, hour, "bounced", amount)
