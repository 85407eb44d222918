"""Limits of a mailbox on the wire: how fast, how many a day, and what waits."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

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
    assert time.monotonic() - began < 2
    assert 10 <= sent <= 22
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.05, abs=0.02)
    (batch,) = Batch.objects.exclude(state=Batch.State.DONE)
    assert batch.state == Batch.State.QUEUED
    assert len(batch.message_ids) == 100 - sent


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
