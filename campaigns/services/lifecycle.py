"""The life of a campaign: draft → scheduled → running ⇄ paused → completed, or cancelled on the way.

Every transition claims the campaign by a conditional update, so that of two launches one is refused.
"""

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Case, When

from abtests import services as abtests
from abtests.models import Experiment
from campaigns import selectors
from campaigns.audience import audience_of, measure
from campaigns.exceptions import CampaignError, InvalidCampaign
from campaigns.models import Arrival, Campaign, Kind, Launch, SegmentMember, Status, Trigger, TriggerKind
from campaigns.schedule import require_future, require_zone
from campaigns.services import waking
from campaigns.services.checks import require_checked
from core import clock
from core.exceptions import DomainError
from delivery import selectors as delivery
from delivery import services as delivery_services
from sequences import selectors as sequence_reads
from sequences import services as sequences
from sequences.events import EditOpened

logger = logging.getLogger(__name__)

UNDONE = (Status.SCHEDULED, Status.RUNNING, Status.PAUSED)
LOOKED_AT = (TriggerKind.SEGMENT, TriggerKind.DATE)
LAUNCHED = (Status.RUNNING, Status.PAUSED)
UNDECIDED = (Experiment.State.RUNNING, Experiment.State.PAUSED)


def schedule_campaign(
    campaign: Campaign, *, send_at: datetime | None = None, time_zone: str = "", accept_warnings: bool = False
) -> None:
    """Have a draft start by itself at `send_at` (the draft's own time if None).

    Raises CampaignError unless it is a draft, InvalidCampaign without a time or when it is past, NotReadyError when the check
    is missing, found errors, or its warnings are not accepted.
    """
    _require_status(campaign, (Status.DRAFT,), "Only a draft can be scheduled")
    moment = send_at or campaign.send_at
    if moment is None:
        raise InvalidCampaign("Give the time to send at.", fields={"send_at": ["Give a time."]})
    require_future(moment)
    zone = time_zone or campaign.time_zone
    require_zone(zone)
    checked = require_checked(campaign, accept_warnings=accept_warnings)
    _claim(
        campaign,
        (Status.DRAFT,),
        "Only a draft can be scheduled",
        Status.SCHEDULED,
        version=checked.campaign_version,
        send_at=moment,
        time_zone=zone,
    )


def unschedule_campaign(campaign: Campaign) -> None:
    """Make a scheduled campaign a draft again, to change it.  Raises CampaignError unless it is scheduled."""
    _claim(campaign, (Status.SCHEDULED,), "Only a scheduled campaign can go back to draft", Status.DRAFT)


def launch_campaign(campaign: Campaign, *, accept_warnings: bool = False) -> None:
    """Start a draft or scheduled campaign now; its recipients are enrolled in the background.

    Raises CampaignError when it was launched already, NotReadyError when the check is missing, found errors, or its warnings
    are not accepted.
    """
    _require_status(campaign, (Status.DRAFT, Status.SCHEDULED), "Only a draft or a scheduled campaign can be launched")
    version = None
    if campaign.status == Status.DRAFT:
        version = require_checked(campaign, accept_warnings=accept_warnings).campaign_version
    _start(campaign, (Status.DRAFT, Status.SCHEDULED), version=version)


@transaction.atomic
def pause_campaign(campaign: Campaign) -> None:
    """Hold everything that has not left yet.  Raises CampaignError unless it is running."""
    _claim(campaign, (Status.RUNNING,), "Only a running campaign can be paused", Status.PAUSED)
    sequences.pause(campaign.sequence)
    for test in selectors.tests_of(campaign):
        abtests.pause(test, with_campaign=True)


@transaction.atomic
def resume_campaign(campaign: Campaign) -> None:
    """Let a paused campaign go on.  Raises CampaignError unless it is paused."""
    _claim(campaign, (Status.PAUSED,), "Only a paused campaign can be resumed", Status.RUNNING)
    sequences.resume(campaign.sequence)
    for test in selectors.tests_of(campaign):
        abtests.resume(test, with_campaign=True)
    waking.wake_launch(campaign.pk)


@transaction.atomic
def cancel_campaign(campaign: Campaign) -> None:
    """End a scheduled, running or paused campaign for good; what has not left never leaves.

    Raises CampaignError in any other status.
    """
    _claim(
        campaign,
        UNDONE,
        "Only a scheduled, running or paused campaign can be cancelled",
        Status.CANCELLED,
        completed_at=clock.now(),
    )
    Launch.objects.filter(campaign=campaign, finished_at=None).update(finished_at=clock.now())
    _end_entry(campaign)
    sequences.close(campaign.sequence, cancel_mail=True)
    for test in selectors.tests_of(campaign):
        if test.state in UNDECIDED:
            abtests.stop(test)


@transaction.atomic
def close_entry(campaign: Campaign) -> None:
    """Let nobody into a triggered campaign any more; who is on the way goes on, and it completes with the last of them.

    Raises CampaignError unless it is a triggered campaign that lets contacts in.
    """
    if campaign.kind != Kind.TRIGGERED:
        raise CampaignError("Only a triggered campaign lets contacts in until it is closed.")
    if not _end_entry(campaign):
        raise CampaignError("This campaign lets nobody in.")
    Launch.objects.filter(campaign=campaign, finished_at=None).update(finished_at=clock.now())


