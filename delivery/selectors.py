"""What delivery knows, read: mailboxes, messages, numbers and the answers to "why?"."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet, Sum

from core import clock
from core.exceptions import NotFound
from delivery import reasons
from delivery.backlog import Waiting, backlog, overdue_seconds
from delivery.compose.uncompiled import uncompiled
from delivery.domains.checklist import Item, Level
from delivery.domains.stored import (
    checks_of,
    dkim_key_called,
    dkim_key_in,
    domain_in,
    domains_in,
    domains_of,
    keep_until,
    mailboxes_of_domain,
    record_of,
    standing,
)
from delivery.latency import BOUNDS as LATENCY_BOUNDS
from delivery.latency import latencies
from delivery.models import (
    ApiAccount,
    Attempt,
    Batch,
    Counter,
    Link,
    Mailbox,
    MailboxCounter,
    Mailing,
    Message,
    MessageState,
)
from delivery.oauth import login_of
from delivery.pacing.foresight import Departure, Foresight, Held, foresee
from delivery.pacing.history import zone_of_mailbox
from delivery.pacing.outlook import Outlook, outlooks
from delivery.pacing.reads import (
    RampProgress,
    complaint_warning,
    domain_paces,
    mailbox_days,
    pace_of,
    ramp_progress,
    room_today,
    sending_rules_of,
)
from delivery.pacing.status import Pace, clock_words, rates_of
from delivery.pacing.windows import checked_window, window_words
from delivery.reasons import sentence
from delivery.responses import (
    ResponseCell,
    ResponseRow,
    ResponseSums,
    response_counts,
    response_differences,
    response_sums,
    settled_counts,
)
from delivery.sending_state import Hold, MailboxState, MailingState, SendingState, sending_state
from delivery.tracked import HONEYPOT_LABEL, TrackedLink, count_links, tracked_links
from team.models import Workspace

__all__ = [
    "COUNTED",
    "HONEYPOT_LABEL",
    "LATENCY_BOUNDS",
    "Departure",
    "Foresight",
    "Held",
    "Hold",
    "Item",
    "Level",
    "LinkTotals",
    "MailboxHealth",
    "MailboxState",
    "MailingState",
    "Moment",
    "Outlook",
    "Pace",
    "RampProgress",
    "ResponseCell",
    "ResponseRow",
    "ResponseSums",
    "SendingState",
    "Totals",
    "TrackedLink",
    "Waiting",
    "Why",
    "api_account_of",
    "backlog",
    "checked_window",
    "checks_of",
    "complaint_warning",
    "count_links",
    "dkim_key_called",
    "dkim_key_in",
    "domain_in",
    "domain_paces",
    "domains_in",
    "domains_of",
    "foresee",
    "hourly",
    "keep_until",
    "latencies",
    "link_totals",
    "links_of",
    "login_of",
    "mailbox_days",
    "mailbox_health",
    "mailbox_in",
    "mailboxes_in",
    "mailboxes_of_domain",
    "messages_in",
    "messages_of",
    "messages_to",
    "open_batches",
    "outlooks",
    "overdue_seconds",
    "pace_of",
    "ramp_progress",
    "rates_of",
    "record_of",
    "response_counts",
    "response_differences",
    "response_sums",
    "room_today",
    "sending_rules_of",
    "sending_state",
    "sentence",
    "settled_counts",
    "standing",
    "timeline",
    "timelines",
    "totals",
    "totals_by_mailing",
    "tracked_links",
    "uncompiled",
    "unfinished_mailings",
    "waiting_messages",
    "waiting_strata",
    "why",
    "window_words",
]


def mailboxes_in(workspace: Workspace) -> QuerySet[Mailbox]:
    """Return the workspace's mailboxes that were not removed."""
    return Mailbox.objects.filter(workspace=workspace, archived_at=None)


def mailbox_in(workspace: Workspace, mailbox_id: int) -> Mailbox:
    """Return one of the workspace's mailboxes.  Raises NotFound, also for those of other workspaces."""
    mailbox = mailboxes_in(workspace).filter(pk=mailbox_id).first()
    if mailbox is None:
        raise NotFound("There is no such mailbox.")
    return mailbox


