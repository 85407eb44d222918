"""From the queue to a real SMTP server and back into the ledger."""

from datetime import timedelta

import pytest

from contacts.models import Contact, Suppression
from core import clock, waking
from core.models import Fact
from core.tasks import deliver_facts
from delivery import selectors, services, tokens
from delivery.models import Batch, Counter, Link, Mailbox, MailboxCounter, Mailing, Message, MessageState
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink


def test_each_contact_gets_one_personal_message(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    contacts = make.make_contacts(workspace, 7)
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, contacts)
    assert services.dispatch_due() == 7
    assert sorted(mail.rcpt_to[0] for mail in smtp_sink.messages) == sorted(f"person{n}@example.com" for n in range(7))
    for number, message_id in enumerate(messages):
        (mail,) = smtp_sink.sent_to(f"person{number}@example.com")
        assert mail.mail_from == "ada@acme.example"
        assert mail.message["Subject"] == f"Hello Given{number}"
        html = mail.text("html")
        assert f"Hello Given{number}, number {number}" in html
        own = tokens.link_id(mailing.pk, f"https://example.com/for/{number}")
        assert f"/l/{tokens.link_token(message_id, own)}" in html
        assert f"/o/{tokens.open_token(message_id)}" in html
        assert Link.objects.get(pk=own).url == f"https://example.com/for/{number}"
    states = Message.objects.filter(mailing=mailing)
    assert set(states.values_list("state", "attempts", "reply_code", "reason")) == {(MessageState.ACCEPTED, 1, 250, "")}
    assert all(states.values_list("accepted_at", flat=True))
    totals = selectors.totals([mailing.pk])
    assert (totals.queued, totals.accepted, totals.waiting) == (7, 7, 0)
    assert selectors.open_batches([mailing.pk]) == 0
    assert MailboxCounter.objects.get(mailbox=mailbox).accepted == 7
    fact = Fact.objects.get(kind="delivery.MessagesAccepted")
    assert sorted(fact.payload["message_ids"]) == messages


def test_queueing_twice_makes_no_second_message(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    contacts = make.make_contacts(workspace, 3)
    mailing = make.make_mailing(workspace)
    make.queue(mailing, mailbox, contacts)
    make.queue(mailing, mailbox, contacts)
    services.dispatch_due()
    services.dispatch_due()
    assert len(smtp_sink.messages) == 3
    assert Counter.objects.get(mailing=mailing).queued == 3


def test_between_two_batches_it_gives_way_to_facts_that_wait(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for prefix in ("one", "two"):
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1, prefix=prefix))
    monkeypatch.setattr(deliver_facts, "delay", lambda: None)
    waking.wake(deliver_facts)
    assert services.dispatch_due(gives_way_after=0) == 1
    waking.begun(deliver_facts.name)
    assert services.dispatch_due(gives_way_after=0) == 1
    assert len(smtp_sink.messages) == 2


