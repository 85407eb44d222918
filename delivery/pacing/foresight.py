"""When mail to one person would leave, and what would hold it until then: the rules of the ledger, asked about a day to come.

Reads once what is known now; the rest is pure.  What nobody can know is left out: other mail that is made meanwhile, servers that
put mail off, a warm-up that goes badly.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from delivery import reasons
from delivery.models import Mailbox, Message, MessageState, SendingRules
from delivery.pacing.admission import rounded
from delivery.pacing.days import local_day, start_of, zone_of
from delivery.pacing.forecast import clears_at
from delivery.pacing.history import Today, ramp_of, today_of, waiting_by_mailbox, zone_of_mailbox
from delivery.pacing.limits import MINUTE
from delivery.pacing.opening import interval_of_mailbox
from delivery.pacing.openings import Openings, quiet_hours_of
from delivery.pacing.windows import Window
from team.models import Workspace

# A message that would be held more often than this is never let go by its rules.
_MOST_HOLDS = 60
# Without a limit a mailbox's line is taken to move this fast, in messages a minute.
_UNLIMITED = 6_000.0


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that holds a message: a code of delivery.reasons, and until when."""

    reason: str
    until: datetime

    @property
    def sentence(self) -> str:
        """The reason for people."""
        return reasons.sentence(self.reason)


@dataclass(frozen=True, slots=True)
class Departure:
    """When a message leaves, and what holds it before, in order; `never`: its rules leave no time at all."""

    at: datetime
    held: tuple[Held, ...] = ()
    never: bool = False


@dataclass(slots=True)
class Foresight:
    """One person's mail from one mailbox.  Each departure that is asked for counts to the caps of the next."""

    openings: Openings | None
    most_messages: int | None
    most_days: int
    time_zone: str
    line: "MailboxLine | None" = None
    accepted: list[datetime] = field(default_factory=list)

    def departure(self, due_at: datetime) -> Departure:
        """Return when a message that is due then leaves, and count it as sent."""
        moment = due_at
        held: list[Held] = []
        while len(held) < _MOST_HOLDS:
            found = [hold for hold in (self._by_window(moment), self._by_frequency(moment)) if hold is not None]
            hold = max(found, key=lambda each: (each.until, each.reason), default=None) or self._by_mailbox(moment)
            if hold is None:
                self.accepted.append(moment)
                if self.line is not None:
                    self.line.count(moment)
                return Departure(moment, tuple(held))
            held.append(hold)
            moment = hold.until
        return Departure(moment, tuple(held[:1]), never=True)

    def _by_window(self, moment: datetime) -> Held | None:
        opening = self.openings.of(self.time_zone, moment) if self.openings is not None else None
        return Held(opening.reason, opening.at) if opening is not None and opening.reason else None

    def _by_frequency(self, moment: datetime) -> Held | None:
        if not self.most_messages:
            return None
        since = moment - timedelta(days=self.most_days)
        recent = sorted((at for at in self.accepted if since < at <= moment), reverse=True)
        if len(recent) < self.most_messages:
            return None
        freed_at = recent[self.most_messages - 1] + timedelta(days=self.most_days)
        return Held(reasons.FREQUENCY_CAP, rounded(freed_at))

    def _by_mailbox(self, moment: datetime) -> Held | None:
        return self.line.hold(moment) if self.line is not None else None


@dataclass(slots=True)
class MailboxLine:
    """A mailbox's days to come: what waits in its line now, its limit a day, its warm-up."""

    mailbox: Mailbox
    today: Today
    now: datetime
    waiting: int
    clears_at: datetime
    sent: Counter[date] = field(default_factory=Counter)

    def hold(self, moment: datetime) -> Held | None:
        """Return what holds a message that comes to its turn then."""
        if self.now <= moment < self.clears_at:
            return Held(self.today.reason if self.today.cap is not None else reasons.MAILBOX_RATE, self.clears_at)
        zone = zone_of_mailbox(self.mailbox)
        day = local_day(moment, zone)
        cap, reason = self._cap(day)
        if cap is None or self._used(day) < cap:
            return None
        return Held(reason, start_of(day + timedelta(days=1), zone))

    def count(self, moment: datetime) -> None:
        """Count a message as sent."""
        self.sent[local_day(moment, zone_of_mailbox(self.mailbox))] += 1

    def _used(self, day: date) -> int:
        before = self.today.sent + self.waiting if day == self.today.day else 0
        return before + self.sent[day]

    def _cap(self, day: date) -> tuple[int | None, str]:
        """Return the day's limit and the code of what sets it; the warm-up is a step further after each day with mail."""
        ramp, step = ramp_of(self.mailbox), self.today.step
        caps: list[tuple[int, str]] = []
        if self.mailbox.per_day is not None:
            caps.append((self.mailbox.per_day, reasons.MAILBOX_CAP))
        if ramp is not None and step is not None:
            days = {sent_on for sent_on in self.sent if self.today.day <= sent_on < day}
            if day > self.today.day and (self.today.sent or self.waiting):
                days.add(self.today.day)
            caps.append((ramp.cap(min(step + len(days), ramp.last_step)), reasons.WARM_UP))
        return min(caps, default=(None, ""), key=lambda each: each[0])


def foresee(
    workspace: Workspace,
    *,
    window: Mapping[str, Any] | None,
    mailbox: Mailbox | None,
    contact_id: int | None,
    time_zone: str,
    now: datetime,
) -> Foresight:
    """Return the foresight for mail in this window (stored form), from this mailbox, to a contact (None: one that is made up)."""
    rules = SendingRules.objects.filter(workspace=workspace).first()
    quiet = quiet_hours_of(rules)
    hours = Window.of(window or {})
    openings = Openings(hours, quiet, workspace.time_zone) if hours is not None or quiet is not None else None
    most = rules.most_messages if rules else None
    days = rules.most_days if rules else 1
    accepted: list[datetime] = []
    if contact_id and most:
        since = now - timedelta(days=days)
        sent = Message.objects.filter(contact_id=contact_id, is_test=False, state=MessageState.ACCEPTED)
        accepted = [at for at in sent.filter(accepted_at__gt=since).values_list("accepted_at", flat=True) if at]
    line = _line_of(mailbox, now) if mailbox is not None else None
    return Foresight(openings, most, days, time_zone, line, accepted)


def _line_of(mailbox: Mailbox, now: datetime) -> MailboxLine:
    today = today_of(mailbox, now=now)
    waiting = waiting_by_mailbox([mailbox.pk]).get(mailbox.pk, 0)
    interval = interval_of_mailbox(mailbox)
    clear = clears_at(
        waiting,
        now=now,
        per_minute=MINUTE / interval if interval else _UNLIMITED,
        today=today,
        per_day=mailbox.per_day,
        ramp=ramp_of(mailbox),
        zone=zone_of(mailbox.time_zone, mailbox.workspace.time_zone),
    )
    return MailboxLine(mailbox, today, now, waiting, clear or now)
