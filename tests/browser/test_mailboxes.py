"""Mailboxes in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from delivery.models import Mailbox
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.mail import SmtpSink


@pytest.fixture
def owner(transactional_db: None) -> Membership:
    return MembershipFactory()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_mailbox_is_tested_added_and_shown(
    page: Page, live_server, owner: Membership, smtp_sink: SmtpSink, axe: Callable[..., list[str]], theme: str
) -> None:
    page.emulate_media(color_scheme=theme)
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/")
    expect(page.get_by_text("No mailbox yet")).to_be_visible()
    assert axe() == []
    page.get_by_role("link", name="Add mailbox").first.click()
    page.get_by_role("link", name="Postfix on this machine").click()
    expect(page.get_by_label("Server", exact=True)).to_have_value("127.0.0.1")
    page.get_by_label("From address").fill("ada@acme.example")
    page.get_by_label("Port").fill("1")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The connection does not work")).to_be_visible()
    assert axe() == []
    page.get_by_label("Port").fill(str(smtp_sink.port))
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The connection works")).to_be_visible()
    page.get_by_role("button", name="Add mailbox").click()
    row = page.get_by_role("row").filter(has_text="ada@acme.example")
    expect(row).to_contain_text("Active")
    assert axe() == []
    row.get_by_role("button", name="Actions for").click()
    row.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("row").filter(has_text="ada@acme.example")).to_contain_text("Paused by")


def test_a_mistake_is_shown_where_it_is(
    page: Page, live_server, owner: Membership, axe: Callable[..., list[str]]
) -> None:
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/new/")
    page.get_by_label("From address").fill("nobody")
    page.get_by_role("button", name="Add mailbox").click()
    expect(page.get_by_label("From address")).to_have_attribute("aria-invalid", "true")
    assert axe() == []


def test_a_mailbox_that_sends_by_api_is_added_and_goes_back_to_smtp(
    page: Page, live_server, owner: Membership, axe: Callable[..., list[str]]
) -> None:
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/new/")
    page.get_by_role("link", name="by their API").click()
    page.get_by_label("From address").fill("ada@acme.example")
    page.get_by_role("button", name="Add mailbox").click()
    expect(page.get_by_text("Enter the API key.").first).to_be_visible()
    assert axe() == []
    page.get_by_label("API key").fill("a key")
    page.get_by_role("button", name="Add mailbox").click()
    row = page.get_by_role("row").filter(has_text="ada@acme.example")
    expect(row).to_contain_text("Postmark")
    assert axe() == []
    page.goto(f"{live_server.url}/mailboxes/{Mailbox.objects.get().pk}/")
    expect(page.get_by_text("The API of Postmark.")).to_be_visible()
    assert axe() == []
    page.get_by_role("link", name="Change", exact=True).click()
    assert axe() == []
    page.get_by_role("button", name="Back to SMTP").click()
    page.get_by_role("dialog").get_by_role("button", name="Send by SMTP").click()
    expect(page.get_by_text("SMTP, through the server on this page.")).to_be_visible()


def test_a_mailbox_logs_in_by_oauth_and_goes_back_to_its_password(
    page: Page, live_server, owner: Membership, axe: Callable[..., list[str]]
) -> None:
    mailbox = make_mailbox(owner.workspace)
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/{mailbox.pk}/")
    page.get_by_role("link", name="Use OAuth").click()
    page.get_by_label("Token endpoint").fill("https://login.example/token")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Access token")).to_have_attribute("aria-invalid", "true")
    assert axe() == []
    page.get_by_label("Client ID").fill("the-client")
    page.get_by_label("Refresh token").fill("never shown again")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("An OAuth access token.")).to_be_visible()
    page.get_by_role("link", name="Change").last.click()
    expect(page.get_by_label("Refresh token")).to_have_value("")
    expect(page.get_by_text("One is stored.")).to_be_visible()
    assert axe() == []
    page.get_by_role("button", name="Back to a password").click()
    page.get_by_role("dialog").get_by_role("button", name="Use the password").click()
    expect(page.get_by_role("link", name="Use OAuth")).to_be_visible()
