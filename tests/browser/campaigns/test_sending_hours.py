"""Sending hours on a campaign's checklist, and what the check before the launch makes of them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign
from delivery.models import Mailbox
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory


@pytest.mark.usefixtures("eager_tasks")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hours_are_chosen_kept_and_told_with_the_date_of_the_last_message(
    page: Page, live_server, axe: Callable[..., list[str]], theme: str
) -> None:
    member = MembershipFactory(role="editor")
    mailbox = make_mailbox(member.workspace)
    # One message a minute for one hour a week: the last of 130 leaves in the third.
    Mailbox.objects.filter(pk=mailbox.pk).update(per_minute=1)
    campaign = make_campaign(member.workspace, contacts=130, mailboxes=[mailbox])
    page.emulate_media(color_scheme=theme)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/")

    hours = page.get_by_role("checkbox", name="Only in sending hours")
    expect(page.get_by_label("From", exact=True)).to_be_hidden()
    hours.check()
    for day in ("Mon", "Tue", "Wed", "Thu", "Fri"):
        page.get_by_role("checkbox", name=day).uncheck()
    expect(page.get_by_text("Choose a day at least.")).to_be_visible()
    page.get_by_role("checkbox", name="Tue").check()
    page.get_by_label("From", exact=True).fill("09:00")
    page.get_by_label("Until", exact=True).fill("10:00")
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")
    assert axe() == []
    page.reload()
    expect(hours).to_be_checked()
    expect(page.get_by_label("Until", exact=True)).to_have_value("10:00")
    assert Campaign.objects.get().window == {"weekdays": [1], "start": "09:00", "end": "10:00"}

    page.get_by_role("link", name="Review", exact=True).click()
    warning = page.get_by_role("listitem").filter(has_text="The mailboxes are too slow to send this within a day")
    expect(warning).to_contain_text("would leave on Tuesday")
    expect(warning).to_contain_text(f"{mailbox.from_email} has 130 of them")
    assert axe() == []
