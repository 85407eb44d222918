"""The enrolments in Django admin: looked at, and changed by the services alone."""

import pytest
from django.urls import reverse

from sequences import services
from sequences.models import Enrolment, EnrolmentState, Intervention
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import UserFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept, messages_of


@pytest.fixture
def admin(db, client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def people(workspace, mailbox, at_nine):
    steps = [
        {"key": "first", "kind": "email", "source": SOURCE, "subject": "First"},
        {"key": "day", "kind": "wait", "wait": "P1D"},
        {"key": "last", "kind": "email", "source": SOURCE, "subject": "Last"},
        {"key": "week", "kind": "wait", "wait": "P7D"},
    ]
    sequence = make_document(workspace, steps)
    enrol(sequence, make_contacts(workspace, 2), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    return list(Enrolment.objects.order_by("pk"))


def act(admin, model, action, objects, **more):
    data = {"action": action, "_selected_action": [each.pk for each in objects], **more}
    return admin.post(reverse(f"admin:sequences_{model}_changelist"), data, follow=True).content.decode()


def test_people_are_moved_skipped_stopped_and_started_again(admin, people):
    assert "Give the key" in act(admin, "enrolment", "move", people)
    assert "2 moved." in act(admin, "enrolment", "move", people, step="week")
    assert "2 go on." in act(admin, "enrolment", "skip", people)
    assert "2 begin anew." in act(admin, "enrolment", "restart", people)
    assert "2 stopped." in act(admin, "enrolment", "stop", people)
    assert {each.state for each in Enrolment.objects.all()} == {EnrolmentState.STOPPED}


def test_a_deed_is_taken_back(admin, people):
    act(admin, "enrolment", "stop", people)
    assert "taken back for 2." in act(admin, "intervention", "undo", Intervention.objects.all())
    assert {each.state for each in Enrolment.objects.all()} == {EnrolmentState.ACTIVE}
    assert "taken back already" in act(admin, "intervention", "undo", Intervention.objects.all())


def test_no_field_can_be_changed(admin, people):
    address = reverse("admin:sequences_enrolment_change", args=[people[0].pk])
    assert admin.get(address).status_code == 200
    assert admin.post(address, {"state": 2}).status_code == 403
