"""Every write of delivery."""

from delivery.services.engagement import (
    FirstTimes,
    HourlyHits,
    LinkHits,
    TrackedMessage,
    lock_messages,
    record_engagement,
    record_unsubscribe,
)
from delivery.services.mailings import (
    cancel_messages,
    create_mailing,
    queue_messages,
    send_test,
    set_mailing_state,
    settle_cancelled,
)

__all__ = [
    "FirstTimes",
    "HourlyHits",
    "LinkHits",
    "TrackedMessage",
    "cancel_messages",
    "create_mailing",
    "lock_messages",
    "queue_messages",
    "record_engagement",
    "record_unsubscribe",
    "send_test",
    "set_mailing_state",
    "settle_cancelled",
]
