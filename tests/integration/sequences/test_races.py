from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from delivery.models import Batch, Message
from sequences import services
from sequences.models import Enrolment, EnrolmentState, Sequence
from tests.factories.sequences import enrol, make_contacts, make_mailbox, make_sequence
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
