"""Old batches, attempts and facts go, a few at a time; everything else stays."""

from datetime import timedelta

import pytest

from core import clock, facts
from core.models import Fact, FactCursor, FactFailure
from delivery import services
from delivery.events import MessagesAccepted
from delivery.models import Attempt, Batch, Mailbox, Message, MessageState
from team.models import Workspace
from tests.factories import delivery as make

LONG_AGO = timedelta(days=400)


@pytest.fixture
def messages(workspace: Workspace, mailbox: Mailbox) -> list[int]:
    return make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5))


def attempts(messages: list[int], *, ago: timedelta) -> None:
    Attempt.objects.bulk_create(
        Attempt(message_id=pk, at=clock.now() - ago, outcome=MessageState.DEFERRED, reason="soft") for pk in messages
    )


def test_attempts_of_more_than_a_year_ago_go_and_later_ones_stay(messages: list[int]) -> None:
    attempts(messages, ago=LONG_AGO)
    attempts(messages, ago=timedelta(days=300))
    assert services.tidy_ledger(at_once=2) == 5
    assert Attempt.objects.count() == 5
    assert services.tidy_ledger(at_once=2) == 0
    assert Message.objects.count() == 5


def test_batches_go_when_they_are_long_done_and_never_before(messages: list[int]) -> None:
    batch = Batch.objects.get()
    others = {"mailing": batch.mailing, "mailbox": batch.mailbox, "message_ids": [1], "due_at": clock.now() - LONG_AGO}
    for state in (Batch.State.DONE, Batch.State.CANCELLED):
        Batch.objects.create(state=state, finished_at=clock.now() - timedelta(days=31), **others)
        Batch.objects.create(state=state, finished_at=clock.now() - timedelta(days=29), **others)
    unsettled = Batch.objects.create(state=Batch.State.CANCELLED, **others)
    held = Batch.objects.create(state=Batch.State.HELD, **others)
    assert services.tidy_ledger(at_once=100) == 2
    left = set(Batch.objects.values_list("pk", flat=True))
    assert {batch.pk, unsettled.pk, held.pk} <= left
    assert len(left) == 5


def test_nothing_goes_when_it_is_kept_for_ever(messages: list[int], settings) -> None:
    settings.ATTEMPT_RETENTION_DAYS = settings.BATCH_RETENTION_DAYS = settings.FACT_RETENTION_DAYS = 0
    attempts(messages, ago=LONG_AGO)
    Batch.objects.update(state=Batch.State.DONE, finished_at=clock.now() - LONG_AGO)
    record_fact()
    with clock.simulated(clock.now() + LONG_AGO):
        assert services.tidy_ledger() == facts.forget_old() == 0


def record_fact() -> Fact:
    return facts.record(MessagesAccepted(1, [1], clock.now()), workspace_id=None, occurred_at=clock.now())


@pytest.mark.django_db(transaction=True)
def test_old_facts_go_once_every_handler_has_read_them() -> None:
    old = [record_fact() for _ in range(5)]
    with clock.simulated(clock.now() + LONG_AGO):
        assert facts.forget_old() == 0, "nobody has read them yet"
        facts.deliver()
        fresh = record_fact()
        FactFailure.objects.create(handler="x", fact=old[0], error="", retry_at=clock.now() + timedelta(days=1))
        assert facts.forget_old(at_once=2) in (1, 4)
        facts.forget_old(at_once=100)
        assert set(Fact.objects.values_list("pk", flat=True)) == {old[0].pk, fresh.pk}
    assert FactCursor.objects.exists()
