"""Limits of a mailbox on the wire: how fast, how many a day, and what waits."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contacts.models import Contact
from core import clock, redis
from delivery import selectors, services
from delivery.models import Batch, Mailbox, MailboxDay, Message, MessageState
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import ReceivedMail, SmtpSink

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def arrivals(smtp_sink: SmtpSink) -> list[float]:
    """The moments at which the sink took messages, in seconds."""
    times: list[float] = []

    def take(mail: ReceivedMail) -> str:
        times.append(time.monotonic())
        return "250 2.0.0 OK"

    smtp_sink.on_data = take
    return times


def accepted(mailbox: Mailbox) -> int:
    return Message.objects.filter(mailbox=mailbox, state=MessageState.ACCEPTED).count()


def test_messages_leave_evenly_and_the_worker_is_free_after_its_turn(
    workspace: Workspace, mailbox: Mailbox, arrivals: list[float]
) -> None:
    services.update_mailbox(mailbox, per_minute=1200)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 100))
    began = time.monotonic()
    sent = services.dispatch_due(seconds=1)
    assert time.monotonic() - began < 5
    assert 10 <= sent <= 25
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.05, abs=0.02)
    (batch,) = Batch.objects.exclude(state=Batch.State.DONE)
    assert batch.state == Batch.State.QUEUED
    assert len(batch.message_ids) == 100 - sent


def test_a_slow_server_does_not_keep_a_worker_beyond_its_turn(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    def take(mail: ReceivedMail) -> str:
        time.sleep(0.7)
        return "250 2.0.0 OK"

    smtp_sink.on_data = take
    services.update_mailbox(mailbox, per_minute=300, max_connections=1)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 20))
    began = time.monotonic()
    assert services.dispatch_due(seconds=1) >= 1
    assert time.monotonic() - began < 8


def test_a_slot_that_is_far_away_is_not_waited_for(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    services.update_mailbox(mailbox, per_minute=6)
    messages = make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5))
    began = time.monotonic()
    assert services.dispatch_due() == 1
    assert time.monotonic() - began < 1.5
    (batch,) = Batch.objects.all()
    assert batch.reason == "mailbox_rate"
    assert timedelta(seconds=5) < batch.due_at - clock.now() <= timedelta(seconds=10)
    answer = selectors.why(Message.objects.get(pk=messages[-1]))
    assert answer.code == "mailbox_rate"


def test_the_days_cap_holds_and_the_next_local_day_goes_on(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_day=3, time_zone="America/New_York")
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 8), due_at=NOON)
    with clock.simulated(NOON):
        assert services.dispatch_due() == 3
        assert services.dispatch_due() == 0
    midnight = datetime(2026, 3, 11, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    (batch,) = Batch.objects.all()
    assert (batch.reason, batch.due_at) == ("mailbox_cap", midnight)
    with clock.simulated(midnight - timedelta(seconds=1)):
        assert services.dispatch_due() == 0
    with clock.simulated(midnight):
        assert services.dispatch_due() == 3
    days = MailboxDay.objects.filter(mailbox=mailbox).order_by("day").values_list("day", "cap", "sent", "accepted")
    assert [(day.isoformat(), *rest) for day, *rest in days] == [("2026-03-10", 3, 3, 3), ("2026-03-11", 3, 3, 3)]


def test_a_long_line_waits_behind_its_first_batch_and_comes_forward_when_that_is_through(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_minute=60)
    mailing = make.make_mailing(workspace)
    for number in range(3):
        make.queue(mailing, mailbox, make.make_contacts(workspace, 2, prefix=f"row{number}-"), due_at=NOON)
    with clock.simulated(NOON):
        assert services.dispatch_due() == 1
        first, second, third = Batch.objects.order_by("due_at")
    assert first.due_at - NOON == timedelta(seconds=1)
    assert second.due_at - NOON == timedelta(seconds=2)
    assert third.due_at - NOON == timedelta(seconds=4)
    # The first batch ends early, as its last message is cancelled: the second one doesn't wait for its place.
    services.cancel_messages(message_ids=first.message_ids, reason="cancelled")
    with clock.simulated(NOON + timedelta(seconds=1)):
        assert services.dispatch_due() == 1
    assert accepted(mailbox) == 2


def test_a_limit_that_is_lifted_frees_what_waits_at_once(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_day=2)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 6), due_at=NOON)
    with clock.simulated(NOON):
        services.dispatch_due()
        services.update_mailbox(mailbox, per_day=4)
        assert services.dispatch_due() == 2
        services.update_mailbox(mailbox, per_day=None)
        assert services.dispatch_due() == 2


def test_a_test_does_not_wait_for_tomorrow(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    services.update_mailbox(mailbox, per_day=1)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 3))
    assert services.dispatch_due() == 1
    services.send_test(
        workspace=workspace, mailbox=mailbox, to=["me@acme.example"], format="html", subject="Test", source="<p>Hi</p>"
    )
    services.dispatch_due()
    assert len(smtp_sink.sent_to("me@acme.example")) == 1


def test_a_day_that_redis_has_forgotten_is_counted_from_the_ledger(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_day=4)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 3), due_at=NOON)
    with clock.simulated(NOON):
        assert services.dispatch_due() == 3
        redis.client().flushdb()
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5, prefix="p"), due_at=NOON)
        assert services.dispatch_due() == 1


def test_what_a_killed_worker_had_reserved_is_found_again_when_the_day_seems_full(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, per_day=4)
    with clock.simulated(NOON):
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 1), due_at=NOON)
        services.dispatch_due()
        redis.client().hset(f"pace:{mailbox.pk}", "used", 4)
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5, prefix="p"), due_at=NOON)
        assert services.dispatch_due() == 3


def test_without_redis_a_limited_mailbox_waits_and_others_send(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, settings, request
) -> None:
    free = make.make_mailbox(workspace, port=smtp_sink.port, from_email="free@acme.example")
    services.update_mailbox(mailbox, per_minute=60)
    mailing = make.make_mailing(workspace)
    make.queue(mailing, mailbox, make.make_contacts(workspace, 2), prefix="a")
    make.queue(mailing, free, make.make_contacts(workspace, 2, prefix="p"), prefix="b")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.impatient_client.cache_clear()
    request.addfinalizer(redis.impatient_client.cache_clear)
    assert services.dispatch_due() == 2
    assert Batch.objects.get(mailbox=mailbox).reason == "pacing_unreachable"
    assert accepted(free) == 2


def test_a_warm_up_grows_day_by_day_in_simulated_time(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    with clock.simulated(NOON):
        services.update_mailbox(mailbox, ramp_start=2, ramp_growth=1, ramp_unit="messages", ramp_target=6, per_day=5)
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 200))
    sent = []
    for day in range(30):
        before = len(smtp_sink.messages)
        if day == 3:  # a day of rest
            services.pause_mailbox(mailbox.pk, reason="Rest.")
        elif day == 4:
            with clock.simulated(NOON + timedelta(days=day, minutes=-1)):
                services.resume_mailbox(mailbox.pk)
        for hour in (0, 6, 11):
            with clock.simulated(NOON + timedelta(days=day, hours=hour)):
                services.dispatch_due()
        sent.append(len(smtp_sink.messages) - before)
    assert sent[:8] == [2, 3, 4, 0, 5, 5, 5, 5]
    assert set(sent[8:]) == {5}
    rows = list(MailboxDay.objects.filter(mailbox=mailbox).order_by("day").values_list("step", "cap", "sent")[:5])
    assert rows == [(0, 2, 2), (1, 3, 3), (2, 4, 4), (3, 5, 5), (4, 5, 5)]


def test_a_bad_day_takes_the_warm_up_one_step_back(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    with clock.simulated(NOON):
        services.update_mailbox(mailbox, ramp_start=4, ramp_growth=4, ramp_unit="messages", ramp_target=40)
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 100))
        services.dispatch_due()
    with clock.simulated(NOON + timedelta(days=1)):
        services.dispatch_due()
        services.note_feedback(mailbox_id=mailbox.pk, bounced=2)
    with clock.simulated(NOON + timedelta(days=2)):
        services.dispatch_due()
    rows = MailboxDay.objects.filter(mailbox=mailbox).order_by("day").values_list("step", "sent", "bounced")
    assert list(rows) == [(0, 4, 0), (1, 8, 2), (0, 4, 0)]


def test_the_most_engaged_come_first_while_warming_up(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    contacts = make.make_contacts(workspace, 1200)
    Contact.objects.filter(pk=contacts[1100]).update(last_clicked_at=NOON - timedelta(days=1))
    Contact.objects.filter(pk=contacts[700]).update(last_opened_at=NOON - timedelta(days=2))
    Contact.objects.filter(pk=contacts[3]).update(last_opened_at=NOON - timedelta(days=3))
    with clock.simulated(NOON):
        services.update_mailbox(mailbox, ramp_start=2, ramp_growth=1, ramp_unit="messages", ramp_target=6)
        messages = make.queue(make.make_mailing(workspace), mailbox, contacts)
        services.dispatch_due()
    assert {mail.rcpt_to[0] for mail in smtp_sink.messages} == {"person1100@example.com", "person700@example.com"}
    with clock.simulated(NOON + timedelta(days=1)):
        Contact.objects.filter(pk=contacts[900]).update(last_clicked_at=NOON)
        services.dispatch_due()
    second = [mail.rcpt_to[0] for mail in smtp_sink.messages[2:]]
    assert len(second) == 3
    assert {"person900@example.com", "person3@example.com"} < set(second)
    waiting = [pk for batch in Batch.objects.exclude(state=Batch.State.DONE) for pk in batch.message_ids]
    assert sorted(waiting) == sorted(set(messages) - set(accepted_ids(mailbox)))


def accepted_ids(mailbox: Mailbox) -> list[int]:
    return list(Message.objects.filter(mailbox=mailbox, state=MessageState.ACCEPTED).values_list("pk", flat=True))


def test_too_many_hard_bounces_pause_the_mailbox_with_the_reason(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    smtp_sink.rcpt_replies = {f"person{n}@example.com": "550 5.1.1 No such user" for n in (50, 51)}
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 52))
    services.dispatch_due()
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "2 of the last 52 messages went to addresses that don't exist" in mailbox.paused_reason
    services.resume_mailbox(mailbox.pk)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 2, prefix="late"))
    services.dispatch_due()
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.ACTIVE


def test_complaints_pause_the_mailbox(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 20))
    services.dispatch_due()
    services.note_feedback(mailbox_id=mailbox.pk, complained=1)
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.ACTIVE
    services.note_feedback(mailbox_id=mailbox.pk, complained=1)
    mailbox.refresh_from_db()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "marked as spam" in mailbox.paused_reason
