"""Adding, removing and ordering the steps of a draft."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from abtests import services as abtests
from abtests.models import Design
from campaigns import selectors
from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Kind, Status
from campaigns.services.drafts import lock_draft, note_edit
from sequences import services as sequences
from sequences.events import DraftChanging
from sequences.models import ROOT_LANE, Step, StepKind

USUAL_WAIT = timedelta(days=2)


@transaction.atomic
def add_step(campaign: Campaign, *, kind: str, actor: str = "") -> Step:
    """Add an empty email, or a wait of two days, at the end of a drip.

    Raises CampaignError unless it is the draft of a drip, StepError when it has as many steps as it may have.
    """
    draft = _lock_drip(campaign)
    fields: dict[str, Any] = {"wait": USUAL_WAIT} if kind == StepKind.WAIT else {}
    step = sequences.add_step(draft.sequence, kind=kind, **fields)
    _note(campaign, draft, actor)
    return step


@transaction.atomic
def remove_step(campaign: Campaign, *, key: str, actor: str = "") -> None:
    """Take a step out of a drip; one that is gone already changes nothing.

    Raises CampaignError unless it is the draft of a drip, or when it is the last email.
    """
    draft = _lock_drip(campaign)
    steps = selectors.steps_of(draft)
    step = next((step for step in steps if step.key == key), None)
    if step is None:
        return
    if step.kind == StepKind.EMAIL and sum(other.kind == StepKind.EMAIL for other in steps) == 1:
        raise CampaignError("This is the only email; a campaign needs one.")
    sequences.remove_step(step)
    _note(campaign, draft, actor)


@transaction.atomic
def order_steps(campaign: Campaign, *, keys: Sequence[str], actor: str = "") -> None:
    """Put a drip's steps into the order of `keys`.

    Raises CampaignError unless it is the draft of a drip, StepError unless the keys are exactly those of its steps.
    """
    draft = _lock_drip(campaign)
    if list(keys) == [step.key for step in selectors.steps_of(draft) if step.lane == ROOT_LANE]:
        return
    sequences.reorder_steps(draft.sequence, keys=keys)
    _note(campaign, draft, actor)


def _lock_drip(campaign: Campaign) -> Campaign:
    draft = lock_draft(campaign)
    if not draft.is_long:
        raise CampaignError("A broadcast has exactly one step, an email; a drip can have more.")
    return draft


def _note(campaign: Campaign, draft: Campaign, actor: str) -> None:
    draft.problem = ""
    note_edit(draft, "the steps", actor=actor)
    campaign.refresh_from_db()


def let_draft_change(decision: DraftChanging) -> None:
    """Handler: the builder changes the steps of a draft, or of one beside what is live; a broadcast becomes a drip by it, unless
    its one email only gets a test.

    Raises CampaignError for a campaign that is scheduled, or has ended.
    """
    campaign = Campaign.objects.select_for_update().filter(sequence=decision.sequence_id).first()
    if campaign is None or campaign.status in (Status.RUNNING, Status.PAUSED):
        return
    if campaign.status != Status.DRAFT:
        raise CampaignError(f"This campaign is {campaign.get_status_display().lower()}; its steps can't be changed.")
    if campaign.kind == Kind.BROADCAST and not decision.keeps_steps:
        campaign.kind = Kind.DRIP
        campaign.save(update_fields=["kind"])
        for experiment in selectors.planned_tests(campaign):
            abtests.update_experiment(experiment, design=Design.CONTINUOUS)
    campaign.problem = ""
    note_edit(campaign, "the A/B test" if decision.keeps_steps else "the steps", actor=decision.actor)
