"""Who was called by a trigger and hasn't entered, on a wide screen and a phone, in both themes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts import services as contacts
from delivery.models import Mailbox
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.browser.campaigns.test_triggers import photograph
from tests.factories.contacts import make_contact
from tests.integration.campaigns.triggers import launch_triggered, tell

ACME = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits(
    page: Page,
    live_server: LiveServer,
    member: Membership,
    mailbox: Mailbox,
    axe: Callable[..., list[str]],
    theme: str,
    width: int,
) -> None:
    workspace = member.workspace
    campaign = launch_triggered(workspace, {"kind": "event", "event": "order.paid", "filter": ACME})
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, member.user, live_server.url)
    address = f"{live_server.url}/campaigns/{campaign.pk}/arrivals/"
    page.goto(address)
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.goto(address)
    expect(page.locator(f"html[data-bs-theme={theme}]")).to_have_count(1)
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    assert axe() == []

    people = [
        make_contact(workspace, f"somebody.with.a.long.name.{number}@a-long-domain.example") for number in range(3)
    ]
    contacts.suppress(workspace_id=workspace.pk, email=people[0].email, reason="manual")
    tell(workspace, *({"name": "order.paid", "contact": person.pk} for person in people))
    page.reload()
    expect(page.get_by_text("The entry filter doesn’t let them in.").first).to_be_visible()
    assert axe() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    photograph(page, f"arrivals-{theme}-{width}")
