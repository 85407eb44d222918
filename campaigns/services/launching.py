"""The background job of a launch: enrols the recipients, chunk by chunk, from wherever the last worker stopped."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from campaigns import selectors
from campaigns.admission import Newcomer
from campaigns.audience import audience_of, stream
from campaigns.models import Campaign, Check, Kind, Launch, Status
from campaigns.rotation import assign_mailboxes
from campaigns.services import parts, waking
from campaigns.services.entries import CHUNK as ADMITTED_AT_ONCE
from campaigns.services.entries import admit
from campaigns.services.holding import hold_out_audience
from campaigns.services.triggers import look_at_triggers
from core import clock
from sequences import services as sequences

logger = logging.getLogger(__name__)

CHUNK = 10_000
# The first one is small, so that mail leaves while the others are still being written.
FIRST_CHUNK = 2_000
# A job that has not moved for this long is taken for dead; a second one does no harm.
STALLED = timedelta(seconds=20)
STALLED_WAITING = timedelta(minutes=10)


def run_launch(campaign_id: int, *, chunk: int = CHUNK) -> None:
    """Enrol the campaign's recipients; safe to run again, and by several workers: each chunk is claimed by its position.

    The audience is that of the moment at which the job (or its successor) asks; who is in already never enters twice.
    """
    launch = Launch.objects.select_related("campaign__sequence", "campaign__workspace").get(campaign=campaign_id)
    if launch.finished_at is not None:
        return
    campaign = launch.campaign
    audience = audience_of(campaign)
    hold_out_audience(audience, now=clock.now())
    test = selectors.test_in_parts(campaign)
    if test is not None and not parts.run_parts(launch, test, enrol=_enrol_chunk, chunk=chunk):
        return
    position = launch.last_contact_id
    if campaign.kind == Kind.TRIGGERED:
        look_at_triggers()  # what a segment holds now is what others enter
        chunk = min(chunk, ADMITTED_AT_ONCE)
    for contact_ids in stream(audience, after=position, size=chunk, first=min(chunk, FIRST_CHUNK)):
        if not _enrol_chunk(campaign, contact_ids, None, position):
            return
        position = contact_ids[-1]
    here = Launch.objects.filter(pk=launch.pk, part=None, last_contact_id=position, finished_at=None)
    if here.update(finished_at=clock.now()) and test is not None:
        parts.end_parts(test)


def resume_stalled() -> int:
    """Send unfinished launches and checks that have not moved for a while to a worker again; return how many.

    A launch that waits for a test is woken by it, and looks for itself now and then.
    """
    since, rarely = clock.now() - STALLED, clock.now() - STALLED_WAITING
    launches = Launch.objects.filter(finished_at=None, progressed_at__lt=since, campaign__status=Status.RUNNING)
    launches = launches.filter(Q(waits_for_test=False) | Q(progressed_at__lt=rarely))
    checks = Check.objects.filter(status=Check.Status.RUNNING, progressed_at__lt=since)
    stalled_launches = list(launches.values_list("campaign_id", flat=True)[:100])
    stalled_checks = list(checks.values_list("pk", flat=True)[:100])
    for campaign_id in stalled_launches:
        waking.wake_launch(campaign_id)
    for check_id in stalled_checks:
        waking.wake_check(check_id)
    return len(stalled_launches) + len(stalled_checks)


@transaction.atomic
def _enrol_chunk(campaign: Campaign, contact_ids: list[int], part: int | None, position: int) -> bool:
    """Enrol one chunk and move the position, together; False when another worker was faster or the campaign has ended."""
    now = clock.now()
    here = Launch.objects.filter(campaign=campaign, part=part, last_contact_id=position, finished_at=None)
    claimed = here.update(last_contact_id=contact_ids[-1], progressed_at=now, waits_for_test=False)
    running = Campaign.objects.filter(pk=campaign.pk, status__in=(Status.RUNNING, Status.PAUSED)).exists()
    pool = [mailbox.pk for mailbox in selectors.mailboxes_of(campaign)]  # asked each time: mailboxes come and go
    if not claimed or not running or not pool:
        return False
    if campaign.kind == Kind.TRIGGERED:
        trigger = selectors.live_triggers().filter(campaign=campaign).first()
        if trigger is None:  # closed meanwhile
            return False
        admit(trigger, [Newcomer(contact_id, "", None, now) for contact_id in contact_ids], now=now)
        return True
    parts.assign_newcomers(campaign, contact_ids, part)
    offset = Launch.objects.values_list("enrolled", flat=True).get(campaign=campaign)
    entered = sequences.enrol_contacts(
        sequence=campaign.sequence,
        contact_ids=contact_ids,
        mailbox_ids=assign_mailboxes(pool=pool, contact_ids=contact_ids, offset=offset),
        due_at=now,
        now=now,
        send_at_once=True,
    )
    Launch.objects.filter(campaign=campaign).update(enrolled=F("enrolled") + entered)
    return True
