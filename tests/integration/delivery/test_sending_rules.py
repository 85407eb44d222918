"""Windows, quiet hours and frequency caps: what waits, until when, why, and what goes on."""

from datetime import UTC, datetime, time, timedelta

import pytest

from contacts.models import Contact
from core import clock
from core.exceptions import InvalidInput
from delivery import selectors, services
from delivery.models import Batch, Mailbox, Message
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink

# A Tuesday; in New York it is 08:00, in Tokyo 21:00.
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
OFFICE = {"weekdays": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}


def people(workspace: Workspace, *zones: str) -> list[int]:
    contacts = make.make_contacts(workspace, len(zones))
    for contact, zone in zip(contacts, zones, strict=True):
        Contact.objects.filter(pk=contact).update(time_zone=zone)
    return contacts


def reached(sink: SmtpSink) -> list[str]:
    return [mail.rcpt_to[0].partition("@")[0].removeprefix("person") for mail in sink.messages]


def test_each_zone_waits_for_its_own_morning(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    contacts = people(workspace, "Europe/Berlin", "America/New_York", "Asia/Tokyo", "", "not/a-zone")
    mailing = make.make_mailing(workspace)
    services.set_mailing_window([mailing.pk], OFFICE)
    with clock.simulated(NOON):
        messages = make.queue(mailing, mailbox, contacts)
        services.dispatch_due()
        assert sorted(reached(smtp_sink)) == ["0", "3", "4"]  # the workspace's clock is UTC
        waiting = {batch.due_at: batch.reason for batch in Batch.objects.filter(state=Batch.State.QUEUED)}
        assert waiting == {
            NOON + timedelta(hours=1): "window",
            NOON + timedelta(hours=12): "window",
        }
        answer = selectors.why(Message.objects.get(pk=messages[1]))
        assert answer.code == "window"
        assert "sending hours" in answer.sentence
        assert answer.sentence.endswith("It may leave from 13:00 today on.")
    with clock.simulated(NOON + timedelta(hours=1)):
        services.dispatch_due()
    with clock.simulated(NOON + timedelta(hours=12)):
        services.dispatch_due()
    assert reached(smtp_sink)[3:] == ["1", "2"]


def test_what_was_late_for_another_reason_still_keeps_to_the_window(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_day=1)
    mailing = make.make_mailing(workspace)
    services.set_mailing_window([mailing.pk], OFFICE)
    with clock.simulated(NOON):
        make.queue(mailing, mailbox, people(workspace, "UTC", "UTC"))
        services.dispatch_due()
    midnight = NOON + timedelta(hours=12)
    with clock.simulated(midnight):
        services.dispatch_due()
    assert len(smtp_sink.messages) == 1
    (batch,) = Batch.objects.filter(state=Batch.State.QUEUED)
    assert (batch.due_at, batch.reason) == (midnight + timedelta(hours=9), "window")
    with clock.simulated(batch.due_at):
        services.dispatch_due()
    assert len(smtp_sink.messages) == 2


def test_quiet_hours_hold_and_do_not_drop_and_tests_pass(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.set_sending_rules(workspace=workspace, quiet_from=time(20), quiet_until=time(8))
    with clock.simulated(NOON):
        make.queue(make.make_mailing(workspace), mailbox, people(workspace, "Europe/Berlin", "Asia/Tokyo"))
        services.send_test(
            workspace=workspace, mailbox=mailbox, to=["me@acme.example"], format="html", subject="T", source="<p>Hi</p>"
        )
        services.dispatch_due()
        assert sorted(reached(smtp_sink)) == ["0", "me"]
        (batch,) = Batch.objects.filter(state=Batch.State.QUEUED)
        assert (batch.due_at, batch.reason) == (NOON + timedelta(hours=11), "quiet_hours")
        services.set_sending_rules(workspace=workspace)
        services.dispatch_due()
    assert "1" in reached(smtp_sink)


def test_a_frequency_cap_holds_the_next_message_until_it_is_allowed(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.set_sending_rules(workspace=workspace, most_messages=2, most_days=7)
    contacts = make.make_contacts(workspace, 2)
    for day in range(2):
        with clock.simulated(NOON + timedelta(days=day)):
            make.queue(make.make_mailing(workspace), mailbox, contacts[:1])
            services.dispatch_due()
    with clock.simulated(NOON + timedelta(days=2)):
        messages = make.queue(make.make_mailing(workspace), mailbox, contacts)
        services.dispatch_due()
        assert reached(smtp_sink) == ["0", "0", "1"]
        assert selectors.why(Message.objects.get(pk=messages[0])).code == "frequency_cap"
    (batch,) = Batch.objects.filter(state=Batch.State.QUEUED)
    assert NOON + timedelta(days=7) <= batch.due_at <= NOON + timedelta(days=7, minutes=10)
    with clock.simulated(batch.due_at):
        services.dispatch_due()
    assert reached(smtp_sink) == ["0", "0", "1", "0"]


def test_of_two_campaigns_at_once_the_cap_lets_one_through(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    from delivery import claims
    from delivery.pacing.admission import hold_back

    services.set_sending_rules(workspace=workspace, most_messages=1, most_days=7)
    contacts = make.make_contacts(workspace, 1)
    first, second = make.make_mailing(workspace), make.make_mailing(workspace)
    make.queue(first, mailbox, contacts)
    make.queue(second, mailbox, contacts)
    now = clock.now()
    leases = [claims.lease_batch(owner=name, now=now) for name in ("one", "two")]
    going = [
        len(hold_back(lease, mailing, now=now)[0].messages)
        for lease, mailing in zip(leases, (first, second), strict=True)
        if lease
    ]
    assert going == [1, 0]


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"quiet_from": time(20)}, "quiet_until"),
        ({"quiet_from": time(8), "quiet_until": time(8)}, "quiet_until"),
        ({"most_messages": 0}, "most_messages"),
        ({"most_messages": 3, "most_days": 0}, "most_days"),
    ],
)
def test_rules_that_make_no_sense_are_refused(workspace: Workspace, rules: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.set_sending_rules(workspace=workspace, **rules)  # type: ignore[arg-type]
    assert field in refused.value.fields
