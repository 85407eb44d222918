"""Every write of delivery."""

from delivery.services.engagement import Firsts, Hit, record_engagement, record_unsubscribe
from delivery.services.mailings import (
    cancel_messages,
    create_mailing,
    queue_messages,
    send_test,
    set_mailing_state,
    settle_cancelled,
)
from delivery.tracked import lock_messages

__all__ = [
    "Firsts",
    "Hit",
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
