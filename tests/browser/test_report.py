"""The dashboard, the report and the recipients in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from campaigns import services as campaigns
from core import facts
from delivery import services as delivery
from sequences import services as sequences
from tests.browser.accounts import sign_in
from tests.factories.analytics import SentCampaign, have_it_read, make_sent_campaign
from tests.factories.campaigns import make_campaign
from tests.factories.team import MembershipFactory
from tests.plugins.mail import SmtpSink


@pytest.fixture
def read(live_server: object, smtp_sink: SmtpSink) -> SentCampaign:
    made = make_sent_campaign(smtp_sink)
    have_it_read(made)
    return made


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(page: Page, live_server, read, axe, theme):
    sign_in(page, read.member.user, live_server.url)
    page.emulate_media(color_scheme=theme)
    number = read.campaign.pk
    paths = [
        "/",
        f"/campaigns/{number}/report/",
        f"/campaigns/{number}/recipients/",
        f"/messages/{read.messages[0].pk}/",
    ]
    for path in [*paths, f"/contacts/{read.messages[0].contact_id}/timeline/"]:
        page.goto(f"{live_server.url}{path}")
        assert axe() == [], path


def test_an_empty_dashboard_is_accessible(page: Page, live_server, axe):
    sign_in(page, MembershipFactory().user, live_server.url)
    page.goto(live_server.url)
    expect(page.get_by_text("Your first campaign")).to_be_visible()
    assert axe() == []


def test_the_timeline_of_a_message_opens_in_a_dialog(page: Page, live_server, read, axe):
    sign_in(page, read.member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{read.campaign.pk}/recipients/")
    page.get_by_role("link", name=f"Timeline of {read.messages[0].contact.email}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Clicked")
    expect(dialog).to_contain_text("https://example.com/a")
    assert axe() == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_filter_narrows_the_recipients_and_stays_in_the_address(page: Page, live_server, read):
    sign_in(page, read.member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{read.campaign.pk}/recipients/")
    page.get_by_label("Show", exact=True).select_option("clicked")
    expect(page.locator("#recipient-rows tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("status=clicked"))
    page.reload()
    expect(page.locator("#recipient-rows tr")).to_have_count(1)


def test_the_numbers_move_while_the_campaign_sends(page: Page, live_server, read):
    campaign = make_campaign(read.workspace, contacts=4, name="Second")
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    sign_in(page, read.member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/report/")
    numbers = page.locator("#report-numbers")
    expect(numbers).to_contain_text("of 0 recipients")
    campaigns.run_launch(campaign.pk)
    while sequences.advance_due() + delivery.dispatch_due() + facts.deliver():
        pass
    campaigns.complete_finished_campaigns()
    expect(numbers).to_contain_text("of 4 recipients", timeout=10_000)
    expect(page.locator("#report-numbers[hx-trigger='every 10s']")).to_have_count(1)


def test_it_fits_a_phone(page: Page, live_server, read):
    sign_in(page, read.member.user, live_server.url)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", f"/campaigns/{read.campaign.pk}/report/", f"/campaigns/{read.campaign.pk}/recipients/"):
        page.goto(f"{live_server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
