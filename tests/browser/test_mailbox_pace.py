"""The page of a mailbox's pace, its limits and the sending rules, in a browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from core import clock
from delivery import services
from delivery.models import Mailbox, MailboxDay
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories import delivery as make
from tests.factories.team import MembershipFactory


@pytest.fixture
def owner(transactional_db: None) -> Membership:
    return MembershipFactory()


@pytest.fixture
def warming(owner: Membership) -> Mailbox:
    """A mailbox in the second week of its warm-up, with mail waiting for tomorrow."""
    mailbox = make.make_mailbox(owner.workspace, ramp_start=50, ramp_growth=20, ramp_unit="percent", ramp_target=5000)
    Mailbox.objects.filter(pk=mailbox.pk).update(ramp_since=clock.now() - timedelta(days=12))
    today = clock.now().date()
    for step, cap in enumerate((50, 60, 72, 86, 103, 123, 147, 176, 211)):
        day = today - timedelta(days=9 - step)
        sent = cap if step != 4 else 40
        MailboxDay.objects.create(
            mailbox=mailbox, day=day, cap=cap, step=step, sent=sent, accepted=sent, bounced=step % 3, complained=0
        )
    MailboxDay.objects.create(mailbox=mailbox, day=today, cap=253, step=9, sent=253, accepted=250)
    make.queue(make.make_mailing(owner.workspace), mailbox, make.make_contacts(owner.workspace, 40))
    return mailbox


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pace_of_a_warming_mailbox(
    page: Page, live_server, owner: Membership, warming: Mailbox, axe: Callable[..., list[str]], theme: str
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/")
    page.get_by_role("link", name="ada@acme.example").click()
    expect(page.get_by_text("held by the warm-up (253 of 253 today). Next slot 00:00 tomorrow.")).to_be_visible()
    expect(page.get_by_text("Step 10 of 27")).to_be_visible()
    assert axe() == []
    services.update_mailbox(warming, ramp_start=None)
    services.pause_mailbox(warming.pk, reason="Paused by Ada.")
    expect(page.get_by_text("Sends nothing: Paused by Ada.")).to_be_visible(timeout=15_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_limits_and_rules_are_set(
    page: Page, live_server, owner: Membership, warming: Mailbox, axe: Callable[..., list[str]], theme: str
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    sign_in(page, owner.user, live_server.url)
    page.goto(f"{live_server.url}/mailboxes/{warming.pk}/pace/")
    page.get_by_role("link", name="Change limits").click()
    expect(page.get_by_role("combobox", name="Warm-up")).to_have_value("normal")
    page.get_by_label("At most a minute").fill("60")
    assert axe() == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Mailboxes")).to_be_visible()
    warming.refresh_from_db()
    assert warming.per_minute == 60
    page.get_by_role("link", name="Sending rules").click()
    page.get_by_label("Quiet from").fill("21:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("until")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("until").fill("08:00")
    assert axe() == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. What waits follows the new rules at once.")).to_be_visible()
