"""Reads for reports and dashboards: counters for numbers, the ledger and the event store for single people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from django.db.models import Case, Count, Q, QuerySet, When

from abtests.models import Experiment, Variant
from abtests.selectors import LETTERS
from analytics.series import Point, by_day, over_time
from campaigns.models import Campaign, Status
from delivery import selectors as delivery
from delivery.models import Mailing, Message, MessageState
from delivery.selectors import LinkTotals, Totals
from sequences import selectors as sequences
from sequences.models import Step, StepKind
from team.models import Workspace

LINKS_SHOWN = 100
REASONS_SHOWN = 8
CAMPAIGNS_SHOWN = 8

RECIPIENT_FILTERS: dict[str, tuple[str, Q]] = {
    "all": ("All", Q()),
    "accepted": ("Sent", Q(state=MessageState.ACCEPTED)),
    "opened": ("Opened", Q(opened_at__isnull=False)),
    "clicked": ("Clicked", Q(clicked_at__isnull=False)),
    "machine": ("Machine only", Q(opened_at=None, clicked_at=None) & ~Q(opened_any_at=None, clicked_any_at=None)),
    "unsubscribed": ("Unsubscribed", Q(unsubscribed_at__isnull=False)),
    "waiting": ("Waiting", Q(state__in=[MessageState.QUEUED, MessageState.DEFERRED])),
    "failed": ("Failed", Q(state=MessageState.FAILED) | Q(bounced_at__isnull=False)),
    "skipped": ("Skipped", Q(state=MessageState.SKIPPED)),
    "unknown": ("Unknown", Q(state=MessageState.UNKNOWN)),
    "cancelled": ("Cancelled", Q(state=MessageState.CANCELLED)),
}


@dataclass(frozen=True, slots=True)
class VersionReport:
    """One version of an email under test: all that was sent of it, after the verdict too."""

    letter: str
    name: str
    subject: str
    totals: Totals
    is_winner: bool


@dataclass(frozen=True, slots=True)
class StepReport:
    """One email step of a campaign with its own totals, and its versions if they are tested."""

    key: str
    position: int
    subject: str
    totals: Totals
    removed: bool = False
    test: Experiment | None = None
    versions: Sequence[VersionReport] = ()


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many messages ended in a state for the same reason."""

    state: MessageState
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """Everything on a campaign's report but the recipients; `unit` is what one point spans, "hour" or "day"."""

    campaign: Campaign
    totals: Totals
    unit: str
    points: list[Point]
    steps: list[StepReport]
    links: list[LinkTotals]
    reasons: list[ReasonCount]

    @property
    def has_tests(self) -> bool:
        """Whether one of its emails has an A/B test."""
        return any(step.test is not None for step in self.steps)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A workspace at a glance: this period, the one before it, the days, and the newest campaigns."""

    totals: Totals
    before: Totals
    points: list[Point]
    campaigns: list[tuple[Campaign, Totals]]


def campaign_in(workspace: Workspace, campaign_id: int) -> Campaign:
    """Return the workspace's campaign.  Raises Campaign.DoesNotExist."""
    return Campaign.objects.select_related("sequence").get(workspace=workspace, pk=campaign_id)


def mailings_of(campaigns: Sequence[Campaign]) -> dict[int, int]:
    """Return the mailings of the campaigns' email steps, of all versions, each with its sequence's id."""
    every = sequences.step_mailings(sequence_ids=[campaign.sequence_id for campaign in campaigns])
    return {each.mailing_id: each.sequence_id for each in every}


def campaign_totals(campaigns: Sequence[Campaign]) -> dict[int, Totals]:
    """Return the totals of each campaign by its id, in two queries."""
    owners = mailings_of(campaigns)
    by_sequence: dict[int, list[Totals]] = {}
    for mailing_id, totals in delivery.totals_by_mailing(list(owners)).items():
        by_sequence.setdefault(owners[mailing_id], []).append(totals)
    return {campaign.pk: _sum(by_sequence.get(campaign.sequence_id, [])) for campaign in campaigns}


def campaign_report(campaign: Campaign, *, zone: tzinfo) -> CampaignReport:
    """Read a campaign's report from the counters; hours and days are those of `zone`."""
    mailing_ids = list(mailings_of([campaign]))
    hours = delivery.hourly(mailing_ids)
    unit, points = over_time(hours, zone=zone)
    return CampaignReport(
        campaign=campaign,
        totals=_sum([totals for _, totals in hours]),
        unit=unit,
        points=points,
        steps=_steps(campaign),
        links=delivery.link_totals(mailing_ids)[:LINKS_SHOWN],
        reasons=_reasons(mailing_ids),
    )


