"""Ten thousand contacts through real workers to a real SMTP server: one message each, their own, with links that work."""

import re
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from campaigns import selectors, services
from campaigns.models import Campaign, Check, Status
from delivery import selectors as delivery
from delivery.models import Link, Message, MessageState
from delivery.tokens import read_link_token, read_open_token
from sequences.models import Enrolment
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.sequences import make_contacts, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.integration.tracking.conftest import start_endpoint
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import service_environment

RECIPIENTS = 10_000
SOURCE = """<html><body><p>Dear {{ firstName }} {{ lastName }}</p>
<p><a href="https://example.com/offer?for={{ email | url_encode }}">Offer</a></p>
<p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p></body></html>"""
LINK = re.compile(rf'href="({re.escape(settings.TRACKING_URL)}/l/([\w-]+))"')
PIXEL = re.compile(rf'src="{re.escape(settings.TRACKING_URL)}/o/([\w-]+)"')


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} took too long."
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_recipients_get_exactly_one_message_each(start_worker, smtp_sink: SmtpSink, tmp_path):
    workspace = WorkspaceFactory()
    mailboxes = [
        make_mailbox(workspace, name=name, host=smtp_sink.host, port=smtp_sink.port) for name in ("north", "south")
    ]
    contacts = make_contacts(workspace, RECIPIENTS)
    campaign = make_campaign(
        workspace,
        lists=[make_list(workspace, contacts)],
        mailboxes=mailboxes,
        source=SOURCE,
        subject="News for {{ firstName }}",
    )
    start_worker(concurrency=2, beat=True)

    check = services.start_check(campaign)
    wait_for(lambda: Check.objects.get(pk=check.pk).status == Check.Status.COMPLETED, "The check", seconds=120)
    check.refresh_from_db()
    assert (check.rendered, check.findings) == (RECIPIENTS, [])
    services.launch_campaign(campaign)
    wait_for(lambda: Campaign.objects.get(pk=campaign.pk).status == Status.COMPLETED, "The sending", seconds=200)

    # What arrived: every address once, with the words meant for it.
    assert len(smtp_sink.messages) == RECIPIENTS
    addresses = Counter(address for mail in smtp_sink.messages for address in mail.rcpt_to)
    assert addresses == Counter(f"person{number}@example.com" for number in range(RECIPIENTS))
    message_ids, claims = set(), {}
    for mail in smtp_sink.messages:
        (address,) = mail.rcpt_to
        number = int(re.fullmatch(r"person(\d+)@example\.com", address).group(1))  # type: ignore[union-attr]  # just counted
        parsed = mail.message
        assert parsed["Subject"] == f"News for Given{number}"
        message_ids.add(parsed["Message-ID"])
        html = mail.text("html")
        assert f"Dear Given{number} Family{number}<" in html
        url, token = LINK.search(html).groups()  # type: ignore[union-attr]  # a failure here is the test's
        claims[address] = (urlsplit(url).path, read_link_token(token), read_open_token(PIXEL.search(html).group(1)))  # type: ignore[union-attr]  # as above
    assert len(message_ids) == RECIPIENTS

    # The tokens lead to the recipient's own message and link.
    owners = dict(Message.objects.values_list("pk", "contact__email"))
    links = dict(Link.objects.values_list("pk", "url"))
    for address, (_, claim, opened) in claims.items():
        assert owners[claim.message_id] == owners[opened] == address
        assert links[claim.link_id] == f"https://example.com/offer?for={address.replace('@', '%40')}"

    # The links work over HTTP.
    endpoint = start_endpoint(tmp_path, service_environment())
    try:
        for address in list(claims)[::500]:
            answer = endpoint.ask(claims[address][0])
            assert answer.status == 302
            assert answer.headers["location"] == f"https://example.com/offer?for={address.replace('@', '%40')}"
    finally:
        endpoint.process.terminate()
        endpoint.process.wait(timeout=20)

    # The books agree to the last digit, and the mailboxes shared the work.
    totals = delivery.totals(selectors.mailing_ids(campaign))
    assert (totals.queued, totals.accepted, totals.finished) == (RECIPIENTS, RECIPIENTS, RECIPIENTS)
    assert Message.objects.filter(state=MessageState.ACCEPTED).count() == RECIPIENTS
    assert set(Counter(Message.objects.values_list("mailbox_id", flat=True)).values()) == {RECIPIENTS // 2}
    wait_for(lambda: not Enrolment.objects.exists(), "Putting the enrolments away", seconds=60)
