"""A member with a drip campaign, open in the builder."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign
from delivery.models import Mailbox
from sequences import selectors
from sequences.models import Sequence
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.workers import WorkerProcess


@pytest.fixture
def member(live_server: object) -> Membership:
    return MembershipFactory(role="editor")


@pytest.fixture
def mailbox(member: Membership) -> Mailbox:
    return make_mailbox(member.workspace)


@pytest.fixture
def campaign(member: Membership, mailbox: Mailbox) -> Campaign:
    """A drip without steps, to people in a list, and a template to send."""
    make_template(member.workspace, name="Letter", subject="Hello {{ firstName }}")
    return make_campaign(member.workspace, kind="drip", name="Onboarding", steps=[])


@pytest.fixture
def other_campaign(member: Membership, campaign: Campaign) -> Campaign:
    """Another empty drip of the workspace."""
    return make_campaign(member.workspace, kind="drip", name="Elsewhere", steps=[])


@pytest.fixture
def work(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    """A worker with its beat."""
    return start_worker(concurrency=2, beat=True)


class Builder:
    """The builder as its user sees it."""

    def __init__(self, page: Page, sequence: Sequence, url: str) -> None:
        self.page = page
        self.sequence = sequence
        self.address = f"{url}/sequences/{sequence.pk}/"

    def open(self) -> None:
        """Load the page and wait until it is at work."""
        self.page.goto(self.address)
        expect(self.page.locator("[data-sequence-ready]")).to_have_count(1)

    def settled(self, steps: int) -> None:
        """Wait until the canvas shows so many steps and nothing is under way."""
        expect(self.page.locator(f"#canvas[data-count='{steps}']")).to_have_count(1)
        expect(self.page.locator("[data-busy]")).to_have_count(0)

    @property
    def steps(self) -> Locator:
        return self.page.locator(".step-card")

    def step(self, title: str) -> Locator:
        """The button of a step by its title."""
        return self.page.locator(".step-main", has_text=title)

    def plus(self, lane: str, index: int) -> Locator:
        """The “+” at a place of a lane."""
        return self.page.locator(f"[data-slot][data-lane='{lane}'][data-index='{index}'] .plus-btn")

    def keys_in(self, lane: str = "root") -> list[str]:
        """The keys of the steps in a lane, as the database has them."""
        draft = selectors.draft_version(self.sequence)
        assert draft is not None
        return list(draft.steps.filter(lane=lane).order_by("position").values_list("key", flat=True))

    def shape(self) -> list[tuple[str, str]]:
        """The lane and kind of every step of the draft, in the order of the document."""
        draft = selectors.draft_version(self.sequence)
        assert draft is not None
        return [(step.lane.partition(".")[2] or "root", step.kind) for step in selectors.steps_in_order(draft)]


@pytest.fixture
def builder(page: Page, live_server: LiveServer, member: Membership, campaign: Campaign) -> Builder:
    sign_in(page, member.user, live_server.url)
    builder = Builder(page, campaign.sequence, live_server.url)
    builder.open()
    return builder


@pytest.fixture
def fill(member: Membership, campaign: Campaign) -> Callable[[list[dict[str, object]]], None]:
    """Return a function that gives the draft its steps before the page is loaded."""
    from sequences import services

    def fill(steps: list[dict[str, object]]) -> None:
        services.replace_steps(campaign.sequence, steps=steps)

    return fill
