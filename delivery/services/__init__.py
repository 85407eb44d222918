"""Every write of delivery."""

from delivery.services.engagement import Firsts, Hit, record_engagement, record_unsubscribe, withdraw_unsubscribe
from delivery.services.mailings import (
    cancel_messages,
    create_mailing,
    queue_messages,
    send_test,
    set_mailing_state,
    settle_cancelled,
)
from delivery.tracked import HONEYPOT_LABEL, TrackedLink, TrackedMessage, count_links, lock_messages, tracked_links

__all__ = [
    "HONEYPOT_LABEL",
    "Firsts",
    "Hit",
    "TrackedLink",
    "TrackedMessage",
    "cancel_messages",
    "count_links",
    "create_mailing",
    "lock_messages",
    "queue_messages",
    "record_engagement",
    "record_unsubscribe",
    "send_test",
    "set_mailing_state",
    "settle_cancelled",
    "tracked_links",
    "withdraw_unsubscribe",
]
