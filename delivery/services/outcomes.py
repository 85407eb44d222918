"""What comes of messages later, told by whoever hears of it: conversions, bounces, complaints; and by what age it is counted."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from core.exceptions import InvalidInput
from delivery import responses
from delivery.counters import Tally
from delivery.exceptions import DeliveryError
from delivery.models import Mailing, Message
from delivery.responses import Changed, Sent

MAX_BOUNDS = 24
MAX_HOURS = 24 * 90


@transaction.atomic
def count_responses(mailing_ids: Collection[int], *, bounds: Sequence[int], link: str = "") -> None:
    """Have the responses to mailings counted by how many hours after acceptance they came (`delivery.models.ResponseCounter`).

    `bounds` are whole hours, ascending; a response exactly at a bound is within it. `link` is the label or URL of the link whose first
    human click counts as `linked`. The same twice is harmless.

    Raises InvalidInput for bounds that don't ascend, DeliveryError when a mailing that counts otherwise has messages already.
    """
    hours = list(bounds)
    if not hours or len(hours) > MAX_BOUNDS or hours != sorted(set(hours)) or hours[0] < 1 or hours[-1] > MAX_HOURS:
        message = f"Give up to {MAX_BOUNDS} ascending bounds of 1 to {MAX_HOURS} hours."
        raise InvalidInput(message, fields={"bounds": [message]})
    mailings = Mailing.objects.filter(pk__in=mailing_ids).exclude(response_bounds=hours, response_link=link)
    # Nothing is queued for them until the commit.
    changed = list(mailings.order_by("pk").select_for_update().values_list("pk", flat=True))
    if Message.objects.filter(mailing_id__in=changed).exists():
        raise DeliveryError("How responses are counted is settled before the first message.", code="already_sent")
    Mailing.objects.filter(pk__in=changed).update(response_bounds=hours, response_link=link)


@transaction.atomic
def record_conversions(*, message_ids: Sequence[int], at: datetime | Sequence[datetime]) -> int:
    """Note that messages led to what a test counts as success, all `at` one moment or each at its own; return for how many that is news.

    A message converts once, at the earliest moment that is told of. Messages that are gone are passed over.
    """
    return _record(message_ids, at, "converted_at")


@transaction.atomic
def record_bounces(*, message_ids: Sequence[int], at: datetime | Sequence[datetime]) -> int:
    """Note that accepted messages came back, as their reports say; return for how many that is news (see `record_conversions`)."""
    return _record(message_ids, at, "bounced_at", "bounced")


@transaction.atomic
def record_complaints(*, message_ids: Sequence[int], at: datetime | Sequence[datetime]) -> int:
    """Note that recipients called messages spam; return for how many that is news (see `record_conversions`)."""
    return _record(message_ids, at, "complained_at", "complained")


def _record(message_ids: Sequence[int], at: datetime | Sequence[datetime], column: str, counter: str = "") -> int:
    moments = [at] * len(message_ids) if isinstance(at, datetime) else at
    earliest: dict[int, datetime] = {}
    for message_id, moment in zip(message_ids, moments, strict=True):
        earliest[message_id] = min(moment, earliest.get(message_id, moment))
    messages = Message.objects.filter(pk__in=earliest).order_by("pk").select_for_update(no_key=True)
    changed: list[Changed] = []
    for message in messages:
        before, after = getattr(message, column), earliest[message.pk]
        if before is None or after < before:
            changed.append(Changed(Sent.of(message), before, after))
    tally = Tally()
    for sent, old, new in changed if counter else ():
        for told, amount in ((old, -1), (new, 1)):
            if told is not None:
                tally.mailing(sent.mailing_id, told, counter, amount)
    responses.count_change(tally, changed, column)
    responses.write_moments(column, {change.sent.message_id: change.after for change in changed})
    tally.write()
    return sum(change.before is None for change in changed)
