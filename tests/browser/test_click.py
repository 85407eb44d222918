"""A person reads a delivered mail in Chromium and clicks: redirected at once, counted as one human click, and told why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns import services as campaigns
from core import facts
from delivery import services as delivery
from delivery.models import Message
from sequences import services as sequences
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.factories.tracking import CHROME
from tests.integration.tracking.conftest import Endpoint, start_endpoint, stop
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import service_environment
from tracking import services as tracking

SOURCE = """<p>Hello {{{{ firstName }}}}</p><p><a href="{url}/login/?from={{{{ firstName | url_encode }}}}">See the offer</a></p>
<p>{{{{ workspace.address }}}} <a href="{{{{ unsubscribeUrl }}}}">Unsubscribe</a></p>"""


@pytest.fixture
def endpoint(live_server: LiveServer, settings: LazySettings, tmp_path: Path) -> Iterator[Endpoint]:
    """The tracking endpoint in a process of its own, where mail made from now on points at."""
    running = start_endpoint(tmp_path, service_environment())
    settings.TRACKING_URL = f"http://127.0.0.1:{running.port}"
    yield running
    stop(running.process)


def test_a_click_in_a_delivered_mail_is_one_human_click(
    page: Page, browser: Browser, live_server: LiveServer, endpoint: Endpoint, smtp_sink: SmtpSink
) -> None:
    member = MembershipFactory()
    mailbox = make_mailbox(member.workspace, host=smtp_sink.host, port=smtp_sink.port)
    template = make_template(member.workspace, source=SOURCE.format(url=live_server.url))
    campaign = make_campaign(member.workspace, contacts=2, mailbox=mailbox, template=template)
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    campaigns.run_launch(campaign.pk)
    while sequences.advance_due() + delivery.dispatch_due() + facts.deliver():
        pass
    message = Message.objects.order_by("pk").first()
    assert message
    assert message.contact

    # The reader's own browser: nobody is signed in, and it calls itself what people's browsers do.
    reader = browser.new_context(user_agent=CHROME).new_page()
    with reader.expect_response(lambda response: "/o/" in response.url) as pixel:
        reader.set_content(smtp_sink.sent_to(message.contact.email)[0].text("html"))
    assert pixel.value.status == 200
    link = reader.get_by_role("link", name="See the offer")
    assert str(link.get_attribute("href")).startswith(f"http://127.0.0.1:{endpoint.port}/l/")
    link.hover()
    link.click()
    reader.wait_for_url(f"{live_server.url}/login/?from={message.contact.first_name}")
    expect(reader.get_by_role("heading", name="Sign in")).to_be_visible()
    reader.context.close()
    assert tracking.drain() == 2

    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/report/")
    row = page.get_by_role("row").filter(has_text="/login/?from=")
    expect(row).to_contain_text("First name")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    expect(page.locator(".stat", has_text="Clicked")).to_contain_text("1 by people")
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/recipients/")
    page.get_by_role("link", name=f"Timeline of {message.contact.email}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Hello {message.contact.first_name}")
    clicked = dialog.get_by_role("listitem").filter(has_text="Clicked")
    expect(clicked).to_have_count(1)
    expect(clicked).to_contain_text("A mail program or browser that a person uses.")
    expect(clicked).to_contain_text(f"/login/?from={message.contact.first_name}")
