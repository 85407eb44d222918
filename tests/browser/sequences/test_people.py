"""The people of a sequence and a simulation, in the browser: done by clicking, accessible in both themes, on a phone too."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from delivery.models import Mailbox
from sequences import services
from sequences.models import Enrolment, EnrolmentState, Sequence
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document

STEPS = [
    {"key": "day", "kind": "wait", "wait": "P1D"},
    {"key": "hello", "kind": "email", "source": SOURCE, "subject": "Hello {{ firstName | default: 'you' }}"},
    {"key": "click", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {
        "yes": [{"key": "thanks", "kind": "email", "source": SOURCE, "subject": "Thank you"}]}},
]  # fmt: skip


@pytest.fixture
def sequence(page: Page, live_server: LiveServer, member: Membership, mailbox: Mailbox) -> Sequence:
    """Three people who wait for a day, and a member who is signed in."""
    sequence = make_document(member.workspace, STEPS)
    enrol(sequence, make_contacts(member.workspace, 3), mailbox)
    sign_in(page, member.user, live_server.url)
    return sequence


def test_people_are_stopped_and_it_is_undone(page: Page, live_server: LiveServer, sequence: Sequence) -> None:
    page.goto(f"{live_server.url}/sequences/{sequence.pk}/people/")
    expect(page.locator("#counts")).to_contain_text("Wait 1 day")
    page.get_by_label("Select person0@example.com").check()
    page.get_by_label("Select person1@example.com").check()
    page.get_by_role("group", name="With the selected people").get_by_role(
        "button", name="Stop", exact=True
    ).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 selected people")
    dialog.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("2 people were stopped.")).to_be_visible()
    expect(page.locator("#rows")).to_contain_text("Stopped by hand")
    assert Enrolment.objects.filter(state=EnrolmentState.STOPPED).count() == 2
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back for 2 people.")).to_be_visible()
    assert Enrolment.objects.filter(state=EnrolmentState.ACTIVE).count() == 3


def test_a_lane_that_is_pressed_shows_what_happens_there(
    page: Page, live_server: LiveServer, sequence: Sequence
) -> None:
    page.goto(f"{live_server.url}/sequences/{sequence.pk}/simulate/")
    told = page.locator("#told")
    expect(told).to_contain_text("Hello you")
    expect(told).not_to_contain_text("Thank you")
    told.get_by_role("link", name="Yes", exact=True).click()
    expect(told).to_contain_text("Thank you")
    expect(page).to_have_url(re.compile("o-click=yes"))
    page.go_back()
    expect(page.locator("#told")).not_to_contain_text("Thank you")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_the_pages_are_accessible_and_fit(
    page: Page, live_server: LiveServer, sequence: Sequence, axe: Callable[..., list[str]], theme: str, width: int
) -> None:
    one = Enrolment.objects.earliest("pk")
    services.skip_waits(sequence=sequence, enrolment_ids=[one.pk])
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for path in ("people/", f"people/{one.pk}/", "simulate/?o-click=yes"):
        page.goto(f"{live_server.url}/sequences/{sequence.pk}/{path}")
        expect(page.get_by_text("Counting …")).to_have_count(0)
        found[path] = axe()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    assert not any(found.values()), found
