"""Outgoing webhooks in a real browser: made, tried at a real server, sent again, given another secret, deleted."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from integrations import services
from integrations.models import WebhookEndpoint
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.team import MembershipFactory
from tests.integration.webhook_receiver import Receiver


@pytest.fixture
def owner(transactional_db: None) -> Membership:
    return MembershipFactory()


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    made = Receiver()
    yield made
    made.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_webhook_is_made_tried_and_sent_again(
    page: Page, live_server, owner: Membership, receiver: Receiver, axe: Callable[..., list[str]], theme: str
) -> None:
    page.emulate_media(color_scheme=theme)
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/webhooks/outgoing/")
    assert axe() == []
    page.get_by_role("link", name="New webhook").first.click()
    page.get_by_label("Address").fill(receiver.url)
    assert axe() == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    assert axe() == []
    page.get_by_role("link", name="Done").click()

    receiver.answer = 500
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#log").get_by_text("webhook.test", exact=True)).to_be_visible()
    services.deliver_webhooks()
    expect(page.get_by_text("The answer was 500. said so")).to_be_visible()  # without a reload
    endpoint = WebhookEndpoint.objects.get()
    services.save_endpoint(workspace=owner.workspace, endpoint=endpoint, is_active=False)
    page.reload()
    assert axe() == []
    page.get_by_label("On", exact=True).check()
    page.get_by_role("button", name="Save").click()
    receiver.answer = 204
    page.get_by_role("button", name="Send again webhook.test").click()
    expect(page.get_by_text("Waiting")).to_be_visible()
    services.deliver_webhooks()
    expect(page.get_by_text("Delivered")).to_be_visible()
    assert axe() == []

    page.get_by_role("button", name="New secret…").click()
    page.get_by_role("button", name="New secret", exact=True).click()
    expect(page.get_by_role("heading", name="The new secret")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete webhook").click()
    expect(page.get_by_text("No webhook yet")).to_be_visible()
