"""The way from a workspace with one list and one mailbox to a launched campaign, with the clicks counted."""

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Status
from tests.browser.accounts import sign_in
from tests.browser.campaigns.waiting import wait_for
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import make_contacts
from tests.factories.team import MembershipFactory

MAX_CLICKS = 9


class Clicker:
    """Clicks and counts it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def __call__(self, role: str, name: str, **kwargs: object) -> None:
        self.page.get_by_role(role, name=name, **kwargs).first.click()  # type: ignore[arg-type]
        self.clicks += 1


@pytest.fixture
def click(page: Page) -> Clicker:
    return Clicker(page)


def test_from_a_list_and_a_mailbox_to_a_launched_campaign_in_nine_clicks(
    page: Page, click: Clicker, live_server, member, mailbox, smtp_sink, work
):
    workspace = member.workspace
    make_list(workspace, make_contacts(workspace, 5), name="Customers")
    make_template(workspace, name="Spring sale", subject="Hello {{ firstName }}")
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/")

    click("link", "New campaign")
    click("button", "Spring sale")
    click("checkbox", "Customers 5")
    expect(page.locator("[data-recipients]")).to_have_text("5")
    page.get_by_role("textbox", name="Subject").fill("Spring is here, {{ firstName }}")
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")
    click("link", "Review")
    expect(page.get_by_text("Ready to launch")).to_be_visible(timeout=30_000)
    click("button", "Launch…")
    expect(page.get_by_role("dialog")).to_contain_text("5 people get this email now")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    click("button", "Send to 5")
    page.wait_for_url("**/report/")

    assert click.clicks <= MAX_CLICKS
    wait_for(lambda: Campaign.objects.get().status == Status.COMPLETED)
    assert sorted(mail.rcpt_to[0] for mail in smtp_sink.messages) == [f"person{n}@example.com" for n in range(5)]
    assert smtp_sink.sent_to("person3@example.com")[0].message["Subject"] == "Spring is here, Given3"


def test_from_an_empty_workspace_to_a_launched_campaign(page: Page, live_server, smtp_sink, work, tmp_path):
    owner = MembershipFactory(role="owner")
    sign_in(page, owner.user, live_server.url)
    people = tmp_path / "people.csv"
    people.write_text("email,first name\nada@example.com,Ada\ngrace@example.com,Grace\n")

    page.goto(f"{live_server.url}/campaigns/")
    page.get_by_role("main").get_by_role("link", name="New campaign").click()
    page.get_by_role("button", name="Personal note").click()
    expect(page.get_by_text("Nobody to write to yet")).to_be_visible()
    expect(page.get_by_text("Still missing")).to_contain_text("audience, sender")

    page.get_by_role("link", name="Import contacts").click()
    page.get_by_label("CSV file").set_input_files(people)
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Add the contacts to").select_option(label="A new list")
    page.get_by_label("new list").fill("Newcomers")
    page.get_by_role("button", name="Start import").click()
    expect(page.get_by_text("The import is complete")).to_be_visible(timeout=30_000)

    page.get_by_role("link", name="Campaigns").first.click()
    page.get_by_role("link", name="Personal note").first.click()
    page.get_by_role("link", name="Add a mailbox").click()
    page.get_by_label("From address").fill("me@example.com")
    page.get_by_label("From name").fill("Me")
    page.get_by_label("Server", exact=True).fill(smtp_sink.host)
    page.get_by_label("Port").fill(str(smtp_sink.port))
    page.get_by_label("Encryption").select_option("plain")
    page.get_by_role("button", name="Add mailbox").click()
    page.wait_for_url("**/mailboxes/")

    page.get_by_role("link", name="Campaigns").first.click()
    page.get_by_role("link", name="Personal note").first.click()
    page.get_by_role("checkbox", name="Newcomers 2").check()
    page.get_by_role("checkbox", name="Me me@example.com").check()
    page.get_by_role("link", name="Review and launch").click()
    expect(page.get_by_text("Ready to launch")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Launch…").click()
    page.get_by_role("button", name="Send to 2").click()
    page.wait_for_url("**/report/")

    wait_for(lambda: Campaign.objects.get().status == Status.COMPLETED)
    assert smtp_sink.sent_to("ada@example.com")[0].message["Subject"] == "A quick question, Ada"
    assert smtp_sink.sent_to("grace@example.com")


def test_a_test_send_tells_its_outcome_live(page: Page, live_server, member, mailbox, smtp_sink, work):
    campaign = make_campaign(member.workspace)
    smtp_sink.rcpt_replies["bad@example.com"] = "550 5.1.1 Nobody of that name"
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/review/")
    page.get_by_label("Send to").fill("good@example.com, bad@example.com")
    page.get_by_role("button", name="Send test").click()
    status = page.locator("#test-status")
    expect(status).to_contain_text("Accepted", timeout=20_000)
    expect(status).to_contain_text("Failed", timeout=20_000)
    expect(status).to_contain_text("Nobody of that name")
    assert smtp_sink.sent_to("good@example.com")[0].message["Subject"] == "[Test] Hello Given0"


def test_two_tabs_do_not_overwrite_each_other(page: Page, live_server, member, mailbox):
    campaign = make_campaign(member.workspace)
    sign_in(page, member.user, live_server.url)
    address = f"{live_server.url}/campaigns/{campaign.pk}/"
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    other.get_by_role("textbox", name="Subject").fill("From the other tab")
    expect(other.locator("[data-autosave-state]")).to_have_text("Saved")
    page.get_by_role("textbox", name="Subject").fill("From this tab")
    expect(page.locator("#toasts")).to_contain_text("changed the subject meanwhile")
    expect(page.locator("[data-autosave-state]")).to_contain_text("Changed by someone else")
    page.reload()
    expect(page.get_by_role("textbox", name="Subject")).to_have_value("From the other tab")


def test_a_running_campaign_is_paused_and_cancelled_from_the_list(page: Page, live_server, member, mailbox):
    from campaigns import services

    campaign = make_campaign(member.workspace)
    services.launch_campaign(campaign)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/")
    page.get_by_role("button", name="Actions for Spring").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Nothing leaves until you resume it")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Spring")).to_contain_text("Paused")
    page.get_by_role("button", name="Actions for Spring").click()
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel campaign").click()
    expect(page.get_by_role("row").filter(has_text="Spring")).to_contain_text("Cancelled")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_is_accessible_and_fits(page: Page, live_server, member, mailbox, axe, theme, width):
    from campaigns import services

    workspace = member.workspace
    draft = make_campaign(workspace, name="A draft")
    warned = make_campaign(workspace, name="With warnings", subject="x" * 90)
    broken = make_campaign(workspace, name="Broken", contacts=0)
    for campaign in (warned, broken):
        services.run_check(services.start_check(campaign).pk)
    services.launch_campaign(make_campaign(workspace, name="Running"))
    sign_in(page, member.user, live_server.url)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for path in ("", "new/", f"{draft.pk}/", f"{draft.pk}/template/", f"{warned.pk}/review/", f"{broken.pk}/review/"):
        page.goto(f"{live_server.url}/campaigns/{path}")
        found[path] = axe()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    assert not any(found.values()), found
