"""From what the server said (or didn't) to what the ledger says."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from delivery import reasons, retries
from delivery.models import MessageState
from delivery.replies import Kind, classify
from delivery.smtp import Refusal, Reply, Stage

_MAX_TEXT = 500
_ACCEPTED = MessageState.ACCEPTED  # found slowly, for each message
_AT = attrgetter("at")

_REFUSALS = {
    Refusal.TOO_LARGE: reasons.TOO_LARGE,
    Refusal.NEEDS_SMTPUTF8: reasons.NEEDS_SMTPUTF8,
    Refusal.MALFORMED: reasons.INVALID_ADDRESS,
}


class Receipt(NamedTuple):
    """What became of one message.

    `tried`: it was offered to the server, which counts as an attempt and is logged unless it was accepted.
    `outcome` is the logged state where it differs from `state`; `retry_at` is set for a deferred message.
    """

    message_id: int
    state: MessageState
    reason: str
    at: datetime
    tried: bool = True
    code: int | None = None
    text: str = ""
    retry_at: datetime | None = None
    outcome: MessageState | None = None


def by_time[T](receipts: Sequence[Receipt], span: Callable[[datetime], T]) -> dict[T, list[Receipt]]:
    """Group receipts by the hour or day (`span`) of their moment, in their order; those of one batch as a rule share it."""
    if not receipts:
        return {}
    moments = set(map(_AT, receipts))
    first = span(min(moments))
    if span(max(moments)) == first:
        return {first: list(receipts)}
    spans = {moment: span(moment) for moment in moments}
    groups: dict[T, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        groups[spans[receipt.at]].append(receipt)
    return groups


def accepted(message_id: int, reply: Reply, *, at: datetime) -> Receipt:
    """Return the receipt for a message that the server took."""
    return Receipt(message_id, _ACCEPTED, "", at, True, reply.code, reply.text[:_MAX_TEXT])


def answered(message_id: int, stage: Stage, reply: Reply, *, attempts: int, at: datetime) -> Receipt:
    """Return the receipt for a reply; `attempts` includes this one."""
    if reply.is_positive:
        return accepted(message_id, reply, at=at)
    text = reply.text[:_MAX_TEXT]
    verdict = classify(stage, reply)
    match verdict.kind:
        case Kind.HARD | Kind.REJECTED:
            return Receipt(message_id, MessageState.FAILED, verdict.reason, at, code=reply.code, text=text)
        case Kind.SENDER_FAULT:
            # Due at once: its batch is held by the pause of the mailbox and goes out when someone resumes it.
            return _deferred(message_id, verdict.reason, at, at, reply.code, text)
        case _:
            again = retries.retry_at(verdict.kind, attempts=attempts, now=at)
            if again is None:
                return Receipt(message_id, MessageState.FAILED, reasons.EXPIRED, at, code=reply.code, text=text)
            return _deferred(message_id, verdict.reason, at, again, reply.code, text)


def refused(message_id: int, refusal: Refusal, *, at: datetime) -> Receipt:
    """Return the receipt for a message that the server said in advance it can't take."""
    return Receipt(message_id, MessageState.FAILED, _REFUSALS[refusal], at)


def broken(message_id: int, message: str, *, attempts: int, at: datetime) -> Receipt:
    """Return the receipt for a message whose content was cut off: the server can't have taken it."""
    again = retries.retry_at(retries.INTERRUPTED, attempts=attempts, now=at)
    if again is None:
        return Receipt(message_id, MessageState.FAILED, reasons.EXPIRED, at, text=message[:_MAX_TEXT])
    return _deferred(message_id, reasons.INTERRUPTED, at, again, None, message[:_MAX_TEXT])


def in_doubt(message_id: int, reason: str, *, text: str = "", attempts: int, resend: bool, at: datetime) -> Receipt:
    """Return the receipt for a message that was sent and not answered; `resend` is the mailbox's choice."""
    text = text[:_MAX_TEXT]
    again = retries.retry_at(retries.INTERRUPTED, attempts=attempts, now=at) if resend else None
    if again is None:
        return Receipt(message_id, MessageState.UNKNOWN, reason, at, text=text)
    receipt = _deferred(message_id, reasons.RESENT_UNKNOWN, at, again, None, text)
    return receipt._replace(outcome=MessageState.UNKNOWN)


def skipped(message_id: int, reason: str, *, text: str = "", at: datetime) -> Receipt:
    """Return the receipt for a message that was not offered to any server."""
    return Receipt(message_id, MessageState.SKIPPED, reason, at, tried=False, text=text[:_MAX_TEXT])


def _deferred(message_id: int, reason: str, at: datetime, again: datetime, code: int | None, text: str) -> Receipt:
    return Receipt(message_id, MessageState.DEFERRED, reason, at, code=code, text=text, retry_at=again)
