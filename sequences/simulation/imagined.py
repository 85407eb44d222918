"""What a simulation has assumed so far, so that it doesn't contradict itself: reactions to emails, and events."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sequences.kinds.branches import EngagementBranch
from sequences.kinds.events import EventBranch, Match, WaitFor

INSTANT = timedelta(seconds=1)


@dataclass(slots=True)
class Sending:
    """One email that has left: whether they react to it, how and when, and until when they surely have not."""

    accepted_at: datetime
    reacts_at: datetime | None = None
    by: frozenset[str] = frozenset()
    quiet_until: datetime | None = None

    def reaction_to(self, branch: EngagementBranch) -> datetime | None:
        """Return the reaction that the branch counts, if there is one in its time."""
        closes_at = self.accepted_at + branch.window
        if self.reacts_at is None or self.reacts_at > closes_at or not self.by & ways_of(branch):
            return None
        return self.reacts_at

    def react(self, branch: EngagementBranch, after: timedelta) -> datetime | None:
        """Have them react in a way that the branch counts; None if what was assumed before leaves no time for it."""
        found = self.accepted_at + after
        if self.quiet_until is not None:
            found = max(found, self.quiet_until + INSTANT)
        if found > self.accepted_at + branch.window:
            return None
        self.reacts_at, self.by = found, frozenset(sorted(ways_of(branch))[:1])
        return found

    def stay_quiet(self, branch: EngagementBranch) -> None:
        """Have them not react in the branch's time."""
        closes_at = self.accepted_at + branch.window
        self.quiet_until = max(self.quiet_until or closes_at, closes_at)


def ways_of(branch: EngagementBranch) -> frozenset[str]:
    """Return what the branch counts as a reaction."""
    counted = {"clicked": branch.clicks, "replied": branch.replies, "opened": branch.opens}
    return frozenset(way for way, counts in counted.items() if counts)


@dataclass(slots=True)
class Events:
    """Events that were assumed to happen."""

    happened: list[tuple[Match, datetime]] = field(default_factory=list)

    def add(self, match: Match, at: datetime) -> None:
        """Have such an event happen."""
        self.happened.append((match, at))

    def first(self, wait: WaitFor, since: datetime) -> datetime | None:
        """Return when the first one happens that the wait is for."""
        moments = [at for match, at in self.happened if fits(match, wait.match) and since <= at <= since + wait.timeout]
        return min(moments, default=None)

    def count(self, branch: EventBranch, until: datetime) -> int:
        """Return how many there are up to a moment that the branch counts."""
        since = until - branch.within if branch.within else None
        return sum(
            fits(match, branch.match) and at <= until and (since is None or at > since) for match, at in self.happened
        )


def fits(happened: Match, wanted: Match) -> bool:
    """Tell whether an event like `happened` is one that is wanted."""
    return happened.name == wanted.name and wanted.properties().items() <= happened.properties().items()
