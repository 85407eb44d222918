"""When a mailbox stops by itself: the last outcomes and complaints, judged.

Pure. The outcomes of the last 200 messages are a text of one letter each, oldest first, so that the rule needs no query over
the ledger and gives the same answer whenever it is asked.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

WATCHED: Final = 200
_LEAST_SENT: Final = 50
_BOUNCE_RATE: Final = 0.03
_COMPLAINTS_WARN: Final = 0.001
_COMPLAINTS_PAUSE: Final = 0.003
# One person's click is no rate: with one complaint there is a warning at most.
_COMPLAINTS_TO_PAUSE: Final = 2
COMPLAINT_DAYS: Final = 7

TAKEN: Final = "."
BOUNCED: Final = "b"


class Verdict(StrEnum):
    """What the guards say."""

    WELL = "well"
    WARN = "warn"
    PAUSE = "pause"


class Judgement(NamedTuple):
    """The verdict and why, as a sentence for people."""

    verdict: Verdict
    reason: str = ""


WELL: Final = Judgement(Verdict.WELL)


def letters_of(bounced: Iterable[bool]) -> str:
    """Return outcomes as letters, in their order, at most as many as are watched."""
    return "".join(BOUNCED if each else TAKEN for each in bounced)[-WATCHED:]


def judge_bounces(outcomes: str) -> Judgement:
    """Judge the last messages: 3 % hard bounces of the last 200 pause, from 50 messages on."""
    watched = outcomes[-WATCHED:]
    sent, bounced = len(watched), watched.count(BOUNCED)
    if sent < _LEAST_SENT or bounced < _BOUNCE_RATE * sent:
        return WELL
    return Judgement(
        Verdict.PAUSE,
        f"{bounced} of the last {sent} messages went to addresses that don't exist ({bounced / sent:.1%}; the guard allows"
        f" less than {_BOUNCE_RATE:.0%}). Clean the list before you resume.",
    )


def judge_complaints(*, complained: int, accepted: int) -> Judgement:
    """Judge the complaints among what was accepted in the last days."""
    if not complained or not accepted:
        return WELL
    rate = complained / accepted
    words = f"{complained} of {accepted:,} messages of the last {COMPLAINT_DAYS} days were marked as spam ({rate:.2%})"
    if rate >= _COMPLAINTS_PAUSE and complained >= _COMPLAINTS_TO_PAUSE:
        return Judgement(
            Verdict.PAUSE, f"{words}; from {_COMPLAINTS_PAUSE:.1%} on nothing is sent. Ask who wants your mail."
        )
    if rate >= _COMPLAINTS_WARN:
        return Judgement(Verdict.WARN, f"{words}; at {_COMPLAINTS_PAUSE:.1%} the mailbox pauses.")
    return WELL
