"""Reads of campaigns, scoped to a workspace."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from abtests.models import Design, Experiment
from abtests.selectors import Place
from campaigns.holdouts import Holdout, group_draw
from campaigns.models import Arrival, Campaign, Check, Edit, HoldoutGroup, Kind, Launch, SignUpForm, Status, Trigger
from contacts import selectors as contacts
from contacts.models import Contact
from core.exceptions import NotFound
from delivery import selectors as delivery
from delivery.models import Mailbox
from sequences import selectors as sequences
from sequences.models import Step, StepKind
from team.models import Workspace

SORTS = {
    "name": ("name", "-id"),
    "-name": ("-name", "-id"),
    "created": ("id",),
    "-created": ("-id",),
    "updated": ("updated_at", "id"),
    "-updated": ("-updated_at", "-id"),
}
DEFAULT_SORT = "-updated"
UNFINISHED = (Status.RUNNING, Status.PAUSED)


def campaigns_in(workspace: Workspace) -> QuerySet[Campaign]:
    """Return the workspace's campaigns, newest first."""
    return Campaign.objects.filter(workspace=workspace).select_related("sequence", "launch", "trigger").order_by("-id")


def campaign_in(workspace: Workspace, campaign_id: int) -> Campaign:
    """Return one campaign.  Raises NotFound when it isn't there or is another workspace's."""
    campaign = campaigns_in(workspace).select_related("workspace").filter(pk=campaign_id).first()
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def find_campaigns(workspace: Workspace, *, query: str = "", status: str = "") -> QuerySet[Campaign]:
    """Return the workspace's campaigns whose name or subject holds `query`, in the given status (all if empty)."""
    found = campaigns_in(workspace)
    if status:
        found = found.filter(status=status)
    if words := query.strip():
        by_subject = Step.objects.filter(version__sequence__workspace=workspace, subject__icontains=words)
        found = found.filter(Q(name__icontains=words) | Q(sequence__in=by_subject.values("version__sequence")))
    return found


def status_counts(workspace: Workspace) -> dict[str, int]:
    """Return how many campaigns there are in each status."""
    counted = (
        Campaign.objects.filter(workspace=workspace).order_by("status").values_list("status").annotate(Count("pk"))
    )
    return dict.fromkeys(Status.values, 0) | dict(counted)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a launched campaign is, in people: `done` have come to the end of their way, of `total` who entered or will.

    A broadcast's people are done when their message has an end.  `messages` were written so far, `messages_done` of them have an
    end; `waiting` have not left.  `total` is 0 where nothing was launched, `rate` is messages opened of delivered.
    """

    done: int = 0
    total: int = 0
    messages: int = 0
    messages_done: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    failed: int = 0
    waiting: int = 0
    enrolling: bool = False


def progress_of(campaigns: Collection[Campaign]) -> dict[int, Progress]:
    """Return the progress of each campaign: from the counters, and from who is on the way through those that are under way."""
    by_sequence = sequences.mailing_ids_by_sequence([campaign.sequence_id for campaign in campaigns])
    totals = delivery.totals_by_mailing([mailing for ids in by_sequence.values() for mailing in ids])
    under_way = [each.sequence_id for each in campaigns if _is_long(each) and each.status in UNFINISHED]
    on_the_way = sequences.open_counts(under_way) if under_way else {}
    found: dict[int, Progress] = {}
    for campaign in campaigns:
        launch: Launch | None = getattr(campaign, "launch", None)
        if launch is None:
            found[campaign.pk] = Progress()
            continue
        own = [totals[mailing] for mailing in by_sequence[campaign.sequence_id] if mailing in totals]
        finished = sum(total.finished for total in own)
        queued = sum(total.queued for total in own)
        enrolled = launch.enrolled if launch.finished_at else max(launch.expected, launch.enrolled)
        found[campaign.pk] = Progress(
            done=max(launch.enrolled - on_the_way.get(campaign.sequence_id, 0), 0) if _is_long(campaign) else finished,
            total=enrolled,
            messages=queued,
            messages_done=finished,
            waiting=max((queued if _is_long(campaign) else enrolled) - finished, 0),
            delivered=sum(total.delivered for total in own),
            opened=sum(total.opened_human for total in own),
            clicked=sum(total.clicked_human for total in own),
            failed=sum(total.failed + total.bounced for total in own),
            enrolling=launch.finished_at is None,
        )
    return found


def _is_long(campaign: Campaign) -> bool:
    """Whether people go through several steps: then the number of their messages says nothing about how far they are."""
    return campaign.kind != Kind.BROADCAST


def mailing_ids(campaign: Campaign) -> list[int]:
    """Return the mailings that the campaign sends, in the order of its steps."""
    return sequences.mailing_ids(campaign.sequence)


def test_in_parts(campaign: Campaign) -> Experiment | None:
    """Return the test of a launched broadcast's email, which decides who is sent to when; None if it has none."""
    if campaign.kind != Kind.BROADCAST or campaign.sequence.live_version_id is None:
        return None
    tested = Step.objects.filter(version=campaign.sequence.live_version_id, experiment__isnull=False)
    step = tested.exclude(experiment__design=Design.CONTINUOUS).select_related("experiment").first()
    return step.experiment if step else None


def tests_of(campaign: Campaign) -> list[Experiment]:
    """Return the tests of the emails that the campaign sends now."""
    tested = Step.objects.filter(version=campaign.sequence.live_version_id, experiment__isnull=False)
    return [step.experiment for step in tested.select_related("experiment").order_by("pk") if step.experiment]


