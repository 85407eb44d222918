"""What people and programs ask about a mailbox's pace: its days, its warm-up, its slow domains, the workspace's rules."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from core import clock
from delivery.models import DomainPace, Mailbox, MailboxDay, SendingRules
from delivery.pacing.days import local_day
from delivery.pacing.guards import COMPLAINT_DAYS, Verdict, judge_complaints
from delivery.pacing.history import ramp_of, today_of, waiting_by_mailbox, zone_of_mailbox
from delivery.pacing.status import Pace
from delivery.pacing.status import pace_of as pace_at
from team.models import Workspace

HISTORY_DAYS = 42


class RampProgress(NamedTuple):
    """Where a warm-up stands: day `step` of `steps` (from 1), and what it allows today and in the end."""

    step: int
    steps: int
    cap: int
    target: int

    @property
    def is_done(self) -> bool:
        """Whether the target is reached."""
        return self.step >= self.steps


def pace_of(mailbox: Mailbox) -> Pace:
    """Return how fast the mailbox sends now and what holds it."""
    return pace_at(mailbox, now=clock.now())


def room_today(mailbox_ids: Sequence[int]) -> dict[int, int | None]:
    """Return how many messages each mailbox may still take today, those that wait in its line counted as sent; None: any number.

    Less than zero: what waits is more than today allows.
    """
    now = clock.now()
    mailboxes = Mailbox.objects.filter(pk__in=mailbox_ids).select_related("workspace")
    todays = {mailbox.pk: today_of(mailbox, now=now) for mailbox in mailboxes}
    limited = [mailbox_id for mailbox_id, today in todays.items() if today.cap is not None]
    waiting = waiting_by_mailbox(limited)
    return {
        mailbox_id: None if today.cap is None else today.cap - today.sent - waiting.get(mailbox_id, 0)
        for mailbox_id, today in todays.items()
    }


def mailbox_days(mailbox: Mailbox, *, days: int = HISTORY_DAYS) -> Sequence[MailboxDay]:
    """Return the mailbox's last days that have a row, oldest first."""
    since = local_day(clock.now(), zone_of_mailbox(mailbox)) - timedelta(days=days)
    return list(MailboxDay.objects.filter(mailbox_id=mailbox.pk, day__gt=since).order_by("day"))


def ramp_progress(mailbox: Mailbox, pace: Pace) -> RampProgress | None:
    """Return where the mailbox's warm-up stands, None without one."""
    ramp = ramp_of(mailbox)
    if ramp is None or pace.today.step is None:
        return None
    return RampProgress(pace.today.step + 1, ramp.last_step + 1, ramp.cap(pace.today.step), ramp.target)


def complaint_warning(mailbox: Mailbox) -> str:
    """Return what the guards warn of, a sentence; "" if all is well."""
    days = mailbox_days(mailbox, days=COMPLAINT_DAYS)
    complained, accepted = sum(day.complained for day in days), sum(day.accepted for day in days)
    judgement = judge_complaints(complained=complained, accepted=accepted)
    return "" if judgement.verdict is Verdict.WELL else judgement.reason


def domain_paces(mailbox: Mailbox) -> Sequence[DomainPace]:
    """Return the receiving domains that are written to more slowly."""
    return list(DomainPace.objects.filter(mailbox_id=mailbox.pk).order_by("per_minute", "domain"))


def sending_rules_of(workspace: Workspace) -> SendingRules:
    """Return the workspace's rules; unsaved ones without effect where none were set."""
    return SendingRules.objects.filter(workspace=workspace).first() or SendingRules(workspace=workspace)
