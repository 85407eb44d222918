"""Steps that change the way itself: email, jump and exit."""

from dataclasses import dataclass

from sequences.kinds.reading import Reader


@dataclass(frozen=True, slots=True)
class Email:
    """What it sends is the row's own; here it is a place to stand at until the message is accepted."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The way ends."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at another step; a jump back begins a new round, in which emails are sent anew."""

    to: str


def read_jump(reader: Reader) -> Jump:
    """Read the key of the step `to` go to."""
    return Jump(reader.text("to", "Choose where to go on.", limit=20))