def test_nothing_leaves_before_its_time(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    mailing = make.make_mailing(workspace)
    due_at = clock.now() + timedelta(hours=1)
    (message_id,) = make.queue(mailing, mailbox, make.make_contacts(workspace, 1), due_at=due_at)
    assert services.dispatch_due() == 0
    assert selectors.why(Message.objects.get(pk=message_id)).code == "scheduled"
    with clock.simulated(due_at):
        assert services.dispatch_due() == 1
    assert len(smtp_sink.messages) == 1


def test_suppressed_and_deleted_contacts_are_skipped_with_the_reason(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    contacts = make.make_contacts(workspace, 3)
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, contacts)
    Suppression.objects.create(workspace=workspace, email_key="person0@example.com", reason="manual")
    Contact.objects.filter(pk=contacts[1]).delete()
    services.dispatch_due()
    assert [mail.rcpt_to for mail in smtp_sink.messages] == [["person2@example.com"]]
    found = dict(Message.objects.filter(pk__in=messages).values_list("pk", "reason"))
    assert [found[pk] for pk in messages] == ["suppressed", "contact_deleted", ""]
    assert selectors.totals([mailing.pk]).skipped == 2
    assert "suppression list" in selectors.why(Message.objects.get(pk=messages[0])).sentence


def test_a_contact_that_breaks_the_rendering_is_skipped_and_the_others_go_on(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    contacts = make.make_contacts(workspace, 3)
    mailing = make.make_mailing(workspace, source="<p>{{ 100 | divided_by: number }}</p>")
    messages = make.queue(mailing, mailbox, contacts)
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2
    broken = Message.objects.get(pk=messages[0])
    assert (broken.state, broken.reason, broken.attempts) == (MessageState.SKIPPED, "render_error", 0)
    assert broken.reply_text


def test_a_hard_bounce_fails_the_message_and_suppresses_the_address(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person1@example.com"] = "550 5.1.1 No such user here"
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 3))
    services.dispatch_due()
    bounced = Message.objects.get(pk=messages[1])
    assert (bounced.state, bounced.reason, bounced.reply_code) == (MessageState.FAILED, "hard_bounce", 550)
    suppression = Suppression.objects.get(workspace=workspace)
    assert (suppression.email_key, suppression.reason) == ("person1@example.com", "bounced")
    assert len(smtp_sink.messages) == 2
    totals = selectors.totals([mailing.pk])
    assert (totals.accepted, totals.failed) == (2, 1)
    health = selectors.mailbox_health([mailbox.pk])[mailbox.pk]
    assert (health.accepted, health.failed, health.bounced) == (2, 1, 1)
    assert [moment.kind for moment in selectors.timeline(bounced)] == ["queued", "failed"]


def test_a_greylisted_message_comes_back_after_five_minutes(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person0@example.com"] = "450 4.7.1 Greylisted, come back later"
    mailing = make.make_mailing(workspace)
    now = clock.now()
    with clock.simulated(now):
        messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 2))
        services.dispatch_due()
    deferred = Message.objects.get(pk=messages[0])
    assert (deferred.state, deferred.reason, deferred.attempts) == (MessageState.DEFERRED, "greylisted", 1)
    retry = Batch.objects.get(message_ids=[messages[0]])
    assert timedelta(minutes=5) <= retry.due_at - now <= timedelta(minutes=5, seconds=10)
    assert selectors.open_batches([mailing.pk]) == 1
    with clock.simulated(now + timedelta(minutes=4)):
        assert services.dispatch_due() == 0
    smtp_sink.rcpt_replies.clear()
    with clock.simulated(now + timedelta(minutes=6)):
        assert services.dispatch_due() == 1
    message = Message.objects.get(pk=messages[0])
    assert (message.state, message.attempts, message.reason) == (MessageState.ACCEPTED, 2, "")
    totals = selectors.totals([mailing.pk])
    assert (totals.accepted, totals.deferred, totals.waiting) == (2, 1, 0)
    assert len(smtp_sink.messages) == 2


def test_a_greylisting_that_never_ends_is_given_up_after_two_days(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person0@example.com"] = "451 4.7.1 Not now"
    mailing = make.make_mailing(workspace)
    start = now = clock.now()
    with clock.simulated(now):
        (message_id,) = make.queue(mailing, mailbox, make.make_contacts(workspace, 1))
    for _ in range(20):
        with clock.simulated(now):
            services.dispatch_due()
        due = Batch.objects.filter(state=Batch.State.QUEUED).values_list("due_at", flat=True)
        if not due:
            break
        now = due[0]
    message = Message.objects.get(pk=message_id)
    assert (message.state, message.reason) == (MessageState.FAILED, "expired")
    assert timedelta(hours=47) < now - start <= timedelta(hours=49)
    assert not Suppression.objects.exists()


def test_a_sender_fault_pauses_the_mailbox_keeps_every_message_and_suppresses_nobody(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies["person0@example.com"] = "550 5.7.26 Unauthenticated email is not accepted"
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 30))
    services.dispatch_due()
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "5.7.26" in mailbox.paused_reason
    assert not Suppression.objects.exists()
    first = Message.objects.get(pk=messages[0])
    assert (first.state, first.reason) == (MessageState.DEFERRED, "sender_fault")
    assert selectors.why(first).code == "mailbox_paused"
    arrived = len(smtp_sink.messages)
    assert arrived < 29
    assert services.dispatch_due() == 0
    smtp_sink.rcpt_replies.clear()
    services.resume_mailbox(mailbox.pk)
    services.dispatch_due()
    assert len(smtp_sink.messages) == 30
    assert set(Message.objects.filter(mailing=mailing).values_list("state", flat=True)) == {MessageState.ACCEPTED}


def test_a_paused_mailing_holds_its_batches_and_goes_on_when_resumed(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 2))
    services.set_mailing_state([mailing.pk], Mailing.State.PAUSED)
    assert Batch.objects.get().state == Batch.State.HELD
    assert services.dispatch_due() == 0
    assert selectors.why(Message.objects.get(pk=messages[0])).code == "mailing_paused"
    late = make.make_contacts(workspace, 1, prefix="late")
    make.queue(mailing, mailbox, late)
    assert services.dispatch_due() == 0
    services.set_mailing_state([mailing.pk], Mailing.State.RUNNING)
    services.dispatch_due()
    assert len(smtp_sink.messages) == 3


