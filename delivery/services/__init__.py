"""Every write of delivery."""

from delivery.services.accounts import create_api_mailbox, remove_api_account, set_api_account
from delivery.services.corrections import correct_counters
from delivery.services.domains import (
    activate_dkim_key,
    add_domain,
    check_domain,
    check_due_domains,
    create_dkim_keys,
    delete_dkim_key,
    delete_domain,
    note_domain_of,
)
from delivery.services.engagement import Firsts, Hit, record_engagement, record_unsubscribe, withdraw_unsubscribe
from delivery.services.forgetting import forget_contacts
from delivery.services.guards import note_feedback
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
    send_single,
    send_test,
    set_mailing_state,
    set_mailing_window,
    settle_cancelled,
)
from delivery.services.oauth import remove_oauth_login, set_oauth_login
from delivery.services.outcomes import count_responses, record_bounces, record_complaints, record_conversions
from delivery.services.replying import record_reply
from delivery.services.retention import tidy_ledger
from delivery.services.revisions import replace_waiting, revise_mailing, withdraw_waiting
from delivery.services.rules import set_sending_rules
from delivery.services.secrets import renew_secrets
from delivery.services.sending import PATIENCE_SECONDS, dispatch_due, record_contacts_sent, settle_abandoned
from delivery.tracked import HONEYPOT_LABEL, TrackedLink, TrackedMessage, count_links, lock_messages, tracked_links

__all__ = [
    "HONEYPOT_LABEL",
    "PATIENCE_SECONDS",
    "Firsts",
    "Hit",
    "TrackedLink",
    "TrackedMessage",
    "activate_dkim_key",
    "add_domain",
    "cancel_messages",
    "check_domain",
    "check_due_domains",
    "correct_counters",
    "count_links",
    "count_responses",
    "create_api_mailbox",
    "create_dkim_keys",
    "create_mailbox",
    "create_mailing",
    "delete_dkim_key",
    "delete_domain",
    "delete_mailbox",
    "dispatch_due",
    "forget_contacts",
    "lock_messages",
    "note_domain_of",
    "note_feedback",
    "pause_mailbox",
    "queue_messages",
    "record_bounces",
    "record_complaints",
    "record_contacts_sent",
    "record_conversions",
    "record_engagement",
    "record_reply",
    "record_unsubscribe",
    "remove_api_account",
    "remove_oauth_login",
    "renew_secrets",
    "replace_waiting",
    "resume_mailbox",
    "revise_mailing",
    "send_single",
    "send_test",
    "set_api_account",
    "set_mailing_state",
    "set_mailing_window",
    "set_oauth_login",
    "set_sending_rules",
    "settle_abandoned",
    "settle_cancelled",
    "test_connection",
    "tidy_ledger",
    "tracked_links",
    "try_settings",
    "update_mailbox",
    "withdraw_unsubscribe",
    "withdraw_waiting",
]
