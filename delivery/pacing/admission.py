"""Which messages of a leased batch have to wait although the batch is due: windows, quiet hours, frequency caps, throttles.

The others go on. What waits is put into batches of its own, one for each moment and reason, so that a tick never looks at it
before.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from delivery import reasons
from delivery.claims import Lease, LeasedMessage
from delivery.models import Mailing
from delivery.pacing import throttles
from delivery.pacing.frequency import contacts_at_cap
from delivery.pacing.openings import openings_of, rules_of

# Frequency caps end for each contact at another moment: those of the same ten minutes share a batch.
_GRAIN = timedelta(minutes=10)


class Held(NamedTuple):
    """Until when, and why (a code of delivery.reasons)."""

    until: datetime
    reason: str


type HeldBack = Mapping[Held, list[int]]


def hold_back(lease: Lease, mailing: Mailing, *, now: datetime) -> tuple[Lease, HeldBack]:
    """Return the lease with the messages that may go now, and those that have to wait.  Costs nothing without rules."""
    if mailing.is_test:
        return lease, {}
    judges = [judge for judge in (_by_window(mailing, now), _by_frequency(lease, mailing, now)) if judge is not None]
    slow = throttles.has_slow_domains(lease.mailbox_id, now=now)
    if not judges and not slow:
        return lease, {}
    held: dict[Held, list[int]] = defaultdict(list)
    going: list[LeasedMessage] = []
    for message in lease.messages:
        found = None if message.stop else _latest(judges, message)
        if found is None:
            going.append(message)
        else:
            held[found].append(message.id)
    if slow:
        going = _within_shares(lease.mailbox_id, going, held, now)
    return replace(lease, messages=going), held


def _within_shares(
    mailbox_id: int, messages: list[LeasedMessage], held: dict[Held, list[int]], now: datetime
) -> list[LeasedMessage]:
    """Return the messages without those that their domain has no slot for; these are added to `held`."""
    wanted = Counter(throttles.domain_of(message.email) for message in messages if not message.stop)
    shares = throttles.shares(mailbox_id, wanted, now=now)
    if not shares:
        return messages
    left = {domain: share.allowed for domain, share in shares.items()}
    going = []
    for message in messages:
        domain = throttles.domain_of(message.email)
        if message.stop or domain not in left:
            going.append(message)
        elif left[domain]:
            left[domain] -= 1
            going.append(message)
        else:
            held[Held(shares[domain].again_at, reasons.DOMAIN_THROTTLE)].append(message.id)
    return going


type _Judge = Callable[[LeasedMessage], Held | None]


def _latest(judges: list[_Judge], message: LeasedMessage) -> Held | None:
    return max(filter(None, (judge(message) for judge in judges)), default=None)


def _by_window(mailing: Mailing, now: datetime) -> _Judge | None:
    openings = openings_of(mailing)
    if openings is None:
        return None
    known: dict[str, Held | None] = {}

    def judge(message: LeasedMessage) -> Held | None:
        zone = message.row["time_zone"] or ""
        if zone not in known:
            opening = openings.of(zone, now)
            known[zone] = Held(*opening) if opening.reason else None
        return known[zone]

    return judge


def _by_frequency(lease: Lease, mailing: Mailing, now: datetime) -> _Judge | None:
    rules = rules_of(mailing)
    if rules is None or not rules.most_messages:
        return None
    contacts = {message.contact_id for message in lease.messages if message.contact_id and not message.stop}
    full = contacts_at_cap(contacts, most=rules.most_messages, days=rules.most_days, batch_id=lease.batch_id, now=now)

    def judge(message: LeasedMessage) -> Held | None:
        freed_at = full.get(message.contact_id or 0)
        return Held(rounded(freed_at), reasons.FREQUENCY_CAP) if freed_at is not None else None

    return judge


def rounded(moment: datetime) -> datetime:
    """Return the moment or the next full ten minutes: when a frequency cap is asked about again."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return start + -((start - moment) // _GRAIN) * _GRAIN
