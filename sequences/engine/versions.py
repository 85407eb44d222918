"""An email under test: which version goes to whom, and who rests for theirs."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Sequence as Items
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from abtests.models import Design, Experiment
from abtests.services import NOT_COUNTED, serve, stratum_of_slot
from sequences.engine import questions
from sequences.kinds.waits import day_of_slot, on_the_wall

# Whoever waits for a verdict is woken by it; asked again all the same, so that nobody is forgotten.
ASK_AGAIN = timedelta(minutes=10)
# So long after its hour a version still goes out; later it waits for the next day's, as the hour is what is tested.
LATEST = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
LAST = datetime.max.replace(tzinfo=UTC)
WAITS_FOR_TEST = "test"
WAITS_FOR_HOUR = "send_time"


class Member(Protocol):
    @property
    def contact_id(self) -> int: ...


class Version(NamedTuple):
    """What goes out: the mailing, and the part of the test that it counts for."""

    mailing_id: int
    stratum: int


class Rest(NamedTuple):
    """Until when somebody is let rest, and why."""

    until: datetime
    reason: str


class Sorted[M](NamedTuple):
    going: dict[Version, list[M]]
    resting: dict[Rest, list[M]]


class Versions:
    """The versions of one email for some thousand contacts: asked for all of them at once."""

    def __init__(self, experiment_id: int, contact_ids: Items[int], now: datetime) -> None:
        self._now = now
        self._experiment = Experiment.objects.get(pk=experiment_id)
        self._served = serve(self._experiment, contact_ids=contact_ids)
        timed = [contact_id for contact_id, at in self._served.send_at_of.items() if at is not None]
        self._clocks = questions.local_clocks(timed) if timed else {}
        hours = (
            self._experiment.variants.filter(send_at__isnull=False).values_list("send_at", flat=True) if timed else ()
        )
        self._earliest = min((at for at in hours if at is not None), default=None)

    def sort[M: Member](self, members: Iterable[M], entered_at: datetime, expires_at: datetime = LAST) -> Sorted[M]:
        """Tell members who came to the email at `entered_at` apart: whose version goes now, who rests (until it expires at most)."""
        found: Sorted[M] = Sorted(defaultdict(list), defaultdict(list))
        served = self._served
        for member in members:
            contact_id = member.contact_id
            if contact_id in served.waiting:
                found.resting[Rest(min(self._now + ASK_AGAIN, expires_at), WAITS_FOR_TEST)].append(member)
                continue
            goes_at, stratum = self._slot(contact_id, entered_at)
            if goes_at > self._now:
                found.resting[Rest(min(goes_at, expires_at), WAITS_FOR_HOUR)].append(member)
            else:
                found.going[Version(served.mailing_of[contact_id], stratum)].append(member)
        return found

    def _slot(self, contact_id: int, entered_at: datetime) -> tuple[datetime, int]:
        """Return when a contact's version goes (never later than now: at once), and for which part of the test it counts.

        All arms of somebody are sent on one day: the first on which none of their hours has passed.  Who gets a version outside the test
        gets it at its next hour.
        """
        stratum = self._served.stratum_of[contact_id]
        at = self._served.send_at_of[contact_id]
        if at is None or self._earliest is None:
            return self._now, stratum
        zone = self._clocks[contact_id].zone
        latest = self._now - LATEST
        if stratum == NOT_COUNTED:
            since = max(entered_at, latest, self._experiment.decided_at or entered_at)
            return on_the_wall(day_of_slot(since, at, zone), at, zone), stratum
        day = day_of_slot(entered_at, self._earliest, zone)
        goes_at = on_the_wall(day, at, zone)
        if self._experiment.design == Design.SEND_TIME:
            local = on_the_wall(day, self._earliest, zone).astimezone(zone)
            began = (self._experiment.started_at or entered_at).astimezone(zone).date()
            stratum = stratum_of_slot(local.utcoffset() or timedelta(), (day - began).days)
        if goes_at < latest:
            goes_at = on_the_wall(day_of_slot(latest, at, zone), at, zone)
        return goes_at, stratum