def test_a_cancelled_mailing_sends_nothing_more_and_says_so_for_every_message(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 3))
    services.set_mailing_state([mailing.pk], Mailing.State.CANCELLED)
    assert services.dispatch_due() == 0
    assert set(Message.objects.values_list("state", "reason")) == {(MessageState.CANCELLED, "mailing_cancelled")}
    totals = selectors.totals([mailing.pk])
    assert (totals.cancelled, totals.waiting) == (3, 0)
    assert selectors.open_batches([mailing.pk]) == 0
    fact = Fact.objects.get(kind="delivery.MessagesFinished")
    assert (fact.payload["state"], sorted(fact.payload["message_ids"])) == ("cancelled", messages)
    assert smtp_sink.messages == []


def test_cancelled_messages_stay_behind_while_the_others_leave(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    messages = make.queue(mailing, mailbox, make.make_contacts(workspace, 3))
    assert services.cancel_messages(message_ids=messages[:1], reason="replied") == 1
    assert services.cancel_messages(message_ids=messages[:1], reason="replied") == 0
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2
    assert "had replied" in selectors.why(Message.objects.get(pk=messages[0])).sentence
    assert services.cancel_messages(message_ids=messages, reason="replied") == 0


def test_a_mailing_that_is_cancelled_takes_no_more_messages(workspace: Workspace, mailbox: Mailbox) -> None:
    mailing = make.make_mailing(workspace)
    services.set_mailing_state([mailing.pk], Mailing.State.CANCELLED)
    with pytest.raises(services.mailings.DeliveryError):
        make.queue(mailing, mailbox, make.make_contacts(workspace, 1))


def test_a_mailbox_of_another_workspace_is_refused(workspace: Workspace, mailbox: Mailbox) -> None:
    other = make.make_workspace("other")
    mailing = make.make_mailing(other)
    with pytest.raises(services.mailings.DeliveryError):
        make.queue(mailing, mailbox, make.make_contacts(other, 1))


def test_a_test_send_goes_to_the_given_addresses_and_stays_out_of_the_numbers(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    contact = Contact.objects.get(pk=make.make_contacts(workspace, 1)[0])
    Suppression.objects.create(workspace=workspace, email_key="me@acme.example", reason="unsubscribed")
    ids = services.send_test(
        workspace=workspace,
        mailbox=mailbox,
        to=["me@acme.example", "you@acme.example", "me@acme.example"],
        format="html",
        subject="Hello {{ firstName }}",
        source=make.SOURCE,
        contact=contact,
    )
    assert len(ids) == 2
    services.dispatch_due()
    (mail,) = smtp_sink.sent_to("me@acme.example")
    assert mail.message["Subject"] == "Hello Given0"
    token = mail.message["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    assert tokens.read_unsubscribe_token(token).contact_id == 0
    assert Message.objects.filter(is_test=True, state=MessageState.ACCEPTED).count() == 2
    assert Mailing.objects.get().is_test


def test_the_sandbox_takes_the_mail_of_every_mailbox(workspace: Workspace, smtp_sink: SmtpSink, settings) -> None:
    settings.EMAIL_SANDBOX = (smtp_sink.host, smtp_sink.port)
    elsewhere = make.make_mailbox(workspace, smtp_host="smtp.example.com", smtp_security="tls", smtp_username="me")
    make.queue(make.make_mailing(workspace), elsewhere, make.make_contacts(workspace, 2))
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2


def test_something_unforeseen_in_one_message_stops_no_other(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, monkeypatch
) -> None:
    from delivery import courier

    make_recipient = courier.recipient_of
    contacts = make.make_contacts(workspace, 3)
    messages = make.queue(make.make_mailing(workspace), mailbox, contacts)

    def recipient_of(message, own=None):
        if message.id == messages[1]:
            raise RuntimeError("unforeseen")
        return make_recipient(message, own)

    monkeypatch.setattr(courier, "recipient_of", recipient_of)
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2
    assert Message.objects.get(pk=messages[1]).reason == "render_error"


def test_a_batch_that_fails_as_a_whole_is_put_off_and_keeps_no_other_from_leaving(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, monkeypatch
) -> None:
    from delivery.courier import Courier

    bad = make.make_mailing(workspace, name="bad")
    make.queue(bad, mailbox, make.make_contacts(workspace, 2))
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 2, prefix="other"))
    take = Courier.take

    def fail(self, lease, mailing, *args, **options):
        if mailing.name == "bad":
            raise RuntimeError("unforeseen")
        return take(self, lease, mailing, *args, **options)

    monkeypatch.setattr(Courier, "take", fail)
    with pytest.raises(RuntimeError):
        services.dispatch_due()
    assert Batch.objects.get(mailing=bad).state == Batch.State.QUEUED
    services.dispatch_due()
    assert len(smtp_sink.messages) == 2
    monkeypatch.undo()
    with clock.simulated(clock.now() + timedelta(minutes=2)):
        services.dispatch_due()
    assert len(smtp_sink.messages) == 4


def test_a_workspace_goes_with_all_its_mail(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 2))
    services.dispatch_due()
    workspace.delete()
    assert not Message.objects.exists()
    assert not Mailbox.objects.exists()
