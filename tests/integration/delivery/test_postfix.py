"""Mail handed to a real Postfix: it is taken and passed on with its signatures whole, and refusals are understood."""

import re

import pytest

from contacts.models import Contact, Suppression
from core import clock
from delivery import reasons, services
from delivery.domains.signing import seal_private
from delivery.models import DkimKey, Mailbox, Message, MessageState, SendingDomain
from team.models import Workspace
from tests.factories import delivery as make
from tests.integration.delivery.test_signed_mail import FOREIGN, verdicts
from tests.plugins.postfix import Postfix


@pytest.fixture
def mailbox(workspace: Workspace, postfix: Postfix) -> Mailbox:
    return make.make_mailbox(workspace, port=postfix.port)


def sign_with_known_keys(workspace: Workspace, postfix: Postfix) -> None:
    """Let the keys sign whose public halves the receiver was given."""
    domain = SendingDomain.objects.get(workspace=workspace)
    for selector, pair in postfix.pairs.items():
        DkimKey.objects.create(
            workspace=workspace,
            domain=domain,
            algorithm=pair.algorithm,
            selector=selector,
            public=pair.public,
            private_encrypted=seal_private(workspace.pk, domain.name, selector, pair.private),
            status=DkimKey.Status.ACTIVE,
            activated_at=clock.now(),
        )


def send_to(workspace: Workspace, mailbox: Mailbox, *addresses: str, **content: str) -> list[Message]:
    people = [
        Contact.objects.create(workspace=workspace, email=address, email_key=address, first_name="Given")
        for address in addresses
    ]
    ids = make.queue(make.make_mailing(workspace, **content), mailbox, [person.pk for person in people])
    services.dispatch_due()
    return list(Message.objects.filter(pk__in=ids).order_by("pk"))


@pytest.mark.parametrize(
    "content", [{}, {"source": FOREIGN}, {"format": "text", "source": "Hi\r\n.dot {{ unsubscribeUrl }}"}]
)
def test_mail_is_taken_passed_on_and_its_signatures_verify(
    workspace: Workspace, mailbox: Mailbox, postfix: Postfix, content: dict[str, str]
) -> None:
    sign_with_known_keys(workspace, postfix)
    postfix.sink.clear()
    sent = send_to(workspace, mailbox, "ada@example.com", "bob@example.com", **content)
    assert {message.state for message in sent} == {MessageState.ACCEPTED}
    for address in ("ada@example.com", "bob@example.com"):
        mail = postfix.arrived(address)
        assert mail.message["Received"]
        assert verdicts(mail) == [True, True]
        if postfix.verifies:
            results = " ".join(mail.message.get_all("Authentication-Results", []))
            assert re.findall(r"dkim=(\w+)", results) == ["pass", "pass"]


def test_opendkim_finds_a_signature_that_was_changed(workspace: Workspace, mailbox: Mailbox, postfix: Postfix) -> None:
    if not postfix.verifies:
        pytest.skip("opendkim is not installed: apt-get install opendkim")
    sign_with_known_keys(workspace, postfix)
    postfix.sink.clear()
    DkimKey.objects.filter(selector="drumbeat1").delete()
    pair = services.create_dkim_keys(
        SendingDomain.objects.get(), algorithms=[next(iter(postfix.pairs.values())).algorithm]
    )
    assert pair[0].public != postfix.pairs["drumbeat1"].public
    services.activate_dkim_key(pair[0])
    send_to(workspace, mailbox, "eve@example.com")
    results = " ".join(postfix.arrived("eve@example.com").message.get_all("Authentication-Results", []))
    assert re.findall(r"dkim=(\w+)", results) == ["fail", "pass"]


@pytest.mark.parametrize(
    ("who", "state", "reason", "suppressed", "paused"),
    [
        ("gone", MessageState.FAILED, reasons.HARD_BOUNCE, True, False),
        ("full", MessageState.DEFERRED, reasons.MAILBOX_FULL, False, False),
        ("grey", MessageState.DEFERRED, reasons.GREYLISTED, False, False),
        ("throttle", MessageState.DEFERRED, reasons.THROTTLED, False, False),
        ("block", MessageState.DEFERRED, reasons.SENDER_FAULT, False, True),
        ("auth", MessageState.DEFERRED, reasons.SENDER_FAULT, False, True),
        ("policy", MessageState.DEFERRED, reasons.SENDER_FAULT, False, True),
    ],
)
def test_what_postfix_refuses_is_classed_by_its_code(
    workspace: Workspace, mailbox: Mailbox, who: str, state: int, reason: str, suppressed: bool, paused: bool
) -> None:
    (message,) = send_to(workspace, mailbox, f"{who}@strict.test")
    mailbox.refresh_from_db()
    assert (MessageState(message.state), message.reason) == (state, reason)
    assert Suppression.objects.exists() == suppressed
    assert (mailbox.status == Mailbox.Status.PAUSED) == paused
    assert message.reply_code in (421, 450, 452, 550, 554)


def test_one_refusal_among_many_stops_nobody_else(workspace: Workspace, mailbox: Mailbox, postfix: Postfix) -> None:
    postfix.sink.clear()
    sent = send_to(workspace, mailbox, "one@example.com", "gone@strict.test", "grey@strict.test", "two@example.com")
    states = [MessageState(message.state) for message in sent]
    assert states == [MessageState.ACCEPTED, MessageState.FAILED, MessageState.DEFERRED, MessageState.ACCEPTED]
    for address in ("one@example.com", "two@example.com"):
        assert postfix.arrived(address).rcpt_to == [address]
