"""What an SMTP reply means for a message, its recipient and its sender.

Enhanced codes (RFC 3463, IANA registry) decide first; where a server gives none, or one that says nothing, unmistakable
words do. The words are those of real servers. In doubt the gentler class wins: a contact is never suppressed for the
sender's own fault, and nothing is suppressed on a guess.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from delivery import reasons
from delivery.smtp import Reply, Stage


class Kind(StrEnum):
    """What to do about it."""

    ACCEPTED = "accepted"
    # The address doesn't exist: suppress it.
    HARD = "hard"
    # Refused for good, but it says nothing about the address: give up this message.
    REJECTED = "rejected"
    # The recipient's side has a problem now: try again.
    SOFT = "soft"
    # The server doesn't know us yet: come back later, from the same mailbox.
    GREYLIST = "greylist"
    # Too much at a time: slow down.
    THROTTLE = "throttle"
    # The server refuses us, not the recipient: pause the mailbox, keep the message.
    SENDER_FAULT = "sender_fault"


class Verdict(NamedTuple):
    """A reply's class and the code of `delivery.reasons` that explains it."""

    kind: Kind
    reason: str


_ACCEPTED = Verdict(Kind.ACCEPTED, reasons.ACCEPTED)
_HARD = Verdict(Kind.HARD, reasons.HARD_BOUNCE)
_REJECTED = Verdict(Kind.REJECTED, reasons.REJECTED)
_TOO_LARGE = Verdict(Kind.REJECTED, reasons.TOO_LARGE)
_SOFT = Verdict(Kind.SOFT, reasons.TEMPORARY_FAILURE)
_FULL = Verdict(Kind.SOFT, reasons.MAILBOX_FULL)
_GREYLIST = Verdict(Kind.GREYLIST, reasons.GREYLISTED)
_THROTTLE = Verdict(Kind.THROTTLE, reasons.THROTTLED)
_SENDER_FAULT = Verdict(Kind.SENDER_FAULT, reasons.SENDER_FAULT)

# By the enhanced code's subject and detail, whatever words come with it.
_TEMPORARY = {"7.1": _GREYLIST, "7.28": _THROTTLE, "2.2": _FULL}
_PERMANENT = {
    "1.1": _HARD,
    "1.2": _HARD,
    "1.3": _HARD,
    "1.6": _HARD,
    "1.10": _HARD,
    "1.7": _SENDER_FAULT,
    "1.8": _SENDER_FAULT,
    "2.2": _FULL,
    "2.3": _TOO_LARGE,
    "3.4": _TOO_LARGE,
    # About the recipient's account, though they are in the security group (RFC 7293, IANA).
    "7.13": _REJECTED,
    "7.17": _REJECTED,
    "7.18": _REJECTED,
    "7.28": _THROTTLE,
}
# Codes that say too little: the words decide.
_VAGUE = {"", "0.0", "1.0", "2.0", "2.1", "5.0"}

# A login is missing or not enough (RFC 4954).
_LOGIN_CODES = {530, 534, 535, 538}

_SAYS_FULL = re.compile(
    r"mailbox (is )?full|(over|exceed\w*|out of) (the )?(\w+ )?(quota|storage)|quota exceeded|mailbox.{0,30}exceed"
    r"|insufficient.{0,10}storage|not enough.{0,10}(space|storage)",
    re.IGNORECASE,
)
_SAYS_UNKNOWN = re.compile(
    r"(user|recipient|mailbox|account|address|addressee)\b.{0,60}\b"
    r"(unknown|not found|does ?n.t exist|not exists?|no longer (on|valid|exists|available))"
    r"|(unknown|no such|invalid|non-?existent) (local )?(user|recipient|mailbox|account|address)"
    r"|no mailbox here|(does not|doesn.t) have an? .{0,20}account|not a known user",
    re.IGNORECASE,
)
_SAYS_SENDER = re.compile(
    r"\b(spf|dkim|dmarc)\b|black ?list|block ?list|\bdnsbl|\brbl\b|spamhaus|\bblocked\b|reverse dns|\bptr\b|reputation"
    r"|relay(ing)?\b.{0,20}(denied|not permitted|prohibited|not allowed)|unable to relay|unauthenticated"
    r"|sender (address |domain )?(is )?(rejected|denied|refused|not allowed)|not allowed to send|client host rejected"
    r"|authentication (is )?required|mismatches client ip",
    re.IGNORECASE,
)
_SAYS_GREYLIST = re.compile(r"gr[ea]y-?list|postgrey", re.IGNORECASE)
_SAYS_RATE = re.compile(
    r"too many (messages|mails|connections|emails)|rate.?limit|too (quickly|fast|much mail)|throttl|frequency limited",
    re.IGNORECASE,
)
_SAYS_SIZE = re.compile(r"(message|size).{0,30}(too (big|large)|exceeds?|limit)", re.IGNORECASE)
_SAYS_UNWANTED = re.compile(r"recipient preferences", re.IGNORECASE)
# The recipient takes mail from its own people only: that is no fault of the sender.
_SAYS_PRIVATE = re.compile(
    r"resolver\.rst|only accepts (mail|messages) from|restricted (recipient|group)", re.IGNORECASE
)


def classify(stage: Stage, reply: Reply) -> Verdict:
    """Return what a reply to MAIL, RCPT, DATA or the content means."""
    if reply.is_positive:
        return _ACCEPTED
    detail = reply.enhanced.partition(".")[2]
    if reply.code == 421:
        return _THROTTLE
    if _SAYS_FULL.search(reply.text):
        return _FULL
    return _temporary(reply, detail) if reply.is_temporary else _permanent(stage, reply, detail)


def _temporary(reply: Reply, detail: str) -> Verdict:
    if verdict := _TEMPORARY.get(detail):
        # Only 450 and 451 are greylisting; other codes with 4.7.1 are plain trouble.
        return verdict if verdict is not _GREYLIST or reply.code in (450, 451) else _SOFT
    if _SAYS_RATE.search(reply.text):
        return _THROTTLE
    return _GREYLIST if _SAYS_GREYLIST.search(reply.text) else _SOFT


def _permanent(stage: Stage, reply: Reply, detail: str) -> Verdict:
    verdict = _PERMANENT.get(detail)
    if verdict is _HARD and stage is Stage.MAIL:
        # The only address the server has heard is the sender's.
        return _SENDER_FAULT
    if verdict is _HARD and _SAYS_UNWANTED.search(reply.text):
        return _REJECTED
    if verdict is not None:
        return verdict
    if reply.code in _LOGIN_CODES:
        return _SENDER_FAULT
    if detail.startswith("7."):
        private = _SAYS_PRIVATE.search(reply.text) or _SAYS_UNKNOWN.search(reply.text)
        return _REJECTED if private else _SENDER_FAULT
    return _by_words(stage, reply) if detail in _VAGUE else _REJECTED


def _by_words(stage: Stage, reply: Reply) -> Verdict:
    text = reply.text
    if _SAYS_SENDER.search(text) or (stage is Stage.MAIL and reply.code in (550, 551, 553, 554)):
        return _SENDER_FAULT
    if _SAYS_SIZE.search(text):
        return _TOO_LARGE
    if _SAYS_RATE.search(text):
        return _THROTTLE
    if reply.code == 552:
        return _FULL
    # Said after the content, such words are often a filter's; only as the answer to the address are they about it.
    is_unknown = stage is Stage.RCPT and reply.code in (550, 551, 553, 554) and _SAYS_UNKNOWN.search(text)
    return _HARD if is_unknown else _REJECTED
