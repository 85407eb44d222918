"""A drip on the checklist in a real browser: steps added, written, moved, removed; a broken line; undone tabs."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from campaigns import selectors
from campaigns.models import Campaign
from delivery.models import Mailbox
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import make_contacts


@pytest.fixture
def web(page: Page, live_server: LiveServer, member: Membership, mailbox: Mailbox) -> Page:
    sign_in(page, member.user, live_server.url)
    return page


def saved(page: Page) -> None:
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")


def test_a_drip_is_written_step_by_step(
    web: Page, live_server: LiveServer, member: Membership, axe: Callable[..., list[str]]
) -> None:
    workspace = member.workspace
    make_list(workspace, make_contacts(workspace, 3), name="Customers")
    make_template(workspace, name="Welcome", subject="Hello {{ firstName }}")
    web.goto(f"{live_server.url}/campaigns/new/")
    web.get_by_role("button", name="Drip sequence").click()
    steps = web.locator("#steps .drip-step")
    expect(steps).to_have_count(1)
    web.get_by_role("textbox", name="Name").fill("Onboarding")
    web.get_by_label("Subject").fill("Welcome, {{ firstName }}")
    web.get_by_role("button", name="Add wait").click()
    expect(steps).to_have_count(2)
    web.get_by_label("How long to wait").fill("3")
    web.get_by_role("button", name="Add email").click()
    expect(steps).to_have_count(3)
    expect(web.get_by_label("How long to wait")).to_have_value("3")
    expect(web.get_by_role("heading", level=1)).to_have_text("Onboarding")
    assert axe() == []
    steps.nth(2).get_by_role("button", name="Choose template").click()
    web.get_by_role("dialog").get_by_role("button", name="Welcome").click()
    expect(steps.nth(2)).to_contain_text("Version 1")
    expect(steps.nth(2).get_by_label("Subject")).to_have_value("Hello {{ firstName }}")
    expect(steps.nth(0).get_by_label("Subject")).to_have_value("Welcome, {{ firstName }}")

    web.get_by_role("button", name="Move step 3:").press("Alt+ArrowUp")
    expect(steps.nth(1)).to_contain_text("Email 2")
    expect(steps.nth(2)).to_contain_text("Wait")
    steps.nth(2).get_by_role("button", name="Remove step 3").click()
    expect(steps).to_have_count(2)
    steps.nth(0).get_by_label("Subject").fill("Good day, {{ firstName }}")
    saved(web)
    campaign = Campaign.objects.get()
    assert campaign.name == "Onboarding"
    assert [step.subject for step in selectors.steps_of(campaign)] == [
        "Good day, {{ firstName }}",
        "Hello {{ firstName }}",
    ]


def answer_late(route: Route) -> None:
    """Let the server act at once, and the browser know a second and a half later."""
    response = route.fetch()
    route.request.frame.page.wait_for_timeout(1500)
    route.fulfill(response=response)


def test_what_is_typed_while_a_step_is_being_added_is_saved_after_it(
    web: Page, live_server: LiveServer, member: Membership
) -> None:
    campaign = make_campaign(member.workspace, kind="drip")
    web.goto(f"{live_server.url}/campaigns/{campaign.pk}/")
    web.route("**/steps/add/", answer_late)
    web.get_by_role("button", name="Add wait").click()
    web.get_by_role("textbox", name="Name").fill("Renamed meanwhile")
    expect(web.locator("#steps .drip-step")).to_have_count(2)
    saved(web)
    expect(web.get_by_role("heading", level=1)).to_have_text("Renamed meanwhile")
    expect(web.locator(".toast-danger")).to_have_count(0)


def test_a_broken_subject_is_marked_and_kept_until_it_is_mended(
    web: Page, live_server: LiveServer, member: Membership
) -> None:
    campaign = make_campaign(member.workspace)
    web.goto(f"{live_server.url}/campaigns/{campaign.pk}/")
    tick = web.locator("#tick-subject")
    expect(tick).to_be_visible()
    subject = web.get_by_role("textbox", name="Subject")
    subject.fill("Hi {{ firstName ")
    expect(subject).to_have_attribute("aria-invalid", "true")
    expect(web.locator("[data-error-for=subject]")).to_have_text("Column 4: “{{” is never closed by “}}”.")
    expect(web.locator("[data-autosave-state]")).to_contain_text("Not saved")
    expect(tick).to_be_hidden()
    expect(subject).to_have_value("Hi {{ firstName ")
    subject.fill("Hi {{ firstName }}")
    saved(web)
    expect(tick).to_be_visible()
    expect(web.locator("#summary")).to_contain_text("Hi First name")


def test_a_renamed_campaign_is_renamed_in_its_heading_too(
    web: Page, live_server: LiveServer, member: Membership
) -> None:
    campaign = make_campaign(member.workspace)
    web.goto(f"{live_server.url}/campaigns/{campaign.pk}/")
    web.get_by_role("textbox", name="Name").fill("Summer")
    saved(web)
    expect(web.get_by_role("heading", level=1)).to_have_text("Summer")
    expect(web).to_have_title("Summer · Drumbeat")


def test_a_stale_tab_says_so_once(web: Page, live_server: LiveServer, member: Membership) -> None:
    campaign = make_campaign(member.workspace)
    address = f"{live_server.url}/campaigns/{campaign.pk}/"
    web.goto(address)
    other = web.context.new_page()
    other.goto(address)
    other.get_by_role("textbox", name="Subject").fill("From the other tab")
    saved(other)
    subject = web.get_by_role("textbox", name="Subject")
    subject.fill("One")
    expect(web.locator(".toast-danger")).to_have_count(1)
    for words in ("Two", "Three"):
        subject.fill(words)
        subject.blur()
    web.get_by_label("Count opens").evaluate("box => box.closest('details').open = true")
    web.get_by_label("Count opens").uncheck()
    expect(web.locator("[data-autosave-state]")).to_contain_text("Changed by someone else")
    expect(web.locator(".toast-danger")).to_have_count(1)
