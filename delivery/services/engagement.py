"""What people did with messages, told by tracking."""

from datetime import datetime

from django.db import transaction

from core import clock
from delivery.counters import Tally
from delivery.engagement import FirstTimes, HourlyHits, LinkHits, TrackedMessage, lock_messages, record_engagement
from delivery.models import Message

__all__ = [
    "FirstTimes",
    "HourlyHits",
    "LinkHits",
    "TrackedMessage",
    "lock_messages",
    "record_engagement",
    "record_unsubscribe",
]


@transaction.atomic
def record_unsubscribe(message_id: int, at: datetime | None = None) -> bool:
    """Note that a message led to an unsubscription; return False if that was known or the message is gone."""
    moment = at or clock.now()
    message = Message.objects.select_for_update(no_key=True).filter(pk=message_id, unsubscribed_at=None).first()
    if message is None:
        return False
    Message.objects.filter(pk=message_id).update(unsubscribed_at=moment)
    tally = Tally()
    tally.mailing(message.mailing_id, moment, "unsubscribed")
    tally.write()
    return True
