"""Simulating on the page: by GET, lanes that lead on, and a test run."""

from datetime import timedelta

import pytest
from django.urls import reverse

from contacts import services as contacts
from core import clock
from delivery.models import Message, MessageState
from sequences import services
from tests.factories.sequences import SOURCE, make_contacts, make_document
from tests.factories.team import MembershipFactory, WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.experiments import plan

HTMX = {"HX-Request": "true"}
STEPS = [
    {"key": "hello", "kind": "email", "source": SOURCE, "subject": "Hello {{ firstName | default: 'you' }}"},
    {"key": "click", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {
        "yes": [{"key": "thanks", "kind": "email", "source": SOURCE, "subject": "Thanks"}]}},
    {"key": "last", "kind": "email", "source": SOURCE, "subject": "Last"},
]  # fmt: skip


@pytest.fixture
def web(workspace, client, at_nine):
    client.force_login(MembershipFactory(workspace=workspace, role="editor", user__email="ada@drumbeat.example").user)
    return client


def url(name, sequence, *args):
    return reverse(f"sequences:{name}", args=[sequence.pk, *args])


def told(web, sequence, status=200, **query):
    answer = web.get(url("simulate", sequence), query)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_page_opens_with_a_simulation_and_lanes_lead_to_others(web, workspace):
    sequence = make_document(workspace, STEPS, publish=False)
    page = told(web, sequence)
    assert "Hello you" in page
    assert "Assumed; choose another to see" in page
    assert "o-click=yes" in page
    chosen = told(web, sequence, **{"o-click": "yes", "first_name": "Grace"})
    assert "Hello Grace" in chosen
    assert "You chose this." in chosen
    assert "Thanks" in chosen
    assert not Message.objects.exists()


def test_the_versions_of_a_tested_email_lead_to_each_other(web, workspace):
    sequence = make_document(workspace, STEPS, publish=False)
    plan(sequence, subject="Hi {{ firstName | default: 'there' }}", from_name="Ada of Acme")
    assert "Version A" in told(web, sequence)
    chosen = told(web, sequence, **{"o-hello": "B"})
    assert "Hi there" in chosen
    assert "From Ada of Acme" in chosen
    assert "o-hello=A" in chosen
    told(web, sequence, 422, **{"o-hello": "C"})


def test_a_contact_is_named_by_its_address_or_by_a_link_from_its_page(web, workspace):
    sequence = make_document(workspace, STEPS)
    (contact_id,) = make_contacts(workspace, 1)
    assert "Hello Given0" in told(web, sequence, who="contact", email="PERSON0@example.com")
    assert "Hello Given0" in told(web, sequence, contact=contact_id)
    assert "There is no contact with this address." in told(web, sequence, 422, who="contact", email="x@example.com")
    (stranger,) = make_contacts(WorkspaceFactory(), 1, prefix="stranger")
    assert "Hello you" in told(web, sequence, contact=stranger)


@pytest.mark.parametrize(
    "query",
    [
        {"start": "tomorrow"},
        {"seed": "x"},
        {"time_zone": "Mars"},
        {"version": "nine"},
        {"mailbox": "999999"},
        {"o-click": "maybe"},
        {"o-lost": "yes"},
        {"field-plan": "no number"},
        {"lists": "77"},
        {"who": "everybody"},
    ],
)
def test_what_makes_no_sense_is_said_on_the_page(web, workspace, query):
    contacts.create_field(workspace=workspace, label="Plan", type_="number")
    contacts.create_list(workspace=workspace, name="Customers")
    sequence = make_document(workspace, STEPS)
    told(web, sequence, 422, **query)


def test_steps_that_are_not_finished_say_so(web, workspace):
    sequence = make_document(workspace, [*STEPS, {"key": "wait", "kind": "wait"}], publish=False)
    assert "The steps are not finished: How long?" in told(web, sequence, 422)


def test_a_test_run_is_started_followed_and_stopped(web, workspace, mailbox):
    sequence = make_document(workspace, STEPS)
    data = {"mailbox": mailbox.pk, "o-click": "yes", "gap": "2"}
    started = web.post(url("start_test_run", sequence), data, headers=HTMX).content.decode()
    assert "0 of 3 sent" in started
    assert "[Test 1/3]" in started
    run = Message.objects.first().key.split(":")[2]
    assert {message.due_at - START for message in Message.objects.all()} == {timedelta(minutes=n) for n in (0, 2, 4)}
    polled = web.get(url("test_run", sequence, run), headers=HTMX)
    assert polled.status_code == 200
    assert web.get(url("test_run", sequence, run)).status_code == 200
    stopped = web.post(url("stop_test_run", sequence, run), headers=HTMX)
    assert "The test run is over: 0 of 3 sent." in stopped.content.decode()
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.CANCELLED}
    assert web.get(url("test_run", sequence, run), headers=HTMX).status_code == 286
    assert clock.now() == START


def test_a_test_run_without_a_mailbox_says_why(web, workspace):
    sequence = make_document(workspace, STEPS)
    refused = web.post(url("start_test_run", sequence), {}, headers=HTMX)
    assert refused.status_code == 422
    assert "Choose a mailbox." in refused.content.decode()
    assert web.get(url("test_run", sequence, "0123456789abcdef")).status_code == 404
    assert timedelta(minutes=1) == services.USUAL_GAP
