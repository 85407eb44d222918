"""A whole campaign in Django admin: made, filled in, reordered, checked, tested, launched, received."""

from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Status
from tests.browser.accounts import sign_in
from tests.browser.campaigns.waiting import wait_for
from tests.factories.campaigns import make_list, make_template
from tests.factories.sequences import make_contacts
from tests.factories.team import UserFactory


def run_action(page: Page, name: str) -> None:
    page.locator('select[name="CHANGE_FORM-action"]').select_option(label=name)
    page.get_by_role("button", name="Run").click()


def test_an_administrator_builds_and_launches_a_campaign(
    page: Page,
    live_server,
    member,
    mailbox,
    smtp_sink,
    work,
):
    workspace = member.workspace
    make_list(workspace, make_contacts(workspace, 4), name="Customers")
    make_template(workspace, name="Welcome", subject="Hello {{ firstName }}")
    sign_in(page, UserFactory(is_staff=True, is_superuser=True, email="root@example.com"), live_server.url)

    page.goto(f"{live_server.url}/admin/campaigns/campaign/add/")
    page.get_by_label("Workspace").select_option(label=workspace.name)
    page.get_by_label("Name").fill("From the admin")
    page.get_by_label("Kind").select_option("drip")
    page.get_by_role("button", name="Save", exact=True).click()

    page.locator("#id_lists").get_by_label("Customers").check()
    expect(page.locator("#id_mailboxes input:checked")).to_have_count(1)
    page.locator("#id_steps-0-template_version").select_option(label="Welcome, version 1")
    page.get_by_role("button", name="Add another Step").click()
    page.locator("#id_steps-1-kind").select_option("wait")
    page.locator("#id_steps-1-wait").fill("00:00:01")
    page.get_by_role("button", name="Add another Step").click()
    page.locator("#id_steps-2-template_version").select_option(label="Welcome, version 1")
    page.locator("#id_steps-2-subject").fill("Before all else")

    # The last step goes to the top, by keyboard.
    up = page.locator("#steps-2").get_by_role("button", name="Move up")
    up.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("[data-step-status]")).to_have_text("Step 1 of 3")
    expect(page.locator("#id_steps-2-position")).to_have_value("0")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("#id_steps-0-subject")).to_have_value("Before all else")
    expect(page.get_by_text("4", exact=True).first).to_be_visible()

    run_action(page, "Run the check")
    expect(page.get_by_text("4 recipients filled in.")).to_be_visible()
    run_action(page, "Send a test…")
    page.get_by_label("Send to").fill("boss@example.com")
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("is on its way to boss@example.com")).to_be_visible()
    wait_for(lambda: bool(smtp_sink.sent_to("boss@example.com")))
    assert smtp_sink.sent_to("boss@example.com")[0].message["Subject"] == "[Test] Before all else"

    run_action(page, "Launch now…")
    expect(page.get_by_text("Recipients now: 4")).to_be_visible()
    page.get_by_role("button", name="Launch now").click()
    expect(page.get_by_text("“From the admin” is on its way.")).to_be_visible()
    wait_for(lambda: Campaign.objects.get().status == Status.COMPLETED, seconds=60)
    for number in range(4):
        subjects = [mail.message["Subject"] for mail in smtp_sink.sent_to(f"person{number}@example.com")]
        assert subjects == ["Before all else", f"Hello Given{number}"]
