"""Responses are counted by how long after the acceptance they came, for mailings that ask for it."""

from datetime import datetime, timedelta

import pytest

from core import clock
from delivery import selectors, services
from delivery.exceptions import DeliveryError
from delivery.models import Mailbox, Mailing, Message, ResponseCounter
from team.models import Workspace
from tests.factories import delivery as make
from tests.factories.tracking import make_hit
from tests.plugins.mail import SmtpSink
from tracking import services as tracking

HOUR = timedelta(hours=1)


def sent(mailing: Mailing, mailbox: Mailbox, contacts: int, *, strata: list[int] | int = 0) -> list[Message]:
    """Send a message to each of some contacts by SMTP and return the messages in their order."""
    people = make.make_contacts(mailing.workspace, contacts, prefix=f"m{mailing.pk}-")
    services.queue_messages(
        mailing=mailing,
        contact_ids=people,
        mailbox_ids=[mailbox.pk] * contacts,
        keys=[f"{mailing.pk}:{person}" for person in people],
        due_at=clock.now(),
        now=clock.now(),
        stratum=strata,
    )
    assert services.dispatch_due() == contacts
    return list(Message.objects.filter(mailing=mailing).order_by("pk"))


def accepted(message: Message) -> datetime:
    assert message.accepted_at is not None
    return message.accepted_at


def test_a_response_counts_by_stratum_hour_of_acceptance_and_lag(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    services.count_responses([mailing.pk], bounds=[3, 24])
    messages = sent(mailing, mailbox, 4, strata=[0, 0, 1, 1])
    tracking.record_hits(
        [
            make_hit(messages[0], accepted(messages[0]) + 3 * HOUR),
            make_hit(messages[1], accepted(messages[1]) + 3 * HOUR + timedelta(microseconds=1)),
            make_hit(messages[2], accepted(messages[2]) + 25 * HOUR),
        ]
    )
    services.record_conversions(message_ids=[messages[3].pk], at=accepted(messages[3]) - HOUR)
    rows = {(row.stratum, row.lag): row for row in selectors.response_counts([mailing.pk])}
    assert {at: (row.sent, row.opened, row.converted) for at, row in rows.items()} == {
        (0, 0): (2, 1, 0),
        (0, 1): (0, 1, 0),
        (1, 0): (2, 0, 1),
        (1, 2): (0, 1, 0),
    }
    assert {row.sent_hour for row in rows.values()} == {
        accepted(messages[0]).replace(minute=0, second=0, microsecond=0)
    }


def test_a_mailing_that_does_not_ask_for_it_has_no_rows(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    (message,) = sent(make.make_mailing(workspace), mailbox, 1)
    tracking.record_hits([make_hit(message, accepted(message) + HOUR)])
    assert not ResponseCounter.objects.exists()


def test_how_responses_are_counted_is_settled_before_the_first_message(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    services.count_responses([mailing.pk], bounds=[24])
    sent(mailing, mailbox, 1)
    services.count_responses([mailing.pk], bounds=[24])
    with pytest.raises(DeliveryError, match="before the first message"):
        services.count_responses([mailing.pk], bounds=[24, 72])


def test_a_mailing_may_say_who_it_is_from(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    mailing = make.make_mailing(workspace)
    Mailing.objects.filter(pk=mailing.pk).update(from_name="Grace from Acme")
    sent(mailing, mailbox, 1)
    sent(make.make_mailing(workspace), mailbox, 1)
    assert [mail.message["From"] for mail in smtp_sink.messages] == [
        "Grace from Acme <ada@acme.example>",
        "Ada at Acme <ada@acme.example>",
    ]
