"""A broadcast whose email is tested, with what workers, beat and people do to it, step by step in simulated time."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from abtests import services as abtests
from abtests.models import Assignment, Experiment, Variant
from campaigns import services as campaigns
from campaigns.models import Campaign, Launch
from core import clock, facts
from delivery import services as delivery
from delivery.models import Mailbox, Message, MessageState
from sequences import services as sequences
from team.models import Workspace
from tests.factories.campaigns import make_campaign
from tests.factories.tracking import make_hit
from tracking import services as tracking

HOUR = timedelta(hours=1)
LETTERS = "ABCDEFGH"
PLAN: dict[str, Any] = {
    "metric": "open",
    "window_hours": 2,
    "base": 0.2,
    "lead": 0.3,
    "batches": 4,
    "spacing_minutes": 60,
    "without_proof": "leader",
}


def make_tested(
    workspace: Workspace, mailbox: Mailbox, *, contacts: int, arms: int = 2, launched: bool = True, **plan: Any
) -> tuple[Campaign, Experiment]:
    """Make a broadcast of an email with versions A, B, … by subject, and launch it unless told not to."""
    campaign = make_campaign(workspace, kind="broadcast", contacts=contacts, mailbox=mailbox)
    email = campaigns.email_of(campaign)
    experiment = sequences.add_experiment(campaign.sequence, key=email.key)
    while experiment.variants.count() < arms:
        abtests.add_variant(experiment)
    abtests.update_experiment(experiment, **{**PLAN, **plan})
    for variant in experiment.variants.order_by("position")[1:]:
        Variant.objects.filter(pk=variant.pk).update(subject=f"Version {variant.name}")
    if launched:
        campaigns.launch_campaign(campaign, accept_warnings=True)
    experiment.refresh_from_db()
    return campaign, experiment


def work(campaign: Campaign) -> None:
    """Do what is due at this moment: beat's part for the test, the launch, the engine, the mail."""
    abtests.release_due_batches()
    abtests.take_due_looks()
    if Launch.objects.filter(campaign=campaign, finished_at=None, waits_for_test=False).exists():
        campaigns.run_launch(campaign.pk)
    sequences.advance_due(now=clock.now())
    while delivery.dispatch_due():
        pass
    facts.deliver()


def respond(experiment: Experiment, shares: Mapping[str, float], *, after: timedelta = HOUR / 4) -> None:
    """Let a share of each arm's recipients of the last batch open their mail, as long after their own message as told."""
    for variant in experiment.variants.order_by("position"):
        found = Message.objects.filter(mailing=variant.mailing_id, state=MessageState.ACCEPTED, opened_at=None)
        latest = found.filter(accepted_at__gte=clock.now() - HOUR / 2).order_by("pk")
        messages = list(latest[: round(latest.count() * shares.get(variant.name, 0.0))])
        tracking.record_hits([make_hit(message, message.accepted_at + after) for message in messages])  # type: ignore[operator]  # they were accepted
    facts.deliver()


def run_hours(
    campaign: Campaign, experiment: Experiment, shares: Mapping[str, float], *, start: datetime, hours: int
) -> datetime:
    """Live through some hours, half by half, with people opening their mail; return when it ended."""
    for half in range(2 * hours + 1):
        with clock.simulated(start + half * HOUR / 2):
            work(campaign)
            if half % 2 == 0:
                respond(experiment, shares)
    experiment.refresh_from_db()
    return start + hours * HOUR


def sent_by_arm(experiment: Experiment, *, counted: bool | None = None) -> dict[str, int]:
    """Count the messages of each arm: those that count for the test, those that don't, or all."""
    found = Message.objects.filter(mailing__in=experiment.variants.values("mailing_id"))
    if counted is not None:
        found = found.exclude(stratum=0) if counted else found.filter(stratum=0)
    names = dict(experiment.variants.values_list("mailing_id", "name"))
    return dict(Counter(names[mailing_id] for mailing_id in found.values_list("mailing_id", flat=True)))


def cells(experiment: Experiment) -> Counter[tuple[int | None, str]]:
    """Count the assignments by part and arm."""
    rows = Assignment.objects.filter(experiment=experiment).values_list("batch", "variant__name")
    return Counter(rows)
