"""The way from a workspace with one list and one mailbox to a launched campaign, with the clicks counted."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Status
from delivery.models import Mailbox
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import make_contacts, make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import WorkerProcess

MAX_CLICKS = 9


@pytest.fixture
def member(live_server: object) -> Membership:
    return MembershipFactory(role="editor")


@pytest.fixture
def mailbox(member: Membership, smtp_sink: SmtpSink) -> Mailbox:
    return make_mailbox(member.workspace, host=smtp_sink.host, port=smtp_sink.port)


class Clicker:
    """Clicks and counts it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def __call__(self, role: str, name: str, **kwargs: object) -> None:
        self.page.get_by_role(role, name=name, **kwargs).first.click()  # type: ignore[arg-type]
        self.clicks += 1


@pytest.fixture
def click(page: Page) -> Clicker:
    return Clicker(page)


@pytest.fixture
def work(start_worker: Callable[..., WorkerProcess]) -> Iterator[WorkerProcess]:
    """A worker with its beat."""
    yield start_worker(concurrency=2, beat=True)


def wait_for(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.1)


def test_from_a_list_and_a_mailbox_to_a_launched_campaign_in_nine_clicks(
    page: Page, click: Clicker, live_server, member, mailbox, smtp_sink, work
):
    workspace = member.workspace
    make_list(workspace, make_contacts(workspace, 5), name="Customers")
    make_template(workspace, name="Spring sale", subject="Hello {{ firstName }}")
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/")

    click("link", "New campaign")
    click("button", "Spring sale")
    click("checkbox", "Customers 5")
    expect(page.locator("[data-recipients]")).to_have_text("5")
    page.get_by_role("textbox", name="Subject").fill("Spring is here, {{ firstName }}")
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")
    click("link", "Review")
    expect(page.get_by_text("Ready to launch")).to_be_visible(timeout=30_000)
    click("button", "Launch…")
    expect(page.get_by_role("dialog")).to_contain_text("5 people get this email now")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    click("button", "Send to 5")
    page.wait_for_url("**/report/")

    assert click.clicks <= MAX_CLICKS
    wait_for(lambda: Campaign.objects.get().status == Status.COMPLETED)
    assert sorted(mail.rcpt_to[0] for mail in smtp_sink.messages) == [f"person{n}@example.com" for n in range(5)]
    assert smtp_sink.sent_to("person3@example.com")[0].message["Subject"] == "Spring is here, Given3"
