"""Sharing a campaign and a template with a colleague, in a real browser."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign
from team import services
from team.models import Membership, Role
from templates_lib.models import Template
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.browser import settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("eager_tasks")]

SCREENSHOTS = os.environ.get("SCREENSHOTS")
THEMES = ["light", "dark"]


@pytest.fixture
def site(live_server, settings) -> str:
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    return str(live_server.url)


@pytest.fixture
def owner(site) -> Membership:
    """The owner of a workspace with an editor and two analysts."""
    owner = MembershipFactory(workspace__name="Tea House", user__first_name="Ada", user__last_name="Lovelace")
    for role, first, last in (
        (Role.EDITOR, "Linus", "Lindqvist"),
        (Role.ANALYST, "Grace", "Hopper"),
        (Role.ANALYST, "Maximiliane", "Oberhuber-Wallenstein"),
    ):
        MembershipFactory(workspace=owner.workspace, role=role, user__first_name=first, user__last_name=last)
    return owner


@pytest.fixture
def grace(owner) -> Membership:
    return owner.workspace.memberships.get(user__first_name="Grace")


@pytest.fixture
def campaign(owner) -> Campaign:
    make_mailbox(owner.workspace)
    return make_campaign(owner.workspace, name="Spring sale")


def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def test_an_owner_shares_a_campaign_changes_it_stops_and_undoes(page: Page, site, owner, grace, campaign):
    sign_in(page, owner.user, site)
    page.goto(f"{site}/campaigns/{campaign.pk}/")
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share this campaign")
    dialog.get_by_label("Share with").select_option("Grace Hopper (analyst)")
    dialog.get_by_label("Access", exact=True).select_option("Can edit")
    dialog.get_by_role("button", name="Share").click()
    expect(dialog.get_by_role("status")).to_contain_text("Grace Hopper can edit now.")
    shared = dialog.get_by_role("list", name="By a share").get_by_role("listitem")
    expect(shared).to_have_count(1)

    shared.get_by_label("What Grace Hopper can do").select_option("Can edit and send")
    expect(dialog.get_by_role("status")).to_contain_text("Grace Hopper can edit and send now.")
    dialog.get_by_role("button", name="Undo").click()
    expect(dialog.get_by_role("status")).to_contain_text("Grace Hopper can edit now.")

    dialog.get_by_role("button", name="Stop sharing with Grace Hopper").click()
    expect(dialog.get_by_role("status")).to_contain_text("Grace Hopper can only view now.")
    expect(shared).to_have_count(0)
    expect(dialog.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(shared).to_have_count(1)
    expect(shared.get_by_label("What Grace Hopper can do")).to_have_value("edit")


def test_the_colleague_edits_it_and_can_t_launch_it(page: Page, site, owner, grace, campaign):
    make_campaign(owner.workspace, name="Autumn sale")
    services.share(obj=campaign, membership=grace, access="edit")
    sign_in(page, grace.user, site)
    page.goto(f"{site}/campaigns/")
    row = page.get_by_role("row", name=re.compile("Spring sale"))
    expect(row).to_contain_text("Shared with you")
    expect(page.get_by_role("row", name=re.compile("Autumn sale"))).not_to_contain_text("Shared with you")
    settle(page)
    picture(page, "shared-list")
    row.get_by_role("link", name="Spring sale").click()

    page.get_by_role("textbox", name="Name").fill("Summer sale")
    page.get_by_role("textbox", name="Name").blur()
    expect(page.locator("[data-autosave-state]")).to_contain_text("Saved")
    expect(page.get_by_role("button", name="Share")).to_have_count(0)
    page.get_by_role("link", name="Review").first.click()

    expect(page.get_by_text("Your role does not allow launching.")).to_be_visible()
    assert Campaign.objects.filter(name="Summer sale").exists()


def test_a_template_is_shared_from_its_card_and_edited(page: Page, site, owner, grace, campaign):
    template = Template.objects.get()
    sign_in(page, owner.user, site)
    page.goto(f"{site}/templates/")
    page.get_by_role("button", name=f"Actions for {template.name}").click()
    page.get_by_role("button", name="Share…").locator("visible=true").click()
    dialog = page.get_by_role("dialog", name="Share this template")
    dialog.get_by_label("Share with").select_option("Grace Hopper (analyst)")
    dialog.get_by_role("button", name="Share").click()
    expect(dialog.get_by_role("status")).to_contain_text("Grace Hopper can edit now.")

    sign_in(page, grace.user, site)
    page.goto(f"{site}/templates/{template.pk}/")
    page.get_by_role("textbox", name="Subject").fill("A new subject")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_dialog_is_accessible_and_fits(page: Page, site, owner, grace, campaign, axe, theme, width):
    services.share(obj=campaign, membership=grace, access="send")
    sign_in(page, owner.user, site)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{site}/campaigns/{campaign.pk}/")
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share this campaign")
    dialog.get_by_role("button", name="Share").click()
    expect(dialog.get_by_role("button", name="Undo")).to_be_visible()

    assert axe() == []
    picture(page, f"share-{theme}-{width}")
    assert dialog.evaluate("element => element.scrollWidth <= element.clientWidth")


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_without_the_dialog_is_accessible_too(page: Page, site, owner, grace, campaign, axe, theme):
    services.share(obj=campaign, membership=grace, access="edit")
    sign_in(page, owner.user, site)
    page.emulate_media(color_scheme=theme)
    page.goto(f"{site}/campaigns/{campaign.pk}/shares/")

    assert axe() == []
    picture(page, f"share-page-{theme}")