def steps_of(campaign: Campaign) -> list[Step]:
    """Return the campaign's steps in their order: the draft's, or the published ones."""
    version = sequences.shown_version(campaign.sequence)
    return sequences.steps_in_order(version) if version else []


def emails_of(campaign: Campaign) -> list[Step]:
    """Return the campaign's email steps in their order."""
    return [step for step in steps_of(campaign) if step.kind == StepKind.EMAIL]


def tested_step(campaign: Campaign, experiment: Experiment) -> Step:
    """Return the email that a test belongs to, as it is in the newest version.  Raises NotFound for another campaign's test."""
    steps = Step.objects.filter(version__sequence=campaign.sequence_id, experiment=experiment)
    found = steps.select_related("version", "template_version__template").order_by("-version__number").first()
    if found is None:
        raise NotFound("There is no such test.")
    return found


def planned_tests(campaign: Campaign) -> list[Experiment]:
    """Return the tests of the campaign's emails that haven't started."""
    steps = Step.objects.filter(version__sequence=campaign.sequence_id, experiment__isnull=False)
    return list(Experiment.objects.filter(pk__in=steps.values("experiment"), state=Experiment.State.PLANNED))


def mailboxes_of(campaign: Campaign) -> list[Mailbox]:
    """Return the campaign's mailboxes that were not removed, by address."""
    return [mailbox for mailbox in campaign.mailboxes.all() if mailbox.archived_at is None]


def forms_in(workspace: Workspace) -> QuerySet[SignUpForm]:
    """Return the workspace's sign-up forms by name."""
    return SignUpForm.objects.filter(workspace=workspace).prefetch_related("lists")


def forms_with_numbers(workspace: Workspace) -> QuerySet[SignUpForm]:
    """Return the forms, annotated with how many filled each in (`submitted`) and confirmed (`confirmed`)."""
    confirmed = Count("sign_ups", filter=Q(sign_ups__confirmed_at__isnull=False))
    return forms_in(workspace).annotate(submitted=Count("sign_ups"), confirmed=confirmed)


def form_in(workspace: Workspace, form_id: int) -> SignUpForm:
    """Return one sign-up form.  Raises NotFound."""
    found = forms_in(workspace).filter(pk=form_id).first()
    if found is None:
        raise NotFound("There is no such form.")
    return found


def form_by_token(token: str) -> SignUpForm | None:
    """Return the form that the public knows by this token."""
    return SignUpForm.objects.select_related("workspace").filter(token=token).first()


def held_out_count(group: HoldoutGroup) -> int:
    """Return how many of the workspace's contacts are in the group: one pass over them."""
    condition, params = Holdout(0, (group_draw(group),)).condition()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM contacts_contact c WHERE c.workspace_id = %s AND {condition}",  # noqa: S608 - a constant
            [group.workspace_id, *params],
        )
        return int(cursor.fetchone()[0])


def live_triggers() -> QuerySet[Trigger]:
    """Return the triggers of campaigns that let contacts in, of all workspaces, with what entering needs."""
    return Trigger.objects.filter(is_live=True).select_related("campaign__sequence", "campaign__workspace")


def trigger_of(campaign: Campaign) -> Trigger | None:
    """Return the campaign's trigger; None if it is of another kind."""
    return Trigger.objects.filter(campaign=campaign).select_related("list", "segment", "form", "source").first()


def arrival_counts(campaign: Campaign) -> list[tuple[int, str, int]]:
    """Return how many the trigger has called who haven't entered: (state, reason, count), those who wait first."""
    arrivals = Arrival.objects.filter(trigger__campaign=campaign).values_list("state", "reason")
    return list(arrivals.annotate(many=Count("pk")).order_by("state", "-many", "reason"))


def last_arrivals(campaign: Campaign, *, most: int) -> list[tuple[Arrival, Contact | None]]:
    """Return whom the trigger has called last of those who haven't entered, with their contacts; None for one deleted since."""
    arrivals = list(Arrival.objects.filter(trigger__campaign=campaign).order_by("-id")[:most])
    found = contacts.contacts_in(campaign.workspace).in_bulk([arrival.contact_id for arrival in arrivals])
    return [(arrival, found.get(arrival.contact_id)) for arrival in arrivals]


def latest_check(campaign: Campaign) -> Check | None:
    """Return the newest check of the campaign as it is now (of this version)."""
    return campaign.checks.filter(campaign_version=campaign.version).order_by("-id").first()


def edits_since(campaign: Campaign, version: int) -> QuerySet[Edit]:
    """Return what was edited after a version, oldest first."""
    return campaign.edits.filter(version__gt=version).order_by("version")


def subject_of(step: Step) -> str:
    """Return the subject that an email step is sent with, as written."""
    return step.subject or (step.template_version.subject if step.template_version else "")


def places_of_tests(experiment_ids: Collection[int]) -> dict[int, Place]:
    """Return the campaigns whose emails these A/B tests are of, by the tests' ids; a broadcast's with its audience."""
    steps = Step.objects.filter(experiment__in=experiment_ids, version__sequence__campaign__isnull=False)
    pairs = dict(steps.values_list("experiment_id", "version__sequence__campaign").distinct())
    found = Campaign.objects.select_related("launch").in_bulk(set(pairs.values()))
    return {test: _place(found[campaign], test) for test, campaign in pairs.items() if campaign in found}


def _place(campaign: Campaign, test: int) -> Place:
    launch: Launch | None = getattr(campaign, "launch", None)
    audience = launch.expected if launch is not None and campaign.kind == Kind.BROADCAST else None
    url = reverse("campaigns:detail", args=[campaign.pk])
    plan_url = reverse("campaigns:experiment", args=[campaign.pk, test])
    return Place(campaign.name, url, campaign, audience, plan_url)
