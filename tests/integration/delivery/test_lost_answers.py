"""PostgreSQL goes away at the worst moment: what was committed is found again, what is on the wire is not put in doubt."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from core import clock
from delivery import claims, courier, ledger, selectors, services
from delivery.courier import Trip
from delivery.models import Batch, Link, Mailbox, MailboxDay, Message, MessageState
from delivery.receipts import answered
from delivery.services import sending
from delivery.services.mailboxes import note_server_failure
from delivery.smtp import Failure, Reply, Stage
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink

LATER = timedelta(hours=1)


@pytest.fixture
def messages(workspace: Workspace, mailbox: Mailbox) -> list[int]:
    return make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5))


def lose_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> list[str]:
    """Cut the connection to PostgreSQL at one call of a function, before or after it did its work."""
    original: Callable[..., Any] = getattr(owner, name)
    lost: list[str] = []

    def cut(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs) if after or lost else None
        if not lost:
            lost.append(name)
            connection.close()
            raise OperationalError("the connection was lost")
        return result

    monkeypatch.setattr(owner, name, cut)
    return lost


def test_a_batch_whose_leases_answer_was_lost_goes_out_all_the_same(
    messages: list[int], smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_once(monkeypatch, claims, "lease_batch", after=True)
    with pytest.raises(OperationalError):
        services.dispatch_due()
    assert Batch.objects.get().state == Batch.State.LEASED
    assert services.settle_abandoned() == 1
    services.dispatch_due()
    assert len(smtp_sink.messages) == 5


def test_receipts_whose_commits_answer_was_lost_are_written_once(
    messages: list[int], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = claims.lease_batch(owner="me", now=clock.now())
    assert lease is not None
    first, second, *rest = messages
    receipts = [
        answered(first, Stage.CONTENT, Reply(250, [b"ok"]), attempts=1, at=clock.now()),
        answered(second, Stage.RCPT, Reply(450, [b"4.2.0 later"]), attempts=1, at=clock.now()),
    ]
    held = ledger.Held(lease.batch_id, "me", lease.mailing_id, mailbox.pk, mailbox.workspace_id)
    lost = lose_once(monkeypatch, sending, "_record_trip", after=True)
    sending._commit(held, mailbox, Trip(receipts, remaining=rest))
    assert lost
    waiting = Batch.objects.filter(state=Batch.State.QUEUED).values_list("message_ids", flat=True)
    assert sorted(map(tuple, waiting)) == sorted([(second,), tuple(rest)])
    assert dict(Message.objects.filter(pk__in=[first, second]).values_list("pk", "attempts")) == {first: 1, second: 1}
    assert MailboxDay.objects.get().sent == 2
    assert selectors.totals([lease.mailing_id]).accepted == 1


def test_a_message_that_was_put_off_by_a_settler_is_not_put_off_again_by_its_worker(
    workspace: Workspace, messages: list[int], mailbox: Mailbox
) -> None:
    services.update_mailbox(mailbox, on_unknown="resend")
    lease = claims.lease_batch(owner="gone", now=clock.now())
    assert lease is not None
    with clock.simulated(clock.now() + 2 * LATER):
        services.settle_abandoned()
        held = ledger.Held(lease.batch_id, "gone", lease.mailing_id, mailbox.pk, workspace.pk)
        receipt = answered(messages[0], Stage.RCPT, Reply(450, [b"4.2.0 later"]), attempts=1, at=clock.now())
        sending._commit(held, mailbox, Trip([receipt]))
    waiting = Batch.objects.filter(state=Batch.State.QUEUED).values_list("message_ids", flat=True)
    assert sorted(pk for ids in waiting for pk in ids) == messages


@pytest.mark.parametrize("place", [(claims, "recheck"), (courier, "store_links")], ids=["stops", "links"])
def test_what_is_on_the_wire_is_answered_while_postgresql_is_away(
    messages: list[int], smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str]
) -> None:
    monkeypatch.setattr(courier, "_FRESH", -1)
    monkeypatch.setattr(courier, "_COMPOSED_AT_ONCE", 1)
    lost = lose_once(monkeypatch, *place, after=False)
    services.dispatch_due()
    assert lost
    assert not Message.objects.filter(state=MessageState.UNKNOWN).exists()
    with clock.simulated(clock.now() + LATER):
        services.dispatch_due()
    assert len(smtp_sink.messages) == 5
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.ACCEPTED, 1)}
    # One link is the same in all, one is each recipient's own.
    assert Link.objects.exclude(label="honeypot:").count() == 6


def test_workers_that_meet_the_same_outage_count_it_once(mailbox: Mailbox) -> None:
    failure = Failure(Stage.CONNECT, "refused")
    first = note_server_failure(mailbox, failure)
    assert first is not None
    assert note_server_failure(mailbox, failure) == first
    mailbox.refresh_from_db()
    assert mailbox.failures == 1
    with clock.simulated(first):
        again = note_server_failure(mailbox, failure)
    assert again is not None
    assert again - first > first - clock.now()
