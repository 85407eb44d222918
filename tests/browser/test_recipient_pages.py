"""The pages for recipients in a real browser: usable without scripts, clean for axe in both themes, and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts.models import Suppression, TrackingMode
from delivery.tokens import preferences_token, unsubscribe_token, view_token
from tests.factories.tracking import Sent, make_sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent() -> Sent:
    sent = make_sent()
    sent.mailing.source = (
        "<html><body><h1>Hello {{ firstName }}</h1><script>document.title = 'ran'</script></body></html>"
    )
    sent.mailing.save()
    return sent


def owner(sent: Sent) -> tuple[int, int, int]:
    return sent.workspace.pk, sent.contacts[0].pk, sent.messages[0].pk


def test_somebody_unsubscribes_and_takes_it_back(page: Page, live_server: LiveServer, sent: Sent):
    page.goto(f"{live_server.url}/u/{unsubscribe_token(*owner(sent))}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribe")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert Suppression.objects.filter(workspace=sent.workspace).exists()
    page.get_by_role("button", name="by mistake").click()
    expect(page.get_by_role("button", name="Unsubscribe")).to_be_visible()
    assert not Suppression.objects.filter(workspace=sent.workspace).exists()
    assert page.context.cookies() == []


def test_somebody_chooses_how_they_are_tracked(page: Page, live_server: LiveServer, sent: Sent):
    page.goto(f"{live_server.url}/p/{preferences_token(*owner(sent))}")
    page.get_by_label("Only count").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.get_by_label("Only count")).to_be_checked()
    sent.contacts[0].refresh_from_db()
    assert sent.contacts[0].tracking == TrackingMode.AGGREGATE
    page.get_by_role("link", name="Unsubscribe from all mail").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribe")
    assert page.context.cookies() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_the_pages_are_accessible_in_both_themes_and_on_a_phone(
    page: Page, live_server: LiveServer, sent: Sent, axe: Callable[..., list[str]], theme, width: int
):
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    paths = [
        f"/u/{unsubscribe_token(*owner(sent))}",
        f"/p/{preferences_token(*owner(sent))}",
        "/u/cut-off",
        "/v/cut-off",
    ]
    for path in [*paths, f"/u/{unsubscribe_token(sent.workspace.pk, 0, 0)}", f"/v/{view_token(987_654_321)}"]:
        page.goto(live_server.url + path)
        assert axe() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_message_is_shown_and_its_scripts_are_not_run(browser: Browser, live_server: LiveServer, sent: Sent):
    # The page is in a sandbox without scripts, Playwright's included, so it is looked at from outside.
    errors: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text))
    response = page.goto(f"{live_server.url}/v/{view_token(sent.messages[0].pk)}", wait_until="commit")
    assert response is not None
    assert "Hello Reader 0" in response.text()
    with page.expect_event("console", lambda message: "script" in message.text):
        page.reload(wait_until="commit")
    page.close()
