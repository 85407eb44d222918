"""Triggered campaigns for tests, and what happens to them."""

from datetime import datetime
from typing import Any

from campaigns import services
from campaigns.models import Campaign, Check
from core import clock, facts
from sequences import services as sequences
from sequences.models import Enrolment
from team.models import Workspace
from tests.factories.campaigns import make_campaign
from tracking.services import take_events


def make_triggered(workspace: Workspace, trigger: dict[str, Any], **changes: Any) -> Campaign:
    """Make the draft of a triggered campaign with one email."""
    return make_campaign(workspace, kind="triggered", lists=[], trigger=trigger, **changes)


def launch_triggered(workspace: Workspace, trigger: dict[str, Any], **changes: Any) -> Campaign:
    """Make one and let it run."""
    campaign = make_triggered(workspace, trigger, **changes)
    Check.objects.create(
        campaign=campaign, campaign_version=campaign.version, status="completed", finished_at=clock.now()
    )
    services.launch_campaign(campaign)
    services.run_launch(campaign.pk)
    return campaign


def tell(workspace: Workspace, *events: dict[str, Any]) -> None:
    """Another program tells of events, and the handlers hear of it."""
    taken = take_events(workspace_id=workspace.pk, given=events)
    assert not taken.errors
    facts.deliver()


def entered(campaign: Campaign) -> list[str]:
    """Return the addresses of who has entered, in order."""
    enrolments = Enrolment.objects.filter(sequence=campaign.sequence).order_by("pk")
    return list(enrolments.values_list("contact__email", flat=True))


def let_in(at: datetime) -> int:
    """Let those in who were called, at a moment."""
    with clock.simulated(at):
        return services.admit_due(now=at)


def run_engine(at: datetime) -> int:
    """Move who is due."""
    return sequences.advance_due(now=at)