def api_account_of(mailbox: Mailbox) -> ApiAccount | None:
    """Return the account at a provider by whose API a mailbox sends; None when it sends by SMTP."""
    return ApiAccount.objects.filter(mailbox=mailbox).first()


def messages_in(workspace: Workspace) -> QuerySet[Message]:
    """Return the workspace's messages with contact, mailbox and mailing."""
    return Message.objects.filter(workspace=workspace).select_related("contact", "mailbox", "mailing")


def messages_of(mailing_ids: Collection[int]) -> QuerySet[Message]:
    """Return the messages of mailings with contact and mailbox."""
    return Message.objects.filter(mailing_id__in=mailing_ids).select_related("contact", "mailbox", "mailing")


def messages_to(workspace: Workspace, contact_id: int) -> QuerySet[Message]:
    """Return the messages to one contact of the workspace, newest first."""
    return messages_in(workspace).filter(contact_id=contact_id).order_by("-id")


@dataclass(frozen=True, slots=True)
class Totals:
    """The counters of mailings summed; the names are those of `Counter`."""

    queued: int = 0
    accepted: int = 0
    deferred: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    unknown: int = 0
    bounced: int = 0
    complained: int = 0
    unsubscribed: int = 0
    opens_human: int = 0
    opens_all: int = 0
    clicks_human: int = 0
    clicks_all: int = 0
    opened_human: int = 0
    opened_any: int = 0
    clicked_human: int = 0
    clicked_any: int = 0

    @property
    def delivered(self) -> int:
        """Accepted and not bounced afterwards."""
        return self.accepted - self.bounced

    @property
    def finished(self) -> int:
        """Messages that will not be sent (again)."""
        return self.accepted + self.failed + self.skipped + self.cancelled + self.unknown

    @property
    def waiting(self) -> int:
        """Messages that are still to be sent, put-off ones included."""
        return self.queued - self.finished


COUNTED = tuple(field.name for field in fields(Totals))


def totals(mailing_ids: Collection[int]) -> Totals:
    """Return the sums of all counters of the mailings."""
    sums = Counter.objects.filter(mailing_id__in=mailing_ids).aggregate(**{name: Sum(name) for name in COUNTED})
    return Totals(**{name: value or 0 for name, value in sums.items()})


def totals_by_mailing(mailing_ids: Collection[int]) -> dict[int, Totals]:
    """Return the sums of each mailing that has counters."""
    rows = Counter.objects.filter(mailing_id__in=mailing_ids).values("mailing_id")
    summed = rows.annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
    return {row["mailing_id"]: _totals(row) for row in summed}


def hourly(mailing_ids: Collection[int]) -> list[tuple[datetime, Totals]]:
    """Return the counters of the mailings together by hour, oldest first; hours without any are left out."""
    rows = Counter.objects.filter(mailing_id__in=mailing_ids).order_by("hour").values("hour")
    summed = rows.annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
    return [(row["hour"], _totals(row)) for row in summed]


def _totals(row: Mapping[str, Any]) -> Totals:
    return Totals(**{name: row[f"sum_{name}"] for name in COUNTED})


class LinkTotals(NamedTuple):
    """Clicks on one link as written in the source: URLs that differ by recipient are counted together."""

    label: str
    url: str
    clicks_human: int
    clicks_all: int
    clicked_human: int
    clicked_any: int


def link_totals(mailing_ids: Collection[int]) -> list[LinkTotals]:
    """Return the tracked links of mailings, most clicked by humans first.

    Links that differ by recipient share the label; for them `url` is one example. The link that people can't see is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT link.label, min(link.url), coalesce(sum(counter.clicks_human), 0), coalesce(sum(counter.clicks_all), 0),
                coalesce(sum(counter.clicked_human), 0), coalesce(sum(counter.clicked_any), 0)
            FROM delivery_link link LEFT JOIN delivery_linkcounter counter ON counter.link_id = link.id
            WHERE link.mailing_id = ANY(%s) AND link.label <> %s GROUP BY link.label ORDER BY 3 DESC, 4 DESC, 1
            """,
            [list(mailing_ids), HONEYPOT_LABEL],
        )
        return [LinkTotals(*row) for row in cursor.fetchall()]


