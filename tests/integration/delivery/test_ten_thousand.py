"""A send of ten thousand through real workers: each contact gets its own message, once."""

import email
import email.policy
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from delivery import selectors, services, tokens
from delivery.models import Batch, Link, Mailbox, Message, MessageState
from team.models import Workspace
from tests.factories import delivery as make
from tests.faults.receiver import receiving
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import WorkerProcess, broker_away

N = 10_000


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@pytest.mark.slow
def test_ten_thousand_contacts_get_ten_thousand_distinct_correct_messages(
    workspace: Workspace, start_worker: Callable[..., WorkerProcess]
) -> None:
    contacts = make.make_contacts(workspace, N)
    mailing = make.make_mailing(workspace)
    with receiving(keep_contents=True) as receiver:
        mailbox = make.make_mailbox(workspace, port=receiver.port)
        start_worker(concurrency=2)
        messages = make.queue(mailing, mailbox, contacts)
        wait_for(lambda: selectors.open_batches([mailing.pk]) == 0, 100)
    assert receiver.count == N
    assert set(receiver.taken) == {f"person{number}@example.com" for number in range(N)}
    ids = set()
    for number, message_id in enumerate(messages):
        message = email.message_from_bytes(
            receiver.contents[f"person{number}@example.com"], policy=email.policy.default
        )
        ids.add(message["Message-ID"])
        assert message["Subject"] == f"Hello Given{number}"
        html = message.get_body(("html",)).get_content()
        assert f"Hello Given{number}, number {number}<" in html
        assert html.count("/l/") == 3
        own = tokens.link_id(mailing.pk, f"https://example.com/for/{number}")
        assert tokens.link_token(message_id, own) in html
    assert len(ids) == N
    assert Link.objects.filter(mailing_id=mailing.pk).count() == N + 2  # one more that nobody sees
    assert Message.objects.filter(state=MessageState.ACCEPTED, attempts=1).count() == N
    totals = selectors.totals([mailing.pk])
    assert (totals.queued, totals.accepted, totals.waiting) == (N, N, 0)


def test_the_ledgers_updates_touch_no_index(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    # As long as the replies of large providers are.
    smtp_sink.on_data = lambda mail: "250 2.0.0 OK 1729841234 d2e1a72fcca58-71e57a0f2ca" + "x" * 20 + " - gsmtp"
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 500))
    before = updates()
    services.dispatch_due(seconds=30)
    assert len(smtp_sink.messages) == 500
    after = updates()
    assert after[0] - before[0] == 500
    assert after[1] - before[1] == 500, "every update is HOT"


def updates() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'delivery_message'")
        row = cursor.fetchone()
    assert row is not None
    return row


def test_an_idle_tick_looks_at_no_batch_that_is_not_due(workspace: Workspace, mailbox: Mailbox) -> None:
    contacts = make.make_contacts(workspace, 1)
    mailing = make.make_mailing(workspace)
    later = clock.now() + timedelta(days=1)
    make.queue(mailing, mailbox, contacts, due_at=later)
    Batch.objects.bulk_create(
        Batch(
            mailing=mailing, mailbox=mailbox, message_ids=[1], state=state, due_at=later if state == 0 else clock.now()
        )
        for state in (Batch.State.QUEUED, Batch.State.HELD, Batch.State.DONE)
        for _ in range(1000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE delivery_batch")
    started = time.perf_counter()
    for _ in range(20):
        assert services.dispatch_due() == 0
    assert (time.perf_counter() - started) / 20 < 0.05


def test_due_mail_starts_to_leave_within_two_seconds(
    workspace: Workspace, start_worker: Callable[..., WorkerProcess]
) -> None:
    with receiving() as receiver:
        mailbox = make.make_mailbox(workspace, port=receiver.port)
        start_worker(concurrency=1, beat=True)
        due_at = clock.now() + timedelta(seconds=3)
        make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 3), due_at=due_at)
        wait_for(lambda: receiver.count > 0, 10)
        assert 0 <= (clock.now() - due_at).total_seconds() < 2


def test_redis_that_dies_in_mid_send_stops_nothing_that_was_begun(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, settings
) -> None:
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 20))
    with broker_away():
        services.dispatch_due()
    assert len(smtp_sink.messages) == 20
    assert Message.objects.filter(state=MessageState.ACCEPTED).count() == 20
