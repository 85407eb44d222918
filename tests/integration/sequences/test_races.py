from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from delivery.models import Batch, Message
from sequences import services
from sequences.exceptions import SequenceError
from sequences.models import Enrolment, EnrolmentState, Publication, Sequence
from sequences.services import publishing
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox, make_sequence
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.conftest import START

WORKERS = 12


def together(*calls):
    """Run the calls at the same time, each on its own connection, and return what they return."""

    def run(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


@pytest.mark.django_db(transaction=True)
def test_two_beats_and_ten_workers_send_each_message_once():
    workspace = WorkspaceFactory()
    mailboxes = [make_mailbox(workspace, name=f"sender{number}") for number in range(3)]
    contacts = make_contacts(workspace, 1_200)
    with clock.simulated(START):
        sequences = [make_sequence(workspace, ["One"]), make_sequence(workspace, [timedelta(hours=1), "Two", "Three"])]
        for sequence in sequences:
            for place, mailbox in enumerate(mailboxes):
                enrol(sequence, contacts[place::3], mailbox)

    now = START + timedelta(hours=1)
    moved = together(*[lambda: services.advance_due(now=now, limit=50)] * WORKERS)

    assert sum(moved) == 2_400
    assert Message.objects.count() == 2_400
    assert set(Counter(Message.objects.values_list("contact_id", flat=True)).values()) == {2}
    in_batches = [message_id for ids in Batch.objects.values_list("message_ids", flat=True) for message_id in ids]
    assert sorted(in_batches) == sorted(Message.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_same_contacts_enrolled_by_many_workers_enter_once():
    workspace = WorkspaceFactory()
    mailbox = make_mailbox(workspace)
    contacts = make_contacts(workspace, 500)
    sequence = make_sequence(workspace, ["One"])
    entered = together(*[lambda: enrol(sequence, contacts, mailbox)] * 5)
    assert sum(entered) == 500
    assert Enrolment.objects.count() == 500


@pytest.mark.django_db(transaction=True)
def test_a_pause_in_the_middle_of_the_race_leaves_nobody_lost_and_nothing_on_the_queue():
    workspace = WorkspaceFactory()
    mailbox = make_mailbox(workspace)
    with clock.simulated(START):
        sequence = make_sequence(workspace, ["One"])
        enrol(sequence, make_contacts(workspace, 2_000), mailbox)

    def pause_and_resume():
        for _ in range(5):
            services.pause(sequence)
            services.resume(sequence)
        services.pause(sequence)
        return 0

    later = START + timedelta(hours=1)
    with clock.simulated(START):
        together(*[lambda: services.advance_due(now=START, limit=20)] * 4, pause_and_resume)
    services.advance_due(now=later)  # a pause is made up for one after the other

    assert not Batch.objects.filter(state=Batch.State.QUEUED).exists()
    sent = Message.objects.count()
    held = Enrolment.objects.filter(state=EnrolmentState.HELD).count()
    assert sent + held == 2_000
    with clock.simulated(START):
        services.resume(Sequence.objects.get())
    services.advance_due(now=later)
    assert Message.objects.count() == 2_000


def _mail(key: str, subject: str) -> dict[str, str]:
    return {"key": key, "kind": "email", "subject": subject, "source": SOURCE}


@pytest.mark.django_db(transaction=True)
def test_a_change_published_while_engines_run_and_people_enter_reaches_everybody_once(monkeypatch):
    workspace = WorkspaceFactory()
    mailbox = make_mailbox(workspace)
    contacts = make_contacts(workspace, 1_500)
    first = [_mail("a", "A"), {"key": "w", "kind": "wait", "wait": "PT1H"}, _mail("b", "B")]
    second = [_mail("a", "A"), {"key": "w", "kind": "wait", "wait": "PT2H"}, _mail("b", "Better")]
    now = START + timedelta(hours=3)
    monkeypatch.setattr(publishing, "CHUNK", 100)
    with clock.simulated(now):
        sequence = make_document(workspace, first)
        enrol(sequence, contacts[:1_000], mailbox)
        Enrolment.objects.update(step_key="w", entered_step_at=START, due_at=START + timedelta(hours=1))
        services.open_draft(sequence)
        services.replace_steps(sequence, steps=second)

        def publish() -> int:
            return services.publish_changes(sequence).moved

        def engine() -> int:
            return sum(services.advance_due(now=now, limit=20) for _ in range(5))

        def enter() -> int:
            return sum(enrol(sequence, contacts[at : at + 50], mailbox) for at in range(1_000, 1_500, 50))

        together(publish, engine, engine, engine, enter, services.continue_publications)
        services.continue_publications()
        while services.advance_due(now=now):
            pass

    publication = Publication.objects.get()
    assert publication.finished_at is not None
    assert publication.moved == publication.people
    # Each of the thousand got b once: in the old copy those the engine was with first, then what waited of it became the new.
    last = Message.objects.filter(key__contains=":b:")
    assert last.count() == len(set(last.values_list("contact_id", flat=True))) == 1_000
    assert set(last.values_list("mailing__subject", flat=True)) == {"Better"}
    assert Message.objects.filter(key__contains=":a:").count() == 500
    assert set(Enrolment.objects.exclude(state=EnrolmentState.COMPLETED).values_list("version__number", flat=True)) == {
        2
    }
    in_batches = Counter(
        message_id for ids in Batch.objects.values_list("message_ids", flat=True) for message_id in ids
    )
    assert set(in_batches) == set(Message.objects.values_list("pk", flat=True))
    assert set(in_batches.values()) == {1}
    for batch in Batch.objects.all():
        mailings = Message.objects.filter(pk__in=batch.message_ids).values_list("mailing_id", flat=True)
        assert set(mailings) == {batch.mailing_id}


@pytest.mark.django_db(transaction=True)
def test_of_several_who_publish_at_once_one_does_and_the_others_are_told():
    workspace = WorkspaceFactory()
    with clock.simulated(START):
        sequence = make_document(workspace, [_mail("a", "A")])
        draft = services.open_draft(sequence)
        services.replace_steps(sequence, steps=[_mail("a", "Better")])
        revision = draft.revision + 1

        def publish() -> str:
            try:
                services.publish_changes(sequence, revision=revision)
            except SequenceError as error:
                return error.code
            return "published"

        assert sorted(together(*[publish] * 4)) == ["published", "stale", "stale", "stale"]
    assert Publication.objects.count() == 1
