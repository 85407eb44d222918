"""A triggered campaign on the checklist in a real browser: what lets contacts in, how often, and its launch."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, SignUpForm, Trigger
from contacts import services as contacts
from delivery.models import Mailbox
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.browser.campaigns.waiting import wait_for
from tests.factories.campaigns import make_list, make_template
from tests.factories.contacts import make_contact
from tests.plugins.workers import WorkerProcess
from tracking.services import take_events


@pytest.fixture
def web(page: Page, live_server: LiveServer, member: Membership, mailbox: Mailbox) -> Page:
    sign_in(page, member.user, live_server.url)
    return page


def saved(page: Page) -> None:
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")


def test_a_triggered_campaign_is_made_checked_and_started(
    web: Page, live_server: LiveServer, member: Membership, work: WorkerProcess, axe: Callable[..., list[str]]
) -> None:
    workspace = member.workspace
    make_template(workspace, name="Thanks", subject="Order {{ event.order_id }}")
    make_contact(workspace, first_name="Ada")
    event = {"name": "order.paid", "email": "ada@example.com", "properties": {"order_id": 7, "plan": "pro"}}
    take_events(workspace_id=workspace.pk, given=[event])
    web.goto(f"{live_server.url}/campaigns/new/")
    web.get_by_role("button", name="Triggered campaign").click()
    section = web.get_by_role("region", name="Trigger")
    expect(web.locator("#summary")).to_contain_text("Still missing: trigger")
    section.get_by_label("Name of the event").fill("order.paid")
    section.get_by_label("Only with these properties").fill("plan = pro")
    section.get_by_label("Once for each value of a property").check()
    section.get_by_label("Property", exact=True).fill("order_id")
    expected = {"event": "order.paid", "where": {"plan": "pro"}, "entry_property": "order_id", "reentry": "key"}
    wait_for(lambda: Trigger.objects.filter(**expected).exists())
    saved(web)
    expect(web.locator("[data-recipients]")).to_have_text("1")
    assert axe() == []
    photograph(web, "trigger")

    web.get_by_role("button", name="Choose template").click()
    web.get_by_role("dialog").get_by_role("button", name="Thanks").click()
    expect(web.locator("#summary")).to_contain_text("Review and launch")
    web.get_by_role("link", name="Review and launch").click()
    web.get_by_role("button", name="Launch…").click()
    expect(web.get_by_role("dialog")).to_contain_text("contacts enter by themselves until you close it")
    photograph(web, "trigger-launch")
    web.get_by_role("dialog").get_by_role("button", name="Start").click()
    expect(web.get_by_role("button", name="Close entry…")).to_be_visible()
    assert Campaign.objects.get().status == "running"
    photograph(web, "trigger-running")
    web.get_by_role("button", name="Close entry…").click()
    web.get_by_role("dialog").get_by_role("button", name="Let nobody in").click()
    expect(web.get_by_role("button", name="Close entry…")).to_have_count(0)
    assert not Trigger.objects.get().is_live


def test_each_kind_shows_its_own_settings_and_faults_are_told_in_place(
    web: Page, live_server: LiveServer, member: Membership
) -> None:
    workspace = member.workspace
    make_list(workspace, name="Readers")
    contacts.create_field(workspace=workspace, label="Birthday", type_="date")
    web.goto(f"{live_server.url}/campaigns/new/")
    web.get_by_role("button", name="Triggered campaign").click()
    section = web.get_by_role("region", name="Trigger")
    section.get_by_label("Only with these properties").fill("plan")
    expect(section).to_contain_text("Write one property a line")
    section.get_by_label("Only with these properties").fill("plan = pro")
    section.get_by_label("A contact enters when").select_option(label="they enter a list")
    expect(section.get_by_label("Name of the event")).to_be_hidden()
    expect(section.get_by_label("Once for each value of a property")).to_be_hidden()
    section.get_by_label("List").select_option(label="Readers")
    section.get_by_label("Again after a while").check()
    section.get_by_label("At least so long after the last entry").fill("30")
    wait_for(lambda: Trigger.objects.filter(kind="list", gap=timedelta(days=30)).exists())
    section.get_by_label("A contact enters when").select_option(label="a date of theirs comes")
    section.get_by_label("Date field").select_option(label="Birthday")
    section.get_by_label("Days").fill("3")
    section.get_by_label("Before or after the date").select_option(label="before the date")
    section.get_by_label("Every year").check()
    expect(section.get_by_role("radio")).to_have_count(0)
    expected = {"kind": "date", "field": "birthday", "days": -3, "yearly": True, "list": None}
    wait_for(lambda: Trigger.objects.filter(**expected).exists())
    photograph(web, "trigger-date")


def test_a_sign_up_form_is_made_and_filled_in(
    web: Page, live_server: LiveServer, member: Membership, mailbox: Mailbox, axe: Callable[..., list[str]]
) -> None:
    make_list(member.workspace, name="Readers")
    web.goto(f"{live_server.url}/campaigns/forms/new/")
    web.get_by_label("Name", exact=False).first.fill("Newsletter")
    web.get_by_label("Title").fill("Our newsletter")
    web.get_by_label("First name").check()
    web.get_by_label("Readers").check()
    web.get_by_label("Consent").fill("I agree to get mail about offers.")
    web.get_by_label("Mailbox of the confirmation").select_option(index=1)
    assert axe() == []
    photograph(web, "form-edit")
    web.get_by_role("button", name="Save").click()
    expect(web.get_by_role("heading", name="Newsletter")).to_be_visible()
    assert axe() == []
    photograph(web, "form")
    web.goto(f"{live_server.url}/f/{SignUpForm.objects.get().token}/")
    assert axe() == []
    photograph(web, "sign-up")
    web.get_by_label("Email address").fill("ada@example.com")
    web.get_by_role("button", name="Sign up").click()
    expect(web.get_by_text("Please tick the box to go on.")).to_be_visible()
    web.get_by_label("I agree").check()
    web.get_by_role("button", name="Sign up").click()
    expect(web.get_by_role("heading", name="Look into your mail")).to_be_visible()


def photograph(page: Page, name: str) -> None:
    """Keep a picture for whoever looks at the screens (SCREENS names a folder)."""
    if not (folder := os.environ.get("SCREENS")):
        return
    for width, theme in ((1280, "light"), (1280, "dark"), (390, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
        page.screenshot(path=f"{folder}/{name}-{width}-{theme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("document.documentElement.setAttribute('data-bs-theme', 'light')")
