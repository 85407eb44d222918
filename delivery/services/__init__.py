"""Every write of delivery."""

from delivery.services.corrections import correct_counters
from delivery.services.engagement import Firsts, Hit, record_engagement, record_unsubscribe, withdraw_unsubscribe
from delivery.services.forgetting import forget_contacts
from delivery.services.mailboxes import (
    create_mailbox,
    delete_mailbox,
    pause_mailbox,
    resume_mailbox,
    test_connection,
    try_settings,
    update_mailbox,
)
from delivery.services.mailings import (
    cancel_messages,
    create_mailing,
    queue_messages,
    send_test,
    set_mailing_state,
    settle_cancelled,
)
from delivery.services.sending import dispatch_due, record_contacts_sent, settle_abandoned
from delivery.tracked import HONEYPOT_LABEL, TrackedLink, TrackedMessage, count_links, lock_messages, tracked_links

__all__ = [
    "HONEYPOT_LABEL",
    "Firsts",
    "Hit",
    "TrackedLink",
    "TrackedMessage",
    "cancel_messages",
    "correct_counters",
    "count_links",
    "create_mailbox",
    "create_mailing",
    "delete_mailbox",
    "dispatch_due",
    "forget_contacts",
    "lock_messages",
    "pause_mailbox",
    "queue_messages",
    "record_contacts_sent",
    "record_engagement",
    "record_unsubscribe",
    "resume_mailbox",
    "send_test",
    "set_mailing_state",
    "settle_abandoned",
    "settle_cancelled",
    "test_connection",
    "tracked_links",
    "try_settings",
    "update_mailbox",
    "withdraw_unsubscribe",
]
