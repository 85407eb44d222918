"""Sending domains in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from delivery import services
from delivery.models import SendingDomain
from delivery.selectors import record_of
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.delivery import make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.dns import NameServer


@pytest.fixture
def owner(transactional_db: None) -> Membership:
    return MembershipFactory()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_domain_is_checked_given_keys_and_signs(
    page: Page,
    live_server,
    owner: Membership,
    name_server: NameServer,
    axe: Callable[..., list[str]],
    theme: str,
) -> None:
    make_mailbox(owner.workspace)
    name_server.put("acme.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    page.emulate_media(color_scheme=theme)
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/")
    page.get_by_role("link", name="Sending domains").first.click()
    page.get_by_role("link", name="acme.example").click()
    expect(page.get_by_text("Nobody has looked yet")).to_be_visible()
    assert axe() == []
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("acme.example has no DMARC record")).to_be_visible()
    assert axe() == []
    page.get_by_role("button", name="Make keys").click()
    expect(page.get_by_text("Waiting for its record").first).to_be_visible()
    key = SendingDomain.objects.get().keys.get(selector="drumbeat1")
    expect(page.get_by_role("region", name="Value of drumbeat1", exact=True)).to_have_text(record_of(key).text)
    expect(page.get_by_role("button", name="Copy Value of drumbeat1", exact=True)).to_be_visible()
    assert axe() == []
    name_server.put(record_of(key).name, "TXT", record_of(key).text)
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Signs since")).to_be_visible()
    expect(page.get_by_text("The published keys are ours (RSA)")).to_be_visible()
    assert axe() == []
    page.get_by_role("button", name="Actions for drumbeat1", exact=True).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("drumbeat1 was deleted")).to_be_visible()
    page.goto(f"{live_server.url}/mailboxes/domains/")
    expect(page.get_by_role("row").filter(has_text="acme.example")).to_contain_text("Needs mending")
    assert axe() == []


def test_a_domain_is_added_in_a_dialog_which_says_what_is_wrong(
    page: Page, live_server, owner: Membership, axe: Callable[..., list[str]]
) -> None:
    services.add_domain(workspace=owner.workspace, name="acme.example")
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/domains/")
    page.get_by_role("button", name="Add domain").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Domain").fill("nothing")
    dialog.get_by_role("button", name="Add domain").click()
    expect(dialog.get_by_text("Give a domain like example.com.").first).to_be_visible()
    assert axe() == []
    dialog.get_by_label("Domain").fill("news.example")
    dialog.get_by_role("button", name="Add domain").click()
    expect(page.get_by_role("heading", name="news.example")).to_be_visible()
    assert axe() == []
