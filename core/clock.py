"""The one place where time enters Drumbeat, so that a fortnight can be simulated in seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_frozen: datetime | None = None


def now() -> datetime:
    """Return the current moment, aware and in UTC."""
    return _frozen if _frozen is not None else datetime.now(UTC)


@contextmanager
def simulated(moment: datetime) -> Iterator[None]:
    """Let `now()` answer `moment` inside the block, for simulations and tests.

    Process-wide on purpose: a simulated day must be the same day in every thread that serves it.
    """
    global _frozen
    if moment.tzinfo is None:
        raise ValueError("A simulated moment needs a time zone.")
    before, _frozen = _frozen, moment.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before
