"""The A/B tests of a campaign's emails: added, planned and taken away, as edits of the campaign."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from abtests import services as abtests
from abtests.models import Experiment
from campaigns import selectors
from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Status
from campaigns.services.drafts import email_of, note_edit, require_version
from sequences import services as sequences
from team.models import User

THE_TEST = "the A/B test"


@transaction.atomic
def add_test(campaign: Campaign, *, step_key: str = "", user: User | None = None) -> Experiment:
    """Put a test of two subjects to an email (the first one if no key is given), or return the one it has.

    Raises CampaignError for a campaign that is scheduled or has ended, StepError for a step that can have none.
    """
    locked = _lock_editable(campaign)
    step = email_of(locked, step_key)
    if step.experiment is not None:
        return step.experiment
    experiment = sequences.add_experiment(
        locked.sequence, key=step.key, name="" if locked.is_long else locked.name, user=user
    )
    campaign.refresh_from_db()
    return experiment


@transaction.atomic
def update_test(
    campaign: Campaign,
    experiment: Experiment,
    *,
    plan: Mapping[str, Any] | None = None,
    dimensions: Sequence[str] | None = None,
    levels: Mapping[str, Sequence[Any]] | None = None,
    version: int | None = None,
    actor: str = "",
) -> bool:
    """Change the plan of a test (see `abtests.update_experiment`) and its versions (`abtests.set_factors`); tell whether anything is different.

    `version` is the campaign's that the editor saw: raises StaleCampaignError when somebody has changed the campaign since.  Raises
    CampaignError for a campaign that is scheduled or has ended, ExperimentError once the test runs, InvalidInput with fields.
    """
    locked = _lock_editable(campaign)
    require_version(locked, version)
    before = _ways(experiment)
    if levels is not None:
        names = list(dimensions if dimensions is not None else experiment.dimensions)
        abtests.set_factors(experiment, dimensions=names, levels=levels)
    changed = abtests.update_experiment(experiment, **(plan or {}))
    changed = changed or before != _ways(experiment)
    if changed:
        locked.problem = ""
        note_edit(locked, THE_TEST, actor=actor)
    campaign.refresh_from_db()
    return changed


@transaction.atomic
def remove_test(campaign: Campaign, experiment: Experiment, *, user: User | None = None) -> None:
    """Send everybody the email as it is.  Raises CampaignError for a campaign that is scheduled or has ended, StepError."""
    locked = _lock_editable(campaign)
    step = selectors.tested_step(locked, experiment)
    sequences.remove_experiment(locked.sequence, key=step.key, user=user)
    campaign.refresh_from_db()


def _lock_editable(campaign: Campaign) -> Campaign:
    """Lock the campaign; what people are on their way through takes a test by its draft."""
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    beside = locked.is_long and locked.status in (Status.RUNNING, Status.PAUSED)
    if locked.status != Status.DRAFT and not beside:
        raise CampaignError(f"Only a draft can be changed; this campaign is {locked.get_status_display().lower()}.")
    return locked


def _ways(experiment: Experiment) -> list[tuple[Any, ...]]:
    rows = experiment.variants.order_by("position")
    return list(rows.values_list("name", "subject", "preheader", "from_name", "template_version", "send_at", "levels"))
