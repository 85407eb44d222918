"""Steps that change the way itself: email, jump and exit."""

from dataclasses import dataclass
from datetime import timedelta

from sequences.kinds.reading import Reader


@dataclass(frozen=True, slots=True)
class Email:
    """What it sends is the row's own; here it is a place to stand at until the message is accepted.

    `expires_after`: one that can't be queued for so long after the contact came is skipped.
    `thread`: it answers the emails before it.
    """

    expires_after: timedelta | None = None
    thread: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """The way ends."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at another step; a jump back begins a new round, in which emails are sent anew."""

    to: str


def read_email(reader: Reader) -> Email:
    """Read what of an email's settings is the way's: `expires_after` and `thread`."""
    return Email(reader.duration("expires_after"), reader.flag("thread"))


def read_jump(reader: Reader) -> Jump:
    """Read the key of the step `to` go to."""
    return Jump(reader.text("to", "Choose where to go on.", limit=20))
