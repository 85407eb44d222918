"""Who of a test's recipients counts at a moment, and how they responded.

A recipient counts once W hours have passed since their own send.  Responses are kept by the hour of sending, so an hour counts as a whole:
from W hours after its end on.  Live responses never count: arms of different speed would look different.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from abtests import strata
from abtests.models import Metric

HOUR: Final = timedelta(hours=1)
# The column of delivery's response counters that a metric looks at; machines' opens and clicks are in none of them.
COLUMNS: Final = {
    Metric.CLICK: "clicked",
    Metric.REPLY: "replied",
    Metric.OPEN: "opened",
    Metric.LINK: "linked",
    Metric.CONVERSION: "converted",
}


class Row(Protocol):
    """A row of `delivery.selectors.response_counts`; `lag` is an index into the mailing's bounds."""

    @property
    def mailing_id(self) -> int: ...
    @property
    def stratum(self) -> int: ...
    @property
    def sent_hour(self) -> datetime: ...
    @property
    def lag(self) -> int: ...
    @property
    def sent(self) -> int: ...
    @property
    def complained(self) -> int: ...
    @property
    def unsubscribed(self) -> int: ...


class Part(NamedTuple):
    """One stratum: what has matured of it, an entry an arm, how many were sent in all, and the hour of the last of them."""

    successes: tuple[int, ...]
    trials: tuple[int, ...]
    complaints: tuple[int, ...]
    unsubscribes: tuple[int, ...]
    sent: int
    last_hour: datetime


class Matured(NamedTuple):
    """What counts of a test at a moment, an entry an arm, stopped ones included; and the same by stratum."""

    successes: tuple[int, ...]
    trials: tuple[int, ...]
    complaints: tuple[int, ...]
    unsubscribes: tuple[int, ...]
    per_stratum: dict[int, Part]


class _Sums:
    def __init__(self, arms: int) -> None:
        self.counts = {name: [0] * arms for name in ("successes", "trials", "complaints", "unsubscribes")}
        self.sent = 0
        self.last_hour: datetime | None = None

    def of(self, name: str) -> tuple[int, ...]:
        return tuple(self.counts[name])


def is_over(sent_hour: datetime, *, window: timedelta, now: datetime) -> bool:
    """Tell whether everybody who was sent to in this hour has had their time."""
    return counts_at(sent_hour, window=window) <= now


def whole_hour(moment: datetime) -> datetime:
    """Return the start of the moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def counts_at(sent_at: datetime, *, window: timedelta) -> datetime:
    """Return the moment from which those count who were sent to in this hour."""
    return whole_hour(sent_at) + HOUR + window


def add_up(
    rows: Iterable[Row], *, mailing_ids: Sequence[int], metric: str, window: timedelta, last_lag: int, now: datetime
) -> Matured:
    """Add up what has matured.  `mailing_ids` are the arms', `last_lag` is that of the longest delays within the window.

    Whoever got the email outside the test (stratum 0) is left out.
    """
    arms = {mailing_id: arm for arm, mailing_id in enumerate(mailing_ids)}
    column = COLUMNS[Metric(metric)]
    sums: dict[int, _Sums] = defaultdict(lambda: _Sums(len(arms)))
    for row in rows:
        arm = arms.get(row.mailing_id)
        if arm is None or row.stratum == strata.NOT_COUNTED:
            continue
        part = sums[row.stratum]
        part.sent += row.sent
        if row.sent and (part.last_hour is None or row.sent_hour > part.last_hour):
            part.last_hour = row.sent_hour
        if row.lag <= last_lag and is_over(row.sent_hour, window=window, now=now):
            part.counts["trials"][arm] += row.sent
            part.counts["successes"][arm] += getattr(row, column)
            part.counts["complaints"][arm] += row.complained
            part.counts["unsubscribes"][arm] += row.unsubscribed
    parts = {
        stratum: Part(
            each.of("successes"),
            each.of("trials"),
            each.of("complaints"),
            each.of("unsubscribes"),
            each.sent,
            each.last_hour,
        )
        for stratum, each in sorted(sums.items())
        if each.last_hour is not None
    }
    return Matured(
        _total(parts, "successes", len(arms)),
        _total(parts, "trials", len(arms)),
        _total(parts, "complaints", len(arms)),
        _total(parts, "unsubscribes", len(arms)),
        parts,
    )


def _total(parts: dict[int, Part], name: str, arms: int) -> tuple[int, ...]:
    return tuple(sum(getattr(part, name)[arm] for part in parts.values()) for arm in range(arms))
