"""Guards: a mailbox whose mail goes wrong pauses by itself and says why."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Sum

from core import clock
from delivery.models import Mailbox, MailboxDay, MailboxPulse
from delivery.pacing.days import local_day
from delivery.pacing.guards import COMPLAINT_DAYS, Judgement, Verdict, judge_bounces, judge_complaints, letters_of
from delivery.pacing.history import DayTally, add_to_days, zone_of_mailbox
from delivery.services import mailboxes


def guard_bounces(mailbox_id: int) -> bool:
    """Pause the mailbox if too many of its last messages bounced; return whether it was."""
    outcomes = MailboxPulse.objects.filter(mailbox=mailbox_id).values_list("outcomes", flat=True).first() or ""
    return _apply(mailbox_id, judge_bounces(outcomes))


def note_feedback(*, mailbox_id: int, bounced: int = 0, complained: int = 0) -> None:
    """Count what came back later by mail or webhook to the mailbox's day, and let the guards judge.

    Hard bounces that the server told of at once are counted by the ledger; these are the others.
    """
    mailbox = Mailbox.objects.select_related("workspace").get(pk=mailbox_id)
    now = clock.now()
    day = local_day(now, zone_of_mailbox(mailbox))
    with transaction.atomic():
        tally = DayTally(bounced=bounced, complained=complained)
        add_to_days(mailbox_id, {day: tally}, outcomes=letters_of([True] * bounced), now=now)
    if not guard_bounces(mailbox_id):
        _apply(mailbox_id, complaints_of(mailbox))


def complaints_of(mailbox: Mailbox) -> Judgement:
    """Return what the guards say of the complaints of the last days."""
    since = local_day(clock.now(), zone_of_mailbox(mailbox)) - timedelta(days=COMPLAINT_DAYS)
    days = MailboxDay.objects.filter(mailbox_id=mailbox.pk, day__gt=since)
    sums = days.aggregate(complained=Sum("complained"), accepted=Sum("accepted"))
    return judge_complaints(complained=sums["complained"] or 0, accepted=sums["accepted"] or 0)


def _apply(mailbox_id: int, judgement: Judgement) -> bool:
    return judgement.verdict is Verdict.PAUSE and mailboxes.pause_mailbox(mailbox_id, reason=judgement.reason)
