"""Mail as it arrives at a server, verified by dkimpy against the records that the page says to publish."""

import re

import dkim
import pytest
from aiosmtpd.controller import Controller
from django.conf import LazySettings

from delivery import selectors, services
from delivery.models import Mailbox, Message, SendingDomain
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import ReceivedMail, SmtpSink, SmtpSinkHandler, free_port

FOREIGN = """<html><body>
   <p>Grüße, {{ firstName }} — naïve café</p>
.<p>A line that begins with a dot</p>
..
<p>{{ number }}</p>	<p>tabs	and   spaces   </p>
<p><a href="https://example.com/offer">Angebot</a> <a href="{{ unsubscribeUrl }}">U</a> {{ workspace.address }}</p></body></html>


"""


def sign_for(workspace: Workspace) -> SendingDomain:
    domain = SendingDomain.objects.get(workspace=workspace)
    for key in services.create_dkim_keys(domain):
        services.activate_dkim_key(key)
    return domain


def verdicts(mail: ReceivedMail) -> list[bool]:
    """Verify each signature by the records of all keys that exist."""
    keys = [key for domain in SendingDomain.objects.all() for key in domain.keys.select_related("domain")]
    records = {f"{record.name}.".encode(): record.text.encode() for record in map(selectors.record_of, keys)}
    found = []
    for index in range(len(re.findall(rb"(?im)^DKIM-Signature:", mail.content))):
        try:
            found.append(dkim.DKIM(mail.content).verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name)))
        except dkim.ValidationError:
            found.append(False)
    return found


def send(workspace: Workspace, mailbox: Mailbox, count: int = 3, **content: str) -> None:
    make.queue(make.make_mailing(workspace, **content), mailbox, make.make_contacts(workspace, count))
    services.dispatch_due()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"source": FOREIGN, "subject": "Grüße an {{ firstName }} " + "und noch viel mehr Wörter " * 8},
        {"format": "text", "source": ".\r\n{{ firstName }}\r\n\r\n.dot {{ unsubscribeUrl }} \t \r\n\r\n\r\n"},
        {"format": "text", "source": "{{ firstName }}: " + "ж" * 2000 + " {{ unsubscribeUrl }}"},
    ],
)
def test_every_message_carries_two_signatures_that_verify(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, content: dict[str, str]
) -> None:
    sign_for(workspace)
    send(workspace, mailbox, **content)
    assert len(smtp_sink.messages) == 3
    for mail in smtp_sink.messages:
        assert verdicts(mail) == [True, True]
        assert mail.content.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\td=acme.example;")
        assert "Given" in mail.message["Subject"] or "Given" in mail.text()


def test_what_is_quoted_for_a_server_without_8bitmime_is_signed_as_it_is_sent(workspace: Workspace) -> None:
    sink = SmtpSink("127.0.0.1", free_port())
    controller = Controller(SmtpSinkHandler(sink), hostname=sink.host, port=sink.port, decode_data=True)
    controller.start()
    try:
        mailbox = make.make_mailbox(workspace, port=sink.port)
        sign_for(workspace)
        send(workspace, mailbox, source=FOREIGN)
    finally:
        controller.stop(no_assert=True)
    assert [verdicts(mail) for mail in sink.messages] == [[True, True]] * 3
    assert all(mail.content.isascii() for mail in sink.messages)


def test_a_test_message_is_signed_too(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    sign_for(workspace)
    services.send_test(
        workspace=workspace,
        mailbox=mailbox,
        format="html",
        subject="Hi",
        source=make.SOURCE,
        to=["tester@example.com"],
    )
    services.dispatch_due()
    (mail,) = smtp_sink.messages
    assert verdicts(mail) == [True, True]


def test_without_a_key_nothing_is_signed_and_a_waiting_key_does_not_sign(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.create_dkim_keys(SendingDomain.objects.get())
    send(workspace, mailbox, 1)
    (mail,) = smtp_sink.messages
    assert b"dkim-signature" not in mail.content.lower()


def test_a_new_key_signs_from_the_next_batch_on(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    domain = sign_for(workspace)
    mailing = make.make_mailing(workspace)
    contacts = make.make_contacts(workspace, 2)
    make.queue(mailing, mailbox, contacts[:1])
    services.dispatch_due()
    for key in services.create_dkim_keys(domain):
        services.activate_dkim_key(key)
    make.queue(mailing, mailbox, contacts[1:])
    services.dispatch_due()
    first, second = smtp_sink.messages
    assert b"s=drumbeat1;" in first.content
    assert b"s=drumbeat2;" in second.content
    assert verdicts(first) == verdicts(second) == [True, True]


def test_a_key_of_lost_encryption_keys_pauses_the_mailbox_and_keeps_the_mail(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, settings: LazySettings
) -> None:
    sign_for(workspace)
    settings.ENCRYPTION_KEYS = ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="]
    send(workspace, mailbox, 1)
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert mailbox.paused_reason.startswith("The DKIM key drumbeat1 of acme.example can't be read")
    assert not smtp_sink.messages
    assert not Message.objects.exclude(state=0).exists()