def links_of(mailing_ids: Collection[int]) -> QuerySet[Link]:
    """Return the tracked links of mailings, without those that people can't see."""
    return Link.objects.filter(mailing_id__in=mailing_ids).exclude(label=HONEYPOT_LABEL)


def open_batches(mailing_ids: Collection[int]) -> int:
    """Return how many batches of the mailings still have something to do; 0 means that all of their messages are settled.

    Costs what is open: done batches are not looked at one by one thanks to the mailing's index.
    """
    return _open_batches(mailing_ids).count()


def unfinished_mailings(mailing_ids: Collection[int]) -> set[int]:
    """Return which of the mailings still have a batch with something to do, in one query that counts no message."""
    return set(_open_batches(mailing_ids).values_list("mailing_id", flat=True).distinct())


def waiting_messages(mailing_ids: Collection[int]) -> int:
    """Return how many messages of the mailings are in the queue, as its batches tell (those cancelled in it included)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(cardinality(message_ids)), 0) FROM delivery_batch"
            " WHERE mailing_id = ANY (%s) AND state = ANY (%s)",
            [list(mailing_ids), [Batch.State.QUEUED, Batch.State.HELD, Batch.State.LEASED]],
        )
        return int(cursor.fetchone()[0])


def waiting_strata(mailing_ids: Collection[int]) -> set[int]:
    """Return the strata of which messages of the mailings are still in the queue: reads what waits, not what was sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT m.stratum FROM delivery_batch b
            CROSS JOIN LATERAL unnest(b.message_ids) AS waiting (id) JOIN delivery_message m ON m.id = waiting.id
            WHERE b.mailing_id = ANY (%s) AND b.state = ANY (%s)
            """,
            [list(mailing_ids), [Batch.State.QUEUED, Batch.State.HELD, Batch.State.LEASED]],
        )
        return {stratum for (stratum,) in cursor.fetchall()}


def _open_batches(mailing_ids: Collection[int]) -> QuerySet[Batch]:
    return Batch.objects.filter(mailing_id__in=mailing_ids, finished_at=None).exclude(state=Batch.State.DONE)


@dataclass(frozen=True, slots=True)
class MailboxHealth:
    """What a mailbox's server said over a time."""

    accepted: int = 0
    deferred: int = 0
    failed: int = 0
    bounced: int = 0
    unknown: int = 0

    @property
    def tried(self) -> int:
        """Messages that got a final answer."""
        return self.accepted + self.failed


HEALTH = tuple(field.name for field in fields(MailboxHealth))


def mailbox_health(mailbox_ids: Collection[int], *, hours: int = 24) -> dict[int, MailboxHealth]:
    """Return the last hours of each mailbox, the running hour included; a silent mailbox has zeros."""
    since = clock.now() - timedelta(hours=hours)
    rows = MailboxCounter.objects.filter(mailbox_id__in=mailbox_ids, hour__gt=since).values("mailbox_id")
    summed = rows.annotate(**{f"sum_{name}": Sum(name) for name in HEALTH})
    known = {row["mailbox_id"]: _health(row) for row in summed}
    return {mailbox_id: known.get(mailbox_id, MailboxHealth()) for mailbox_id in mailbox_ids}


def _health(row: Mapping[str, Any]) -> MailboxHealth:
    return MailboxHealth(**{name: row[f"sum_{name}"] for name in HEALTH})


class Why(NamedTuple):
    """The answer to "why is this message where it is?"."""

    code: str
    sentence: str


def why(message: Message) -> Why:
    """Say why a message was sent, put off, skipped or is waiting."""
    match message.state:
        case MessageState.ACCEPTED:
            return Why(reasons.ACCEPTED, reasons.sentence(reasons.ACCEPTED, detail=message.reply_text))
        case MessageState.QUEUED:
            batch = open_batch_of(message)
            code = _waiting_code(message, batch)
            return Why(
                code, reasons.sentence(code, detail=_waiting_detail(message, code)) + _until(message, batch, code)
            )
        case MessageState.DEFERRED:
            batch = open_batch_of(message)
            code = _holding_code(message) or _line_code(batch) or message.reason
            detail = message.reply_text if code == message.reason else _waiting_detail(message, code)
            return Why(code, reasons.sentence(code, detail=detail) + _until(message, batch, code))
        case _:
            return Why(message.reason, reasons.sentence(message.reason, detail=message.reply_text))


