"""How fast a mailbox sends now, what holds it, and when the next message may leave: for people, read live."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Func, IntegerField, Sum

from delivery import reasons
from delivery.models import Batch, Mailbox, MailboxPulse
from delivery.pacing.history import Today, today_of, zone_of_mailbox
from delivery.pacing.limits import MINUTE
from delivery.pacing.opening import interval_of_mailbox

_OPEN = (Batch.State.QUEUED, Batch.State.HELD, Batch.State.LEASED)


@dataclass(frozen=True, slots=True)
class Pace:
    """A mailbox's pace: `per_minute` is measured over the last minute, `limit` what its limits allow (None: any number).

    `code` is a reason of delivery.reasons ("" when nothing holds it), `sentence` says it in words.
    """

    per_minute: int
    limit: int | None
    waiting: int
    today: Today
    code: str
    sentence: str
    next_at: datetime | None

    @property
    def is_moving(self) -> bool:
        """Whether the page should look again soon."""
        return self.waiting > 0 or self.per_minute > 0


def pace_of(mailbox: Mailbox, *, now: datetime) -> Pace:
    """Return the mailbox's pace at this moment."""
    today = today_of(mailbox, now=now)
    interval = interval_of_mailbox(mailbox)
    batches = Batch.objects.filter(mailbox_id=mailbox.pk, state__in=_OPEN)
    size = Func(F("message_ids"), function="cardinality", output_field=IntegerField())
    waiting = batches.aggregate(total=Sum(size))["total"] or 0
    code, next_at = _hold(mailbox, today, now) if waiting else ("", None)
    if mailbox.status == Mailbox.Status.PAUSED:
        code, next_at = reasons.MAILBOX_PAUSED, None
    per_minute = rates_of([mailbox.pk], now=now)[mailbox.pk]
    limit = MINUTE // interval if interval else None
    sentence = _sentence(mailbox, today, code, next_at, per_minute, waiting, interval, now)
    return Pace(per_minute, limit, waiting, today, code, sentence, next_at)


def _hold(mailbox: Mailbox, today: Today, now: datetime) -> tuple[str, datetime | None]:
    if mailbox.retry_at and mailbox.retry_at > now:
        return reasons.SERVER_UNREACHABLE, mailbox.retry_at
    if today.left == 0:
        return today.reason, today.ends_at
    queued = Batch.objects.filter(mailbox_id=mailbox.pk, state__in=(Batch.State.QUEUED, Batch.State.LEASED))
    head = queued.order_by("due_at").values_list("state", "due_at", "reason").first()
    if head is None:
        return reasons.MAILING_PAUSED, None
    state, due_at, reason = head
    if state == Batch.State.LEASED or due_at <= now:
        return (reasons.MAILBOX_RATE if interval_of_mailbox(mailbox) else ""), None
    return reason or reasons.SCHEDULED, due_at


def rates_of(mailbox_ids: Collection[int], *, now: datetime) -> dict[int, int]:
    """Return how many messages each mailbox sent in the last minute; a silent mailbox has 0."""
    pulses = MailboxPulse.objects.filter(mailbox__in=mailbox_ids)
    found = dict.fromkeys(mailbox_ids, 0)
    for mailbox_id, minute, sent, before in pulses.values_list("mailbox_id", "minute", "minute_sent", "before_sent"):
        age = (now - minute).total_seconds() if minute else 120
        if age < 60:
            found[mailbox_id] = round(before * (60 - age) / 60) + sent
        elif age < 120:
            found[mailbox_id] = round(sent * (120 - age) / 60)
    return found


def _sentence(
    mailbox: Mailbox,
    today: Today,
    code: str,
    next_at: datetime | None,
    per_minute: int,
    waiting: int,
    interval: int,
    now: datetime,
) -> str:
    if code == reasons.MAILBOX_PAUSED:
        return f"Sends nothing: {mailbox.paused_reason or 'it is paused.'}"
    if not waiting:
        return "Nothing waits to be sent."
    words = {
        reasons.WARM_UP: f"held by the warm-up ({today.sent:,} of {today.cap or 0:,} today)",
        reasons.MAILBOX_CAP: f"held by the limit a day ({today.sent:,} of {today.cap or 0:,} today)",
        reasons.MAILBOX_RATE: f"as fast as its limit allows ({_speed(interval)})",
        reasons.SERVER_UNREACHABLE: f"as its server can't be used ({mailbox.last_error.rstrip('.')})",
        reasons.MAILING_PAUSED: "as all that waits belongs to paused campaigns",
        reasons.SCHEDULED: "as all that waits is for later",
        "": "as fast as its server takes",
    }.get(code, reasons.sentence(code).removeprefix("It waits ").removesuffix("."))
    text = f"Sends {per_minute:,} a minute now, {words}."
    if next_at is not None:
        text += f" Next slot {clock_words(next_at, zone_of_mailbox(mailbox), now)}."
    return text


def _speed(interval: int) -> str:
    if not interval:
        return "no limit"
    return f"{MINUTE // interval:,} a minute"


def clock_words(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return a moment as people say it: “07:00 tomorrow”."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    if moment - now < timedelta(minutes=2):
        clock = f"{local:%H:%M:%S}"
    match (local.date() - today).days:
        case 0:
            return f"{clock} today"
        case 1:
            return f"{clock} tomorrow"
        case _:
            return f"{clock} on {local.day} {local:%b}"
