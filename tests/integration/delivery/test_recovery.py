"""Batches of workers that are gone."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from delivery import journal, ledger, selectors, services
from delivery.claims import lease_batch
from delivery.counters import Tally
from delivery.journal import Journal, Outcome, Start
from delivery.models import Batch, Mailbox, Mailing, Message, MessageState
from delivery.services import sending
from delivery.smtp import Stage
from delivery.wire_log import number_of
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import ROOT, service_environment


@pytest.fixture
def messages(workspace: Workspace, mailbox: Mailbox) -> list[int]:
    return make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5))


def die(entries: list[journal.Entry]) -> None:
    """Lease the batch as a worker that notes these entries and is killed."""
    made = Journal(sending.journal_folder())
    assert lease_batch(owner=made.name, now=clock.now()) is not None
    made.note(map(journal.encode, entries))
    made.close(keep=True)


def states(messages: list[int]) -> list[tuple[str, str]]:
    found = {
        pk: (MessageState(state).name, reason)
        for pk, state, reason in Message.objects.values_list("pk", "state", "reason")
    }
    return [found[pk] for pk in messages]


def answered(message_id: int, reply: str, stage: Stage = Stage.CONTENT) -> Outcome:
    return Outcome(message_id, number_of(stage), clock.now().timestamp(), reply)


def test_a_dead_workers_journal_says_what_is_done_what_is_not_and_what_is_in_doubt(
    messages: list[int], smtp_sink: SmtpSink
) -> None:
    first, second, third, *others = messages
    die(
        [
            Start(first),
            answered(first, "250 2.0.0 taken"),
            Start(second),
            answered(third, "550 5.1.1 no such user", Stage.RCPT),
        ]
    )
    assert services.settle_abandoned() == 1
    assert states(messages) == [
        ("ACCEPTED", ""),
        ("UNKNOWN", "worker_lost"),
        ("FAILED", "hard_bounce"),
        ("QUEUED", ""),
        ("QUEUED", ""),
    ]
    batch = Batch.objects.get()
    assert (batch.state, batch.message_ids) == (Batch.State.QUEUED, others)
    totals = selectors.totals([batch.mailing_id])
    assert (totals.accepted, totals.unknown, totals.failed, totals.waiting) == (1, 1, 1, 2)
    assert list(journal.present(sending.journal_folder())) == []
    services.dispatch_due()
    assert sorted(mail.rcpt_to[0] for mail in smtp_sink.messages) == ["person3@example.com", "person4@example.com"]
    assert services.settle_abandoned() == 0


def test_a_worker_killed_before_it_noted_anything_leaves_everything_in_line(
    messages: list[int], smtp_sink: SmtpSink
) -> None:
    die([])
    services.settle_abandoned()
    services.dispatch_due()
    assert len(smtp_sink.messages) == 5


def test_a_living_workers_batch_is_left_alone(messages: list[int]) -> None:
    alive = Journal(sending.journal_folder())
    lease_batch(owner=alive.name, now=clock.now())
    with clock.simulated(clock.now() + timedelta(hours=5)):
        assert services.settle_abandoned() == 0
    assert Batch.objects.get().state == Batch.State.LEASED
    alive.close()


def test_after_a_loss_of_power_nothing_in_the_journal_counts_as_not_started(messages: list[int], monkeypatch) -> None:
    monkeypatch.setattr(journal, "boot_id", lambda: b"another boot")
    die([Start(messages[0]), answered(messages[0], "250 ok")])
    monkeypatch.undo()
    services.settle_abandoned()
    assert states(messages) == [("ACCEPTED", "")] + [("UNKNOWN", "worker_lost")] * 4


def test_a_machine_that_stays_away_leaves_its_unsettled_messages_unknown(
    messages: list[int], settings, tmp_path: Path
) -> None:
    die([Start(messages[0])])
    settings.DATA_DIR = tmp_path / "another machine"
    with clock.simulated(clock.now() + timedelta(minutes=settings.HOST_AWAY_MINUTES)):
        assert services.settle_abandoned() == 0
    with clock.simulated(clock.now() + timedelta(minutes=settings.HOST_AWAY_MINUTES + 3)):
        assert services.settle_abandoned() == 1
    assert states(messages) == [("UNKNOWN", "host_lost")] * 5


def test_a_machine_that_comes_back_late_tells_what_the_server_took_after_all(
    messages: list[int], settings, tmp_path: Path
) -> None:
    die([Start(messages[0]), answered(messages[0], "250 ok"), Start(messages[1])])
    home = settings.DATA_DIR
    settings.DATA_DIR = tmp_path / "another machine"
    with clock.simulated(clock.now() + timedelta(hours=1)):
        services.settle_abandoned()
    settings.DATA_DIR = home
    services.settle_abandoned()
    assert states(messages) == [("ACCEPTED", "")] + [("UNKNOWN", "host_lost")] * 4
    totals = selectors.totals([Batch.objects.get().mailing_id])
    assert (totals.accepted, totals.unknown) == (1, 4)


def test_unknown_messages_of_a_mailbox_that_resends_go_again(
    messages: list[int], mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    services.update_mailbox(mailbox, on_unknown="resend")
    die([Start(messages[0])])
    services.settle_abandoned()
    assert states(messages)[0] == ("DEFERRED", "resent_unknown")
    with clock.simulated(clock.now() + timedelta(minutes=2)):
        services.dispatch_due()
    assert len(smtp_sink.messages) == 5


def test_a_worker_that_lost_its_lease_still_records_what_the_server_took(messages: list[int], mailbox: Mailbox) -> None:
    lease = lease_batch(owner="gone", now=clock.now())
    assert lease is not None
    with clock.simulated(clock.now() + timedelta(hours=2)):
        services.settle_abandoned()
    assert states(messages) == [("UNKNOWN", "host_lost")] * 5
    batch = Batch.objects.get()
    held = ledger.Held(batch.pk, "gone", batch.mailing_id, mailbox.pk, mailbox.workspace_id)
    from delivery.courier import Trip
    from delivery.receipts import answered as receipt
    from delivery.smtp import Reply

    trip = Trip([receipt(messages[0], Stage.CONTENT, Reply(250, [b"ok"]), attempts=1, at=clock.now())])
    sending._commit(held, mailbox, trip)
    assert states(messages) == [("ACCEPTED", "")] + [("UNKNOWN", "host_lost")] * 4
    totals = selectors.totals([batch.mailing_id])
    assert (totals.accepted, totals.unknown) == (1, 4)


def test_a_message_cancelled_while_on_the_wire_is_accepted_all_the_same(messages: list[int], mailbox: Mailbox) -> None:
    made = Journal(sending.journal_folder())
    lease_batch(owner=made.name, now=clock.now())
    made.note(map(journal.encode, [Start(messages[0]), answered(messages[0], "250 ok")]))
    services.cancel_messages(message_ids=messages, reason="replied")
    made.close(keep=True)
    services.settle_abandoned()
    assert states(messages) == [("ACCEPTED", "")] + [("CANCELLED", "replied")] * 4
    totals = selectors.totals([Batch.objects.get().mailing_id])
    assert (totals.accepted, totals.cancelled, totals.waiting) == (1, 4, 0)


def test_a_cancelled_mailings_abandoned_batch_is_cancelled(messages: list[int]) -> None:
    die([])
    mailing = Mailing.objects.get()
    services.set_mailing_state([mailing.pk], Mailing.State.CANCELLED)
    services.settle_abandoned()
    assert states(messages) == [("CANCELLED", "mailing_cancelled")] * 5
    assert selectors.open_batches([mailing.pk]) == 0


def test_receipts_written_twice_count_once(messages: list[int], mailbox: Mailbox) -> None:
    from delivery.courier import Trip
    from delivery.receipts import answered as receipt
    from delivery.smtp import Reply

    lease = lease_batch(owner="me", now=clock.now())
    assert lease is not None
    trip = Trip([receipt(pk, Stage.CONTENT, Reply(250, [b"ok"]), attempts=1, at=clock.now()) for pk in messages])
    held = ledger.Held(lease.batch_id, "me", lease.mailing_id, mailbox.pk, mailbox.workspace_id)
    sending._commit(held, mailbox, trip)
    sending._commit(held, mailbox, trip)
    assert selectors.totals([lease.mailing_id]).accepted == 5
    assert Message.objects.filter(attempts=1).count() == 5


def test_a_process_killed_in_reality_leaves_a_journal_that_can_be_read(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from delivery.journal import Journal, start\n"
        "journal = Journal(Path(sys.argv[1])); journal.note([start(7)]); print('noted', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, env=service_environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert list(journal.abandoned(tmp_path)) == []
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    found: list[journal.Notes] = []
    while not found and time.monotonic() < deadline:
        found = [dead.notes for dead in journal.abandoned(tmp_path)]
    assert found[0].started == {7}
    assert found[0].same_boot


def test_counting_nothing_writes_nothing() -> None:
    Tally().write()
