"""Why a message is where it is: a code in the ledger, a sentence for people."""

from typing import Final

# Waiting, told from the state of things rather than stored.
SCHEDULED: Final = "scheduled"
IN_LINE: Final = "in_line"
SENDING: Final = "sending"
MAILING_PAUSED: Final = "mailing_paused"
MAILBOX_PAUSED: Final = "mailbox_paused"
SERVER_UNREACHABLE: Final = "server_unreachable"
MAILBOX_RATE: Final = "mailbox_rate"
MAILBOX_CAP: Final = "mailbox_cap"
WARM_UP: Final = "warm_up"
PACING_UNREACHABLE: Final = "pacing_unreachable"
WINDOW: Final = "window"
QUIET_HOURS: Final = "quiet_hours"
FREQUENCY_CAP: Final = "frequency_cap"
DOMAIN_THROTTLE: Final = "domain_throttle"

ACCEPTED: Final = "accepted"

# Put off.
GREYLISTED: Final = "greylisted"
THROTTLED: Final = "throttled"
MAILBOX_FULL: Final = "mailbox_full"
TEMPORARY_FAILURE: Final = "temporary_failure"
SENDER_FAULT: Final = "sender_fault"
INTERRUPTED: Final = "interrupted"
RESENT_UNKNOWN: Final = "resent_unknown"

# Refused for good.
HARD_BOUNCE: Final = "hard_bounce"
REJECTED: Final = "rejected"
TOO_LARGE: Final = "too_large"
NEEDS_SMTPUTF8: Final = "needs_smtputf8"
EXPIRED: Final = "expired"

# Not tried.
SUPPRESSED: Final = "suppressed"
CONTACT_DELETED: Final = "contact_deleted"
RENDER_ERROR: Final = "render_error"
INVALID_ADDRESS: Final = "invalid_address"

# Taken back.
MAILING_CANCELLED: Final = "mailing_cancelled"
CANCELLED: Final = "cancelled"
REPLIED: Final = "replied"
GOAL_REACHED: Final = "goal_reached"
STOPPED: Final = "stopped"
MOVED: Final = "moved"
EDITED: Final = "edited"
UNSUBSCRIBED: Final = "unsubscribed"

# In doubt.
REPLY_LOST: Final = "reply_lost"
WORKER_LOST: Final = "worker_lost"
HOST_LOST: Final = "host_lost"

SENTENCES: Final[dict[str, str]] = {
    SCHEDULED: "It waits for its time.",
    IN_LINE: "It is due and leaves as soon as a worker is free.",
    SENDING: "It is being sent right now.",
    MAILING_PAUSED: "It waits because the campaign is paused.",
    MAILBOX_PAUSED: "It waits because its mailbox is paused.",
    SERVER_UNREACHABLE: "It waits because the mailbox's server could not be used; it is tried again.",
    MAILBOX_RATE: "It waits for its turn: its mailbox sends no faster than its limit.",
    MAILBOX_CAP: "It waits because its mailbox has sent all that it may send today.",
    WARM_UP: "It waits because its mailbox is warming up and has sent all that it may send today.",
    PACING_UNREACHABLE: "It waits because the counter of its mailbox's limits (Redis) can't be reached; it is tried again.",
    WINDOW: "It waits for the campaign's sending hours where the recipient lives.",
    QUIET_HOURS: "It waits for the end of the workspace's quiet hours where the recipient lives.",
    FREQUENCY_CAP: "It waits because the contact has had as many messages lately as the workspace allows.",
    DOMAIN_THROTTLE: "It waits because the recipient's provider asked this mailbox to send more slowly.",
    ACCEPTED: "The receiving server accepted it.",
    GREYLISTED: "The receiving server asked to come back later, as it does with senders it doesn't know yet (greylisting).",
    THROTTLED: "The receiving server says that it gets too much mail from here; it is sent more slowly.",
    MAILBOX_FULL: "The recipient's mailbox is full; it is tried again.",
    TEMPORARY_FAILURE: "The receiving server had a temporary problem; it is tried again.",
    SENDER_FAULT: "The server refuses this sender, not this recipient; the mailbox was paused and the message waits.",
    INTERRUPTED: "The connection broke before the message was complete; it is tried again.",
    RESENT_UNKNOWN: "It is unknown whether the first try arrived; as the mailbox says so, it is sent again.",
    HARD_BOUNCE: "The address doesn't exist; it was suppressed.",
    REJECTED: "The receiving server refused it for good.",
    TOO_LARGE: "It is larger than the server takes.",
    NEEDS_SMTPUTF8: "The address has letters that the mailbox's server can't carry (SMTPUTF8).",
    EXPIRED: "The receiving server kept putting it off for two days; it was given up.",
    SUPPRESSED: "It was not sent because the address is on the suppression list.",
    CONTACT_DELETED: "It was not sent because the contact was deleted.",
    RENDER_ERROR: "It was not sent because the email could not be filled in for this contact.",
    INVALID_ADDRESS: "It was not sent because the address is not a valid one.",
    MAILING_CANCELLED: "It was not sent because the campaign was cancelled.",
    CANCELLED: "It was not sent because it was cancelled.",
    REPLIED: "It was not sent because the contact had replied.",
    GOAL_REACHED: "It was not sent because the contact had reached the goal.",
    STOPPED: "It was not sent because the contact was taken out of the sequence.",
    MOVED: "It was not sent because the contact was moved on in the sequence by hand.",
    EDITED: "It was not sent because its step was taken out of the sequence.",
    UNSUBSCRIBED: "It was not sent because the contact had unsubscribed.",
    REPLY_LOST: "It was sent, but the connection broke before the server's answer; it may have arrived or not.",
    WORKER_LOST: "The worker was killed while it was sending it; it may have arrived or not.",
    HOST_LOST: "The machine that was sending it has not come back; it may have arrived or not.",
}


def sentence(code: str, *, detail: str = "") -> str:
    """Return the sentence for a code; `detail`, for example the server's reply, is added in quotes."""
    text = SENTENCES.get(code, f"The reason is {code}." if code else "")
    return f"{text} “{detail}”" if detail else text
