"""Publishing a change to a running sequence in a real browser."""

import os
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from core import clock
from sequences import selectors, services
from sequences.models import Enrolment, Publication, Sequence
from tests.browser.accounts import sign_in
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import MembershipFactory

MAIL = {"kind": "email", "source": SOURCE}
STEPS = [
    {**MAIL, "key": "a", "subject": "Welcome, {{ firstName }}"},
    {"key": "w", "kind": "wait", "wait": "P4D"},
    {**MAIL, "key": "b", "subject": "How is it going?"},
    {"key": "x", "kind": "wait", "wait": "P2D"},
    {**MAIL, "key": "c", "subject": "Goodbye"},
]
CHANGED = [
    STEPS[0],
    {"key": "w", "kind": "wait", "wait": "P1D"},
    {**MAIL, "key": "n", "subject": "A tip for you"},
    {**MAIL, "key": "b", "subject": "How is it going so far, {{ firstName }}?"},
    STEPS[4],
]


@pytest.fixture
def member(live_server):
    return MembershipFactory(role="editor")


@pytest.fixture
def sequence(member) -> Sequence:
    """40 people wait after the first email, 20 after the second; a draft changes a lot."""
    sequence = make_document(member.workspace, STEPS)
    people = make_contacts(member.workspace, 60)
    enrol(sequence, people, make_mailbox(member.workspace))
    came = clock.now() - timedelta(days=2)
    Enrolment.objects.filter(contact__in=people[:40]).update(
        step_key="w", entered_step_at=came, due_at=came + timedelta(days=4)
    )
    Enrolment.objects.filter(contact__in=people[40:]).update(
        step_key="x", entered_step_at=clock.now(), due_at=clock.now() + timedelta(days=2)
    )
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=CHANGED)
    return sequence


def shoot(page: Page, name: str) -> None:
    """Keep a picture, if somebody asked for them."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_change_is_looked_at_and_published_and_taken_back(page: Page, live_server, member, sequence):
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/sequences/{sequence.pk}/")
    page.get_by_role("link", name="Review and publish").click()
    page.wait_for_url("**/publish/")
    expect(page.locator("#forecast")).to_contain_text("40 become due at once")
    page.get_by_text("End their way", exact=True).click()
    expect(page.locator("#forecast")).to_contain_text("Leave now")
    page.get_by_text("Move everybody to the new steps").click()
    expect(page.locator("#forecast")).to_contain_text("Wait differently")

    page.get_by_role("button", name="Publish…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("60 people go on in the new steps")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert not Publication.objects.exists()

    page.get_by_role("button", name="Publish…").click()
    dialog.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/versions/")
    expect(page.get_by_text("Version 2 is live.")).to_be_visible()
    assert Publication.objects.get().moved == 60

    page.get_by_role("link", name="Version 1").click()
    page.get_by_role("button", name="Bring it back…").click()
    page.wait_for_url("**/publish/")
    draft = selectors.draft_version(sequence)
    assert draft is not None
    assert selectors.diff_versions(selectors.version_in(sequence, 1), draft).is_empty


def test_a_draft_is_begun_in_the_builder_and_discarded(page: Page, live_server, member, sequence):
    services.discard_draft(sequence)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/sequences/{sequence.pk}/")
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.get_by_text("until you publish it")).to_be_visible()
    page.get_by_role("link", name="Review and publish").click()
    page.get_by_role("button", name="Discard…").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard the draft").click()
    expect(page.get_by_text("The live steps are as they were.")).to_be_visible()
    assert selectors.draft_version(sequence) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible(page: Page, live_server, member, sequence, axe, theme):
    sign_in(page, member.user, live_server.url)
    page.emulate_media(color_scheme=theme)
    for path in ("publish/", "publish/?policy=exit", "versions/", "versions/?version=1"):
        page.goto(f"{live_server.url}/sequences/{sequence.pk}/{path}")
        assert axe() == [], path
        shoot(page, f"{theme}-{path.replace('/', '').replace('?', '-').replace('=', '-')}")


def test_the_pages_fit_on_a_phone(page: Page, live_server, member, sequence):
    sign_in(page, member.user, live_server.url)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("publish/", "versions/"):
        page.goto(f"{live_server.url}/sequences/{sequence.pk}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shoot(page, f"phone-{path.strip('/')}")