def _holding_code(message: Message) -> str:
    if message.mailing.state == Mailing.State.PAUSED:
        return reasons.MAILING_PAUSED
    if message.mailbox.status == Mailbox.Status.PAUSED:
        return reasons.MAILBOX_PAUSED
    return ""


def _until(message: Message, batch: Batch | None, code: str) -> str:
    """Say when a message that waits for its mailbox, a window or a cap may leave."""
    if batch is None or code != batch.reason:
        return ""
    return f" It may leave from {clock_words(batch.due_at, zone_of_mailbox(message.mailbox), clock.now())} on."


def _line_code(batch: Batch | None) -> str:
    """Return why a batch is due later than asked for, if it still is."""
    if batch is None or batch.state == Batch.State.LEASED or batch.due_at <= clock.now():
        return ""
    return batch.reason


def _waiting_code(message: Message, batch: Batch | None) -> str:
    now = clock.now()
    if code := _holding_code(message):
        return code
    if code := _line_code(batch):
        return code
    if message.due_at > now:
        return reasons.SCHEDULED
    if message.mailbox.retry_at and message.mailbox.retry_at > now:
        return reasons.SERVER_UNREACHABLE
    return reasons.SENDING if batch is not None and batch.state == Batch.State.LEASED else reasons.IN_LINE


def open_batch_of(message: Message) -> Batch | None:
    """Return the batch in which a message waits or is being sent."""
    waiting = (Batch.State.QUEUED, Batch.State.HELD, Batch.State.LEASED)
    batches = Batch.objects.filter(mailing_id=message.mailing_id, state__in=waiting)
    return batches.filter(message_ids__contains=[message.pk]).first()


def _waiting_detail(message: Message, code: str) -> str:
    match code:
        case reasons.MAILBOX_PAUSED:
            return message.mailbox.paused_reason
        case reasons.SERVER_UNREACHABLE:
            return message.mailbox.last_error
        case _:
            return ""


class Moment(NamedTuple):
    """One thing that happened to a message; `kind` is stable, `title` is for people."""

    at: datetime
    kind: str
    title: str
    detail: str
    message_id: int


def timeline(message: Message) -> list[Moment]:
    """Return what happened to a message, oldest first."""
    return timelines([message])


def timelines(messages: Iterable[Message]) -> list[Moment]:
    """Return what happened to all of these messages, oldest first (for a contact's page)."""
    found = list(messages)
    moments = [moment for message in found for moment in _moments(message)]
    for attempt in Attempt.objects.filter(message_id__in=[message.pk for message in found]):
        state = MessageState(attempt.outcome)
        detail = reasons.sentence(attempt.reason, detail=attempt.reply_text)
        moments.append(Moment(attempt.at, state.name.lower(), str(state.label), detail, attempt.message_id))
    return sorted(moments, key=lambda moment: (moment.at, moment.message_id))


_HAPPENINGS: Sequence[tuple[str, str, str]] = (
    ("bounced_at", "bounced", "Bounced"),
    ("complained_at", "complained", "Marked as spam"),
    ("opened_at", "opened", "Opened"),
    ("clicked_at", "clicked", "Clicked"),
    ("replied_at", "replied", "Replied"),
    ("unsubscribed_at", "unsubscribed", "Unsubscribed"),
)


def _moments(message: Message) -> list[Moment]:
    moments = [Moment(message.created_at, "queued", "Queued", "", message.pk)]
    if message.accepted_at:
        moments.append(Moment(message.accepted_at, "accepted", "Accepted", message.reply_text, message.pk))
    for column, kind, title in _HAPPENINGS:
        at = getattr(message, column)
        if at:
            moments.append(Moment(at, kind, title, "", message.pk))
    return moments
