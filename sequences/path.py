"""The way through the steps of one version, as pure logic: where a contact stands, and what is next, when.

A contact *stands on* a step.  On a wait it stands until `due_at`; on an email until the message is accepted, and the wait
behind it counts from that acceptance.  A wait that ends is left at its `due_at`, however late the engine comes, so that
lateness never adds up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Stop:
    """One step: an email has a mailing, a wait has a duration."""

    key: str
    mailing_id: int | None = None
    wait: timedelta | None = None

    @property
    def is_email(self) -> bool:
        return self.mailing_id is not None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contact stands: on `stop` since `entered_at`, to be looked at again at `due_at`; None: at the end."""

    stop: Stop
    entered_at: datetime
    due_at: datetime


class Path:
    """The steps of a version in their order."""

    def __init__(self, stops: Iterable[Stop]) -> None:
        self._stops = {stop.key: stop for stop in stops}
        keys = list(self._stops)
        self._next = dict(pairwise(keys))

    def __getitem__(self, key: str) -> Stop:
        return self._stops[key]

    def enter(self, at: datetime) -> Place | None:
        """Return where a contact that starts at `at` stands; None if there are no steps."""
        first = next(iter(self._stops.values()), None)
        return None if first is None else arrive(first, at)

    def after(self, key: str, at: datetime) -> Place | None:
        """Return where a contact that leaves the step `key` at `at` stands; None at the end."""
        following = self.following(key)
        return None if following is None else arrive(following, at)

    def following(self, key: str) -> Stop | None:
        """Return the step after the step `key`; None at the end."""
        following = self._next.get(key)
        return None if following is None else self._stops[following]

    def walk(self, place: Place, now: datetime) -> Place | None:
        """Return where a contact at `place` stands once every wait that is over by `now` is behind it; None at the end."""
        current: Place | None = place
        while current is not None and not current.stop.is_email and current.due_at <= now:
            current = self.after(current.stop.key, current.due_at)
        return current


def arrive(stop: Stop, at: datetime) -> Place:
    """Return the place of a contact that reaches `stop` at `at`: an email is due at once, a wait when it is over."""
    return Place(stop, entered_at=at, due_at=at + (stop.wait or timedelta()))
