"""Who is where, on its page: counts, list, history, and what is done by hand."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sequences import services
from sequences.models import Enrolment, EnrolmentState, Intervention
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import MembershipFactory, WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept, messages_of

HTMX = {"HX-Request": "true"}
STEPS = [
    {"key": "first", "kind": "email", "source": SOURCE, "subject": "First"},
    {"key": "day", "kind": "wait", "wait": "P1D"},
    {"key": "last", "kind": "email", "source": SOURCE, "subject": "Last"},
    {"key": "later", "kind": "wait", "wait": "P2D"},
]


@pytest.fixture
def web(workspace, client):
    client.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    return client


@pytest.fixture
def drip(workspace, mailbox, at_nine):
    sequence = make_document(workspace, STEPS)
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    return sequence


def url(name, sequence, *args):
    return reverse(f"sequences:{name}", args=[sequence.pk, *args])


def people():
    return list(Enrolment.objects.order_by("pk"))


def ticked(enrolment):
    return f"{enrolment.pk}/{services.stamp_of(enrolment.step_key, enrolment.rotation, enrolment.state)}"


def test_the_list_shows_where_people_stand_and_is_narrowed(web, drip):
    services.move_people(sequence=drip, enrolment_ids=[people()[0].pk], to="later")
    page = web.get(url("people", drip)).content.decode()
    assert page.count("@example.com</a>") == 3
    found = web.get(url("people", drip), {"step": "later", "state": "open"}, headers=HTMX).content.decode()
    assert "person0@example.com" in found
    assert "person1@example.com" not in found
    assert "<html" not in found
    assert "Nobody fits" in web.get(url("people", drip), {"q": "nobody"}).content.decode()
    assert web.get(url("people", drip), {"state": "nonsense", "cursor": "%%%"}).status_code == 200


def test_the_counts_lead_to_the_list(web, drip):
    services.stop_people(sequence=drip, enrolment_ids=[people()[0].pk])
    found = web.get(url("people_counts", drip), headers=HTMX).content.decode()
    assert "?step=day&amp;state=open" in found
    assert "?state=stopped&amp;reason=manual" in found
    assert "Wait 1 day" in found


def test_the_dialog_names_how_many_people_it_is_about(web, drip):
    two = people()[:2]
    asked = web.post(
        url("ask_people", drip), {"deed": "stop", "people": [ticked(each) for each in two]}, headers=HTMX
    ).content.decode()
    assert "2 selected people" in asked
    everybody = web.post(url("ask_people", drip), {"deed": "move", "found": "1", "step": "day"}, headers=HTMX)
    assert "All 3 people that the search finds" in everybody.content.decode()
    assert ">Wait 2 days<" in everybody.content.decode()


def test_those_ticked_are_moved_and_it_is_taken_back(web, drip):
    one, two, _ = people()
    data = {"deed": "move", "to": "later", "scope": "ticked", "people": [ticked(one), ticked(two)]}
    done = web.post(url("intervene", drip), data, follow=True)
    assert "2 people were moved." in done.content.decode()
    assert [each.step_key for each in people()] == ["later", "later", "day"]
    undo = url("undo_intervention", drip, Intervention.objects.get().pk)
    assert undo in done.content.decode()
    assert "Taken back for 2 people." in web.post(undo, follow=True).content.decode()
    assert [each.step_key for each in people()] == ["day"] * 3


def test_all_that_the_search_finds_are_stopped(web, drip):
    services.move_people(sequence=drip, enrolment_ids=[people()[0].pk], to="later")
    web.post(url("intervene", drip), {"deed": "stop", "scope": "found", "step": "day", "state": "open"})
    assert [each.state for each in people()] == [
        EnrolmentState.ACTIVE, EnrolmentState.STOPPED, EnrolmentState.STOPPED,
    ]  # fmt: skip


def test_a_stale_page_and_a_double_click_are_refused(web, drip):
    one = people()[0]
    data = {"deed": "restart", "people": [ticked(one)]}
    assert web.post(url("intervene", drip), data, headers=HTMX).status_code == 200
    refused = web.post(url("intervene", drip), data, headers=HTMX)
    assert refused.status_code == 409
    assert "moved on since" in refused.headers["HX-Trigger"]


@pytest.mark.parametrize(
    "data",
    [{}, {"deed": "promote"}, {"deed": "stop"}, {"deed": "stop", "people": ["x", "/", "-1/a"]}, {"deed": "move"}],
)
def test_what_makes_no_sense_changes_nobody(web, drip, data):
    assert web.post(url("intervene", drip), data).status_code == 422
    assert not Intervention.objects.exists()


def test_one_persons_page_tells_the_history(web, drip):
    one = people()[0]
    page = web.get(url("enrolment", drip, one.pk)).content.decode()
    assert "Entered the sequence" in page
    assert "Came to “Wait 1 day”" in page
    assert "Skip the wait" in page
    services.stop_people(sequence=drip, enrolment_ids=[one.pk])
    page = web.get(url("enrolment", drip, one.pk)).content.decode()
    assert "Stopped by hand" in page
    assert "Skip the wait" not in page
    assert "Start again" in page


def test_an_analyst_looks_and_changes_nobody(workspace, drip):
    client = Client()
    client.force_login(MembershipFactory(workspace=workspace, role="analyst").user)
    page = client.get(url("people", drip))
    assert page.status_code == 200
    assert "With the selected people" not in page.content.decode()
    assert client.post(url("intervene", drip), {"deed": "stop", "people": [ticked(people()[0])]}).status_code == 403
    assert client.post(url("ask_people", drip), {"deed": "stop"}).status_code == 403


def test_another_workspaces_sequences_and_people_are_not_there(web, drip, workspace):
    other = WorkspaceFactory()
    theirs = make_document(other, STEPS)
    enrol(theirs, make_contacts(other, 1), make_mailbox(other))
    stranger = Enrolment.objects.get(sequence=theirs)
    for name in ("people", "people_counts", "simulate"):
        assert web.get(url(name, theirs)).status_code == 404
    for name in ("ask_people", "intervene", "start_test_run"):
        assert web.post(url(name, theirs), {"deed": "stop"}).status_code == 404
    assert web.get(url("enrolment", theirs, stranger.pk)).status_code == 404
    assert web.get(url("enrolment", drip, stranger.pk)).status_code == 404
    assert web.post(url("intervene", drip), {"deed": "stop", "people": [ticked(stranger)]}).status_code == 409
    assert web.post(url("undo_intervention", drip, 999)).status_code == 404
    assert Enrolment.objects.get(pk=stranger.pk).state == EnrolmentState.ACTIVE
    own = make_document(workspace, STEPS)
    assert web.get(url("enrolment", own, people()[0].pk)).status_code == 404


def queries(web, address):
    with CaptureQueriesContext(connection) as found:
        assert web.get(address).status_code == 200
    return len(found)


def test_the_pages_take_as_many_queries_for_many_people_as_for_few(web, drip, workspace, mailbox):
    addresses = [url("people", drip), url("people_counts", drip), url("enrolment", drip, people()[0].pk)]
    few = [queries(web, address) for address in addresses]
    enrol(drip, make_contacts(workspace, 40, prefix="more"), mailbox)
    assert [queries(web, address) for address in addresses] == few
    assert max(few) <= 24