def recipients(campaign: Campaign, *, status: str = "all", search: str = "") -> QuerySet[Message]:
    """Return a campaign's messages with their contacts; `status` is a key of RECIPIENT_FILTERS."""
    messages = delivery.messages_of(list(mailings_of([campaign]))).select_related("mailing")
    messages = messages.filter(RECIPIENT_FILTERS[status][1])
    words = search.strip()
    if words:
        messages = messages.filter(
            Q(contact__email_key__contains=words.casefold())
            | Q(contact__first_name__icontains=words)
            | Q(contact__last_name__icontains=words)
        )
    return messages


def message_in(workspace: Workspace, message_id: int) -> Message:
    """Return the workspace's message.  Raises Message.DoesNotExist."""
    return delivery.messages_in(workspace).get(pk=message_id)


def dashboard(workspace: Workspace, *, now: datetime, days: int, zone: tzinfo) -> Dashboard:
    """Read the workspace's last `days` days (of `zone`, today included) and the same span before them."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    start = datetime.combine(first, time(), tzinfo=zone)
    # Only mailings of campaigns' steps: test sends have mailings of their own, which no number includes.
    mailings = Mailing.objects.filter(workspace=workspace).filter(sequences.sent_by_a_step()).distinct()
    since = start - timedelta(days=days)
    hours = delivery.hourly(list(mailings.filter(counters__hour__gte=since).values_list("pk", flat=True)))
    recent = [(hour, totals) for hour, totals in hours if hour >= start]
    newest = list(
        Campaign.objects.filter(workspace=workspace).order_by(
            Case(When(status=Status.RUNNING, then=0), default=1), "-updated_at"
        )[:CAMPAIGNS_SHOWN]
    )
    totals = campaign_totals(newest)
    return Dashboard(
        totals=_sum([totals for _, totals in recent]),
        before=_sum([totals for hour, totals in hours if since <= hour < start]),
        points=by_day(recent, zone=zone, first=first, last=today),
        campaigns=[(campaign, totals[campaign.pk]) for campaign in newest],
    )


def _sum(parts: Sequence[Totals]) -> Totals:
    return Totals(**{name: sum(getattr(part, name) for part in parts) for name in delivery.COUNTED})


def _steps(campaign: Campaign) -> list[StepReport]:
    """Return the live version's emails, then those that were taken out; each with all that was sent in its name in any version."""
    steps = (
        Step.objects.filter(version__sequence=campaign.sequence_id, kind=StepKind.EMAIL, mailing__isnull=False)
        .select_related("mailing", "version", "experiment")
        .order_by("-version__number", "position")
    )
    latest: dict[str, Step] = {}
    for step in steps:
        latest.setdefault(step.key, step)
    mailings = sequences.mailing_ids_by_step(campaign.sequence)
    totals = delivery.totals_by_mailing([mailing_id for ids in mailings.values() for mailing_id in ids])
    versions = _versions([step.experiment for step in latest.values() if step.experiment is not None], totals)
    return [
        StepReport(
            step.key,
            step.position,
            step.mailing.subject,
            _sum([totals[mailing_id] for mailing_id in mailings[key] if mailing_id in totals]),
            removed=step.version_id != campaign.sequence.live_version_id,
            test=step.experiment,
            versions=versions.get(step.experiment_id or 0, ()),
        )
        for key, step in latest.items()
        if step.mailing is not None
    ]


def _versions(tests: Sequence[Experiment], totals: Mapping[int, Totals]) -> dict[int, list[VersionReport]]:
    """Return the versions that these tests have sent, each in its order, by the tests' ids."""
    if not tests:
        return {}
    winners = {test.winner_id for test in tests}
    found: dict[int, list[VersionReport]] = {}
    variants = Variant.objects.filter(experiment__in=tests).select_related("mailing").order_by("experiment", "position")
    for variant in variants:
        if variant.mailing is not None:
            report = VersionReport(
                letter=LETTERS[variant.position],
                name=variant.name,
                subject=variant.mailing.subject,
                totals=totals.get(variant.mailing.pk) or _sum([]),
                is_winner=variant.pk in winners,
            )
            found.setdefault(variant.experiment_id, []).append(report)
    return found


def _reasons(mailing_ids: Sequence[int]) -> list[ReasonCount]:
    states = [MessageState.FAILED, MessageState.SKIPPED, MessageState.UNKNOWN, MessageState.DEFERRED]
    rows = (
        Message.objects.filter(mailing_id__in=mailing_ids, state__in=states)
        .values("state", "reason")
        .annotate(count=Count("id"))
        .order_by("-count")[:REASONS_SHOWN]
    )
    return [ReasonCount(MessageState(row["state"]), row["reason"], row["count"]) for row in rows]
