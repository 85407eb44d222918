"""Receiving domains that said "too much": each is written to more slowly from that mailbox, and slowly faster again.

Multiplicative decrease, slow increase: a 421 or 4.7.28 halves the pace (once a minute at most, as one busy moment says it many
times), and every ten quiet minutes give a tenth back. A domain that has been quiet for a day is free again.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction

from delivery.models import DomainPace

FIRST_PER_MINUTE: Final = 60.0
LEAST_PER_MINUTE: Final = 1.0
_DECREASE: Final = 0.5
_INCREASE: Final = 1.1
_QUIET: Final = timedelta(minutes=10)
_ONCE_A: Final = timedelta(minutes=1)
FORGOTTEN_AFTER: Final = timedelta(days=1)
# Messages to a slow domain leave in small groups, so that their batch is not taken for each one of them.
_GROUP: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Throttle:
    """What a domain said, and how many messages to it were in the batch."""

    reply: str
    offered: int


def pace_at(per_minute: float, changed_at: datetime, now: datetime) -> float:
    """Return the pace (messages a minute) that a domain has recovered to by `now`."""
    return per_minute * math.pow(_INCREASE, max(now - changed_at, timedelta()) // _QUIET)


def slower(per_minute: float) -> float:
    """Return the pace after one more "too much"."""
    return max(per_minute * _DECREASE, LEAST_PER_MINUTE)


def first_pace(offered: int) -> float:
    """Return the pace of a domain that never complained before: half of what it just got, one a second at most."""
    return min(max(offered * 60 / _GROUP.total_seconds(), LEAST_PER_MINUTE), FIRST_PER_MINUTE)


@transaction.atomic
def slow_down(mailbox_id: int, throttled: Mapping[str, Throttle], *, now: datetime) -> None:
    """Learn from a trip's replies."""
    known = {pace.domain: pace for pace in _lock(mailbox_id, throttled)}
    for domain in sorted(throttled):
        found, said = known.get(domain), throttled[domain]
        if found is not None and now - found.changed_at < _ONCE_A:
            continue
        per_minute = slower(pace_at(found.per_minute, found.changed_at, now)) if found else first_pace(said.offered)
        DomainPace.objects.update_or_create(
            mailbox_id=mailbox_id,
            domain=domain,
            defaults={
                "per_minute": per_minute,
                "changed_at": now,
                "next_at": now + timedelta(minutes=1 / per_minute),
                "last_reply": said.reply[:500],
            },
        )


def has_slow_domains(mailbox_id: int, *, now: datetime) -> bool:
    """Return whether any domain is slow for the mailbox."""
    return DomainPace.objects.filter(mailbox_id=mailbox_id, changed_at__gt=now - FORGOTTEN_AFTER).exists()


class Share(NamedTuple):
    """How many messages to a domain may go now, and when the others may ask again."""

    allowed: int
    again_at: datetime


@transaction.atomic
def shares(mailbox_id: int, wanted: Mapping[str, int], *, now: datetime) -> dict[str, Share]:
    """Take slots for as many of the `wanted` messages to each slow domain as may leave now; fast domains are left out."""
    found: dict[str, Share] = {}
    for pace in _lock(mailbox_id, wanted):
        if now - pace.changed_at >= FORGOTTEN_AFTER:
            pace.delete()
            continue
        share, pace.next_at = take(
            pace_at(pace.per_minute, pace.changed_at, now), pace.next_at, wanted[pace.domain], now
        )
        found[pace.domain] = share
        pace.save(update_fields=["next_at"])
    return found


def take(per_minute: float, next_at: datetime, wanted: int, now: datetime) -> tuple[Share, datetime]:
    """Return the share of `wanted` messages and the next free slot: those of the last half minute may be made up for."""
    interval = timedelta(minutes=1 / per_minute)
    first = max(next_at, now - _GROUP)
    allowed = min(max((now - first) // interval + 1, 0), wanted)
    following = first + allowed * interval
    return Share(allowed, max(following, now + min(_GROUP, interval * max(wanted - allowed, 1)))), following


def domain_of(address: str) -> str:
    """Return the domain of an address as paces are kept by it."""
    return address.rpartition("@")[2].lower()


def _lock(mailbox_id: int, domains: Iterable[str]) -> Sequence[DomainPace]:
    rows = DomainPace.objects.select_for_update().filter(mailbox_id=mailbox_id, domain__in=list(domains))
    return list(rows.order_by("domain"))