def _end_entry(campaign: Campaign) -> bool:
    ended = Trigger.objects.filter(campaign=campaign, is_live=True).update(is_live=False)
    Arrival.objects.filter(trigger__campaign=campaign, state=Arrival.State.WAITING).delete()
    SegmentMember.objects.filter(trigger__campaign=campaign).delete()
    return bool(ended)


def launch_due_campaigns(*, now: datetime | None = None) -> int:
    """Start the scheduled campaigns whose time has come and return how many.

    One that can't start (say, its mailbox was removed) becomes a draft again that tells why, and stops no other.
    """
    moment = now or clock.now()
    started = 0
    due = Campaign.objects.filter(status=Status.SCHEDULED, send_at__lte=moment).order_by("send_at")
    for campaign in list(due.select_related("sequence__workspace", "workspace")[:100]):
        try:
            _start(campaign, (Status.SCHEDULED,))
            started += 1
        except DomainError as error:
            logger.warning("Campaign %s could not start: %s", campaign.pk, error.message)
            Campaign.objects.filter(pk=campaign.pk, status=Status.SCHEDULED).update(
                status=Status.DRAFT, problem=error.message
            )
    return started


def complete_finished_campaigns(*, now: datetime | None = None) -> int:
    """Complete the launched campaigns with nobody on the way and nothing in the queue; return how many.

    Asks a few indexes, whatever the number of messages and campaigns.  Who leaves a sequence does so in the transaction that
    queues the mail, so asking for the enrolments first misses nothing.
    """
    moment = now or clock.now()
    launched = Campaign.objects.filter(status__in=LAUNCHED, launch__finished_at__isnull=False)
    # A triggered campaign runs until it is closed.
    candidates = list(launched.exclude(trigger__is_live=True).select_related("sequence"))
    on_the_way = (
        sequence_reads.open_sequences([campaign.sequence_id for campaign in candidates]) if candidates else set()
    )
    candidates = [campaign for campaign in candidates if campaign.sequence_id not in on_the_way]
    if not candidates:
        return 0
    mailings = sequence_reads.mailing_ids_by_sequence([campaign.sequence_id for campaign in candidates])
    unfinished = delivery.unfinished_mailings([pk for found in mailings.values() for pk in found])
    completed = 0
    for campaign in candidates:
        if not unfinished.isdisjoint(mailings[campaign.sequence_id]):
            continue
        with transaction.atomic():
            if Campaign.objects.filter(pk=campaign.pk, status__in=LAUNCHED).update(
                status=Status.COMPLETED, completed_at=moment
            ):
                sequences.close(campaign.sequence)
                for test in selectors.tests_of(campaign):
                    abtests.resume(test, with_campaign=True)
                    abtests.end_when_matured(test)
                completed += 1
    return completed


def let_sequence_be_edited(decision: EditOpened) -> None:
    """Handler: the email of a broadcast can't be changed once it was launched.  Raises CampaignError."""
    campaign = Campaign.objects.filter(sequence=decision.sequence_id).only("kind").first()
    if campaign is not None and campaign.kind == Kind.BROADCAST:
        raise CampaignError("A broadcast that was launched can't be changed; duplicate it.", code="not_editable")


@transaction.atomic
def _start(campaign: Campaign, before: Collection[str], *, version: int | None = None) -> None:
    now = clock.now()
    refusal = "This campaign can't be launched any more"
    _claim(campaign, before, refusal, Status.RUNNING, version=version, launched_at=now, problem="")
    if not selectors.mailboxes_of(campaign):
        raise CampaignError("There is no mailbox to send from.", code="no_mailbox")
    expected = measure(audience_of(campaign)).recipients if campaign.kind != Kind.TRIGGERED else 0
    sequences.publish(
        campaign.sequence,
        context={"campaign": {"name": campaign.name}},
        track_opens=campaign.track_opens,
        track_clicks=campaign.track_clicks,
    )
    if campaign.window:
        delivery_services.set_mailing_window(selectors.mailing_ids(campaign), campaign.window)
    Launch.objects.create(
        campaign=campaign,
        expected=expected,
        part=0 if selectors.test_in_parts(campaign) else None,
        started_at=now,
        progressed_at=now,
    )
    Trigger.objects.filter(campaign=campaign).update(
        is_live=True, since=now, looked_at=None, baseline=None, look_at=Case(When(kind__in=LOOKED_AT, then=now))
    )
    waking.wake_launch(campaign.pk)


def _require_status(campaign: Campaign, allowed: Collection[str], refusal: str) -> None:
    campaign.refresh_from_db(fields=["status", "version", "send_at", "time_zone"])
    if campaign.status not in allowed:
        raise CampaignError(f"{refusal}; this one is {campaign.get_status_display().lower()}.")


@transaction.atomic
def _claim(
    campaign: Campaign,
    before: Collection[str],
    refusal: str,
    after: str,
    *,
    version: int | None = None,
    **changes: object,
) -> None:
    """Move the campaign, if it is in one of these statuses and, when `version` is given, as it was when it was checked."""
    as_checked = {} if version is None else {"version": version}
    claimed = Campaign.objects.filter(pk=campaign.pk, status__in=before, **as_checked).update(
        status=after, updated_at=clock.now(), **changes
    )
    campaign.refresh_from_db()
    if claimed:
        return
    if campaign.status in before:
        raise CampaignError("The campaign was changed at this very moment. Check it again.", code="stale")
    raise CampaignError(f"{refusal}; this one is {campaign.get_status_display().lower()}.")
