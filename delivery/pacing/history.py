"""A mailbox's days: what it may send today, and what it has sent; one row a day, written by the ledger and by the warm-up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from delivery import reasons
from delivery.models import Batch, Mailbox, MailboxDay
from delivery.pacing.days import local_day, start_of, zone_of
from delivery.pacing.guards import WATCHED
from delivery.pacing.ramps import GrowthUnit, Ramp, SentDay, next_step


@dataclass(frozen=True, slots=True)
class Today:
    """The mailbox's running local day: `cap` None means no limit; `ends_at` is its midnight, in UTC."""

    day: date
    ends_at: datetime
    cap: int | None
    step: int | None
    sent: int
    last_sent_at: datetime | None
    ramp_cap: int | None

    @property
    def left(self) -> int | None:
        """How many messages may still leave; None: any number."""
        return None if self.cap is None else max(self.cap - self.sent, 0)

    @property
    def reason(self) -> str:
        """The code of what limits the day."""
        return reasons.WARM_UP if self.ramp_cap is not None and self.ramp_cap == self.cap else reasons.MAILBOX_CAP


def ramp_of(mailbox: Mailbox) -> Ramp | None:
    """Return the mailbox's warm-up, if it has one."""
    if mailbox.ramp_start is None:
        return None
    return Ramp(mailbox.ramp_start, mailbox.ramp_growth, GrowthUnit(mailbox.ramp_unit), mailbox.ramp_target)


def zone_of_mailbox(mailbox: Mailbox) -> ZoneInfo:
    """Return whose midnight starts the mailbox's day: its own zone, else the workspace's."""
    return zone_of(mailbox.time_zone or mailbox.workspace.time_zone)


def today_of(mailbox: Mailbox, *, now: datetime) -> Today:
    """Return the mailbox's day as it stands, without writing anything."""
    zone = zone_of_mailbox(mailbox)
    day = local_day(now, zone)
    ends_at = start_of(day + timedelta(days=1), zone)
    row = MailboxDay.objects.filter(mailbox_id=mailbox.pk, day__lte=day).order_by("-day").first()
    current = row if row is not None and row.day == day else None
    ramp = ramp_of(mailbox)
    step = ramp_cap = None
    if ramp is not None:
        started = local_day(mailbox.ramp_since or now, zone)
        step = (
            current.step
            if current is not None and current.step is not None
            else _planned_step(mailbox, ramp, day, started)
        )
        ramp_cap = ramp.cap(step)
    caps = [cap for cap in (mailbox.per_day, ramp_cap) if cap is not None]
    return Today(
        day=day,
        ends_at=ends_at,
        cap=min(caps, default=None),
        step=step,
        sent=current.sent if current else 0,
        last_sent_at=row.last_sent_at if row else None,
        ramp_cap=ramp_cap,
    )


def _planned_step(mailbox: Mailbox, ramp: Ramp, day: date, started: date) -> int:
    last = (
        MailboxDay.objects.filter(mailbox_id=mailbox.pk, day__lt=day, day__gte=started, sent__gt=0)
        .order_by("-day")
        .first()
    )
    return next_step(ramp, SentDay(last.step, last.sent, last.bounced, last.complained) if last else None)


def open_day(mailbox: Mailbox, *, now: datetime) -> tuple[Today, bool]:
    """Return today and whether this call began it: its cap and step are noted in the history (one statement)."""
    today = today_of(mailbox, now=now)
    with connection.cursor() as cursor:
        # Nothing is written when nothing has changed; a limit that is changed during the day is.
        cursor.execute(
            """
            INSERT INTO delivery_mailboxday AS known (mailbox_id, day, cap, step) VALUES (%s, %s, %s, %s)
            ON CONFLICT (mailbox_id, day) DO UPDATE SET cap = excluded.cap, step = excluded.step
            WHERE (known.cap, known.step) IS DISTINCT FROM (excluded.cap, excluded.step)
            RETURNING xmax = 0
            """,
            [mailbox.pk, today.day, today.cap, today.step],
        )
        row = cursor.fetchone()
    return today, bool(row and row[0])


class DayTally(NamedTuple):
    """What one day gains."""

    sent: int = 0
    accepted: int = 0
    bounced: int = 0
    complained: int = 0
    last_sent_at: datetime | None = None


def add_to_days(mailbox_id: int, changes: Mapping[date, DayTally], *, outcomes: str, now: datetime) -> None:
    """Add to the days' numbers and to the mailbox's pulse, in the caller's transaction (one statement)."""
    days = sorted(changes)
    if not days:
        return
    tallies = [changes[day] for day in days]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH days AS (
                INSERT INTO delivery_mailboxday AS known (mailbox_id, day, sent, accepted, bounced, complained, last_sent_at)
                SELECT %s, * FROM unnest(%s::date[], %s::int[], %s::int[], %s::int[], %s::int[], %s::timestamptz[])
                ON CONFLICT (mailbox_id, day) DO UPDATE SET sent = known.sent + excluded.sent,
                    accepted = known.accepted + excluded.accepted, bounced = known.bounced + excluded.bounced,
                    complained = known.complained + excluded.complained,
                    last_sent_at = greatest(known.last_sent_at, excluded.last_sent_at)
            )
            INSERT INTO delivery_mailboxpulse AS pulse (mailbox_id, outcomes, minute, minute_sent)
            SELECT %s, right(%s::text, {WATCHED}), date_trunc('minute', %s::timestamptz, 'UTC'), %s::int
            ON CONFLICT (mailbox_id) DO UPDATE SET outcomes = right(pulse.outcomes || excluded.outcomes, {WATCHED}),
                minute = greatest(pulse.minute, excluded.minute),
                minute_sent = excluded.minute_sent
                    + CASE WHEN pulse.minute >= excluded.minute THEN pulse.minute_sent ELSE 0 END,
                before_sent = CASE WHEN pulse.minute >= excluded.minute THEN pulse.before_sent
                    WHEN pulse.minute = excluded.minute - interval '1 minute' THEN pulse.minute_sent ELSE 0 END
            """,  # noqa: S608 - a number
            [
                mailbox_id,
                days,
                *[list(column) for column in zip(*tallies, strict=True)],
                mailbox_id,
                outcomes,
                now,
                sum(tally.sent for tally in tallies),
            ],
        )


def waiting_by_mailbox(mailbox_ids: Collection[int]) -> dict[int, int]:
    """Return how many messages are in the unfinished batches of each mailbox."""
    if not mailbox_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mailbox_id, sum(cardinality(message_ids)) FROM delivery_batch"
            " WHERE mailbox_id = ANY(%s) AND state = ANY(%s) GROUP BY mailbox_id",
            [list(mailbox_ids), [int(Batch.State.QUEUED), int(Batch.State.HELD), int(Batch.State.LEASED)]],
        )
        return {mailbox_id: int(number) for mailbox_id, number in cursor.fetchall()}


def under_way(mailbox_id: int, *, besides: int, alive_until: datetime | None = None) -> int:
    """Return how many messages are in other leased batches of the mailbox, at most.

    With `alive_until` only leases count that last beyond it: those whose worker has lately said that it lives.
    """
    batches = Batch.objects.filter(state=Batch.State.LEASED, mailbox_id=mailbox_id).exclude(pk=besides)
    if alive_until is not None:
        batches = batches.filter(lease_expires_at__gt=alive_until)
    return sum(len(ids) for ids in batches.values_list("message_ids", flat=True))
