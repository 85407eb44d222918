"""The demo workspace: a company, its contacts, its templates, and three months of campaigns."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from abtests import services as abtests
from abtests.models import Experiment, Metric
from campaigns import services as campaigns
from campaigns.models import Campaign, Kind
from config.demo.audience import Audience, build_audience
from config.demo.behaviour import MailServers
from config.demo.emails import (
    EMAILS,
    LAUNCH,
    NEWSLETTER_NOVEMBER,
    NEWSLETTER_OCTOBER,
    NEWSLETTER_SEPTEMBER,
    NUDGE,
    TALK,
    TIPS,
    TRIAL,
    TRIAL_HELP,
    WELCOME,
    WINTER_SALE,
    Email,
)
from config.demo.happenings import happenings
from config.demo.history import History
from config.demo.people import people
from config.demo.receiver import receiver
from config.demo.reset import remove_workspace
from contacts import services as contacts
from contacts.models import SuppressionReason
from core import clock
from delivery import services as delivery
from delivery.models import Mailbox
from sequences import services as sequences
from sequences.models import Step, StepKind
from team import services as team
from team.models import Membership, Role, User, Workspace
from templates_lib import services as templates
from templates_lib.models import Format, Template
from tracking import services as tracking

SLUG = "demo"
EMAIL = "demo@drumbeat.example"
PASSWORD = "drumbeat-demo"  # noqa: S105 - printed at every start, for a server on loopback
SEED = 20261124
ZONE = "Europe/Berlin"
HISTORY = timedelta(days=76)
TEST_NAME = "Autumn reading list"


def build_demo(*, contact_count: int) -> Workspace:
    """Make the demo workspace anew and return it; its past ends now.

    Mail of the past goes to a receiver inside this process; whatever is due later leaves like any other mail.
    """
    remove_workspace(SLUG)
    now = clock.now()
    with clock.simulated(now - HISTORY), team.acting_as("command:demo"):
        workspace, owner = _company()
        audience = build_audience(
            workspace, people=people(contact_count, seed=SEED, today=clock.now().date()), owner=owner
        )
        library = _library(workspace, owner)
        mailboxes = _mailboxes(workspace)
        _suppressions(workspace)
    servers = MailServers(SEED)
    with receiver(servers.judge) as address, team.acting_as("command:demo"):
        # Only in this process: the past must not reach the sandbox inbox or anybody's server.
        before, settings.EMAIL_SANDBOX = settings.EMAIL_SANDBOX, address
        try:
            _live(workspace, owner, audience, library, mailboxes, now)
        finally:
            settings.EMAIL_SANDBOX = before
    return workspace


def _company() -> tuple[Workspace, User]:
    owner = User.objects.filter(email=EMAIL).first() or User.objects.create_superuser(
        EMAIL, PASSWORD, first_name="Dana", last_name="Demo", time_zone=ZONE
    )
    workspace = team.create_workspace(user=owner, name="Northbeam", time_zone=ZONE)
    team.update_workspace(
        workspace,
        slug=SLUG,
        company="Northbeam GmbH",
        postal_address="Linienstraße 41\n10119 Berlin, Germany",
        website="https://northbeam.example",
    )
    for name, first, last, role in (
        ("noor", "Noor", "Haddad", Role.EDITOR),
        ("tomas", "Tomás", "Ferreira", Role.ANALYST),
    ):
        address = f"{name}@drumbeat.example"
        user = User.objects.filter(email=address).first() or User.objects.create_user(
            address, first_name=first, last_name=last, time_zone=ZONE
        )
        Membership.objects.create(workspace=workspace, user=user, role=role)
    return workspace, owner


def _library(workspace: Workspace, owner: User) -> dict[str, Template]:
    newsletters = templates.create_category(workspace=workspace, name="Newsletters")
    product = templates.create_category(workspace=workspace, name="Product")
    onboarding = templates.create_category(workspace=workspace, name="Onboarding")
    category = {"Newsletter": newsletters, "Launch": product, "Offer": product}
    return {
        email.name: templates.create_template(
            workspace=workspace,
            name=email.name,
            format=Format.MJML,
            source=email.source,
            subject=email.subject,
            preheader=email.preheader,
            category=category.get(email.name.split(":")[0], onboarding),
            user=owner,
        )
        for email in EMAILS
    }


def _mailboxes(workspace: Workspace) -> list[Mailbox]:
    return [
        delivery.create_mailbox(
            workspace=workspace,
            from_name=name,
            from_email=address,
            reply_to="hello@northbeam.example",
            smtp_host="smtp.northbeam.example",
            smtp_username=address,
            smtp_password="sandboxed",  # noqa: S106 - no server takes it
        )
        for name, address in (
            ("Mara from Northbeam", "mara@news.northbeam.example"),
            ("Northbeam", "hello@news.northbeam.example"),
        )
    ]


def _suppressions(workspace: Workspace) -> None:
    for number, reason in enumerate(
        (SuppressionReason.IMPORTED, SuppressionReason.MANUAL, SuppressionReason.COMPLAINED)
    ):
        contacts.suppress(
            workspace_id=workspace.pk,
            email=f"please.stop{number}@fathom-analytics.example",
            reason=reason,
            detail="From the old newsletter tool",
        )


def _live(
    workspace: Workspace,
    owner: User,
    audience: Audience,
    library: dict[str, Template],
    mailboxes: list[Mailbox],
    now: datetime,
) -> None:
    history = History(workspace, until=now, seed=SEED)
    months = [now - timedelta(days=days) for days in range(0, HISTORY.days + 31, 28)]
    for moment in months:
        with clock.simulated(moment):
            tracking.prepare_partitions()

    def broadcast(email: Email, name: str, *, days_ago: int, hour: int, pull: float, to: str = "newsletter") -> None:
        def launch() -> None:
            campaign = _draft(workspace, owner, name, library[email.name], audience, to, mailboxes[:1])
            history.pull[campaign.pk] = pull
            _check(campaign)
            campaigns.launch_campaign(campaign, accept_warnings=True)

        history.plan(_at(now, days_ago, hour), launch)

    def subject_test() -> None:
        email = NEWSLETTER_OCTOBER
        campaign = _draft(workspace, owner, TEST_NAME, library[email.name], audience, "newsletter", mailboxes[:1])
        test = _subject_test(campaign, owner)
        _check(campaign)
        campaigns.launch_campaign(campaign, accept_warnings=True)
        for variant, pull in zip(test.variants.order_by("position"), (0.9, 1.35), strict=True):
            history.version_pull[variant.mailing_id or 0] = pull

    def onboarding() -> None:
        steps: list[dict[str, Any]] = [
            {"kind": StepKind.EMAIL, "key": "welcome", "template": library[WELCOME.name]},
            {
                "kind": StepKind.BRANCH,
                "key": "clicked",
                "on": "engagement",
                "step": "welcome",
                "window": "P3D",
                "lanes": {
                    "yes": [
                        {"kind": StepKind.ACTION, "key": "tag", "do": "add_tag", "tag": "onboarding-active"},
                        {"kind": StepKind.WAIT, "key": "pause", "wait": timedelta(days=2)},
                        {"kind": StepKind.EMAIL, "key": "habits", "template": library[TIPS.name]},
                    ],
                    "no": [{"kind": StepKind.EMAIL, "key": "nudge", "template": library[NUDGE.name]}],
                    "undelivered": [{"kind": StepKind.EXIT, "key": "gone"}],
                },
            },
            {"kind": StepKind.WAIT, "key": "week", "wait": timedelta(days=6)},
            {"kind": StepKind.EMAIL, "key": "talk", "template": library[TALK.name]},
        ]
        launch(Kind.DRIP, "Onboarding", steps, pull=1.25, lists=[audience.customers])

    def trial() -> None:
        steps: list[dict[str, Any]] = [
            {"kind": StepKind.EMAIL, "key": "ready", "template": library[TRIAL.name]},
            {
                "kind": StepKind.WAIT_FOR,
                "key": "tour",
                "event": "tour_planned",
                "timeout": "P2D",
                "lanes": {"timeout": [{"kind": StepKind.EMAIL, "key": "help", "template": library[TRIAL_HELP.name]}]},
            },
            {"kind": StepKind.GOAL, "key": "bought", "event": "plan_bought"},
        ]
        trigger = {"kind": "event", "event": "trial_started", "reentry": "once"}
        launch(Kind.TRIGGERED, "Trial started", steps, pull=1.4, trigger=trigger)

    def launch(kind: Kind, name: str, steps: list[dict[str, Any]], *, pull: float, **entry: Any) -> None:
        campaign = campaigns.create_campaign(
            workspace=workspace, name=name, kind=kind, created_by=owner, steps=steps, mailboxes=mailboxes, **entry
        )
        history.pull[campaign.pk] = pull
        _check(campaign)
        campaigns.launch_campaign(campaign, accept_warnings=True)

    broadcast(NEWSLETTER_SEPTEMBER, "September newsletter", days_ago=68, hour=10, pull=0.95)
    broadcast(NEWSLETTER_OCTOBER, "October newsletter", days_ago=40, hour=9, pull=1.1)
    broadcast(LAUNCH, "Northbeam Live is here", days_ago=19, hour=15, pull=1.3, to="everyone")
    history.plan(_at(now, 28, 9), subject_test)
    history.plan(_at(now, 8, 11), onboarding)
    history.plan(_at(now, 9, 8), trial)
    for at, event in happenings(workspace, now=now, zone=ZoneInfo(ZONE), seed=SEED):
        history.plan(at, event)
    broadcast(NEWSLETTER_NOVEMBER, "November newsletter", days_ago=5, hour=10, pull=1.05)
    history.live()
    with clock.simulated(now):
        abtests.refresh_due_summaries()

    sale = _draft(workspace, owner, "Winter offer", library[WINTER_SALE.name], audience, "newsletter", mailboxes[:1])
    _check(sale)
    campaigns.schedule_campaign(sale, send_at=_at(now, -3, 9), time_zone=ZONE, accept_warnings=True)
    campaigns.create_campaign(
        workspace=workspace,
        name="Customer survey",
        created_by=owner,
        lists=[audience.customers],
        mailboxes=mailboxes[:1],
        subject="Two questions, one minute",
    )


def _subject_test(campaign: Campaign, owner: User) -> Experiment:
    """Test two subjects of a draft's email by their opens."""
    step = Step.objects.get(version__sequence=campaign.sequence, kind=StepKind.EMAIL)
    test = sequences.add_experiment(campaign.sequence, key=step.key, name="Question or number?", user=owner)
    abtests.update_experiment(test, metric=Metric.OPEN, window_hours=24, base=0.32, lead=0.08, largest_share=0.5)
    names = ("As a question", "With a number")
    for variant, name in zip(test.variants.order_by("position"), names, strict=True):
        abtests.update_variant(variant, name=name)
    abtests.update_variant(test.variants.get(position=1), subject="{{ firstName }}, 12 ways to a calmer autumn")
    return test


def _draft(
    workspace: Workspace,
    owner: User,
    name: str,
    template: Template,
    audience: Audience,
    to: str,
    mailboxes: list[Mailbox],
) -> Campaign:
    return campaigns.create_campaign(
        workspace=workspace,
        name=name,
        created_by=owner,
        template=template,
        lists=[getattr(audience, to)],
        mailboxes=mailboxes,
    )


def _check(campaign: Campaign) -> None:
    """Run the pre-flight check as the Review page does."""
    campaigns.run_check(campaigns.start_check(campaign).pk)


def _at(now: datetime, days_ago: int, hour: int) -> datetime:
    """Return that hour of the day in the demo's time zone."""
    zone = ZoneInfo(ZONE)
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    return datetime.combine(day, time(hour, 5), tzinfo=zone)
