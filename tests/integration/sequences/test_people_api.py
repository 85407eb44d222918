"""Who is where, each one's history, and what is done by hand, over the API."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from contacts.models import Contact
from core import clock, facts
from sequences import services
from sequences.models import Enrolment
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import ApiTokenFactory, WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept, messages_of
from tracking.custom import NewEvent
from tracking.services import record_custom_events

API = "/api/v1/"
STEPS = [
    {"key": "first", "kind": "email", "source": SOURCE, "subject": "First"},
    {"key": "day", "kind": "wait", "wait": "P1D"},
    {"key": "plan", "kind": "branch", "on": "field", "field": "company", "operator": "is", "value": "Acme", "lanes": {
        "yes": [{"key": "acme", "kind": "email", "source": SOURCE, "subject": "For Acme"}]}},
    {"key": "last", "kind": "email", "source": SOURCE, "subject": "Last"},
    {"key": "later", "kind": "wait", "wait": "P2D"},
]  # fmt: skip


@pytest.fixture
def api(workspace):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


@pytest.fixture
def drip(workspace, mailbox, at_nine):
    sequence = make_document(workspace, STEPS)
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=START)
    accept(messages_of(sequence, "First"), START)
    return sequence


def post(client, path, data=None):
    return client.post(API + path, data or {}, format="json")


def first(sequence):
    return Enrolment.objects.filter(sequence=sequence).earliest("pk")


def test_people_are_counted_by_step_and_by_how_they_ended(api, drip):
    services.stop_people(sequence=drip, enrolment_ids=[first(drip).pk])
    found = api.get(f"{API}sequences/{drip.pk}/people/").json()
    assert (found["on_the_way"], found["held"], found["completed"], found["stopped"]) == (2, 0, 0, 1)
    assert [(step["key"], step["people"]) for step in found["steps"]] == [
        ("first", 0), ("day", 2), ("plan", 0), ("acme", 0), ("last", 0), ("later", 0),
    ]  # fmt: skip
    assert found["steps"][1]["name"] == "Wait 1 day"
    assert found["steps"][2]["name"] == "company is Acme?"
    assert found["ended"] == [{"state": "stopped", "reason": "manual", "people": 1}]


def test_enrolments_are_searched_by_step_reason_and_words(api, drip):
    one = first(drip)
    services.move_people(sequence=drip, enrolment_ids=[one.pk], to="later")
    ask = lambda query: [row["id"] for row in api.get(f"{API}enrolments/?sequence={drip.pk}&{query}").json()["results"]]  # noqa: E731
    assert ask("step=later") == [one.pk]
    assert len(ask("step=day")) == 2
    assert ask("q=person0") == [one.pk]
    assert ask("reason=manual") == []
    assert api.get(f"{API}enrolments/?state=lost").status_code == 422


def test_one_is_moved_skipped_stopped_and_started_again(api, drip):
    one = first(drip)
    moved = post(api, f"enrolments/{one.pk}/move/", {"to": "later"}).json()
    assert (moved["step_key"], moved["due_at"]) == ("later", "2026-03-04T09:00:00Z")
    assert post(api, f"enrolments/{one.pk}/skip/").json()["state"] == "completed"
    refused = post(api, f"enrolments/{one.pk}/skip/")
    assert (refused.status_code, refused.json()["detail"]) == (409, "Their way has ended; start it again instead.")
    assert post(api, f"enrolments/{one.pk}/stop/").json()["state"] == "completed"
    again = post(api, f"enrolments/{one.pk}/restart/").json()
    assert (again["step_key"], again["rotation"], again["state"]) == ("first", 1, "active")
    assert post(api, f"enrolments/{one.pk}/stop/").json()["reason"] == "manual"


def test_a_stale_mark_is_refused(api, drip):
    one = first(drip)
    mark = api.get(f"{API}enrolments/{one.pk}/").json()["seen"]
    assert post(api, f"enrolments/{one.pk}/move/", {"to": "last", "seen": mark}).status_code == 200
    refused = post(api, f"enrolments/{one.pk}/move/", {"to": "last", "seen": mark})
    assert (refused.status_code, refused.json()["code"]) == (409, "moved_on")


def test_many_are_changed_at_once_and_taken_back(api, drip):
    ids = list(Enrolment.objects.order_by("pk").values_list("pk", flat=True))
    done = post(api, f"sequences/{drip.pk}/people/", {"deed": "stop", "enrolments": [*ids, 999_999]}).json()
    assert done["changed"] == 3
    assert done["passed_over"] == [{"enrolment": 999_999, "why": "They are not in this sequence any more."}]
    undo = {"intervention": done["intervention"]}
    assert post(api, f"sequences/{drip.pk}/people/undo/", undo).json() == {"changed": 3}
    assert post(api, f"sequences/{drip.pk}/people/undo/", undo).status_code == 409
    other = make_document(drip.workspace, STEPS)
    assert post(api, f"sequences/{other.pk}/people/undo/", undo).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"deed": "promote", "enrolments": [1]},
        {"deed": "stop", "enrolments": []},
        {"deed": "stop", "enrolments": ["x"]},
        {"deed": "stop", "enrolments": 7},
        {"deed": "stop", "enrolments": [0]},
        {"deed": "stop", "enrolments": list(range(1, 10_002))},
        {"deed": "move", "enrolments": [1]},
        {"deed": "stop", "enrolments": [1], "seen": [1]},
    ],
)
def test_what_makes_no_sense_is_a_422(api, drip, data):
    assert post(api, f"sequences/{drip.pk}/people/", data).status_code == 422
    assert post(api, f"enrolments/{first(drip).pk}/move/", {"to": ["x"]}).status_code == 422


def test_a_token_of_another_workspace_changes_nobody(drip):
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=WorkspaceFactory()).secret}")
    one = first(drip)
    for deed in ("move", "skip", "stop", "restart"):
        assert post(stranger, f"enrolments/{one.pk}/{deed}/", {"to": "last"}).status_code == 404
    assert stranger.get(f"{API}enrolments/{one.pk}/history/").status_code == 404
    assert stranger.get(f"{API}sequences/{drip.pk}/people/").status_code == 404
    own = make_document(WorkspaceFactory(), STEPS)
    enrol(own, make_contacts(own.workspace, 1), make_mailbox(own.workspace))
    assert Enrolment.objects.get(pk=one.pk).step_key == "day"


def test_people_of_another_workspace_can_not_be_named_among_ones_own(api, drip):
    own = make_document(WorkspaceFactory(), STEPS)
    enrol(own, make_contacts(own.workspace, 1), make_mailbox(own.workspace))
    theirs = first(own)
    assert post(api, f"sequences/{drip.pk}/people/", {"deed": "stop", "enrolments": [theirs.pk]}).status_code == 409
    assert Enrolment.objects.get(pk=theirs.pk).state == 0


def history(api, enrolment):
    return api.get(f"{API}enrolments/{enrolment.pk}/history/").json()


def test_the_history_tells_what_happened_and_why(api, drip, workspace):
    one = first(drip)
    Contact.objects.filter(pk=one.contact_id).update(company="Acme")
    with clock.simulated(START + timedelta(hours=1)):
        record_custom_events(
            workspace.pk, [NewEvent(one.contact_id, "bought", START + timedelta(hours=1), {"plan": "pro"})]
        )
        facts.deliver()
    with clock.simulated(START + timedelta(days=1)):
        services.advance_due(now=START + timedelta(days=1))
        accept(messages_of(drip, "For Acme"), START + timedelta(days=1, minutes=5))
    with clock.simulated(START + timedelta(days=1, hours=1)):
        services.advance_due(now=START + timedelta(days=1, hours=1))
        services.stop_people(sequence=drip, enrolment_ids=[one.pk])
        facts.deliver()
    told = [(each["kind"], each["title"], each["detail"]) for each in reversed(history(api, one))]
    kinds = [kind for kind, _, _ in told]
    assert kinds[:3] == ["entered", "queued", "accepted"] or set(kinds[:3]) == {"entered", "queued", "accepted"}
    assert ("event", "Event “bought”", "plan: pro") in told
    assert ("decided", "company is Acme? → Yes", "“company” was “Acme”.") in told
    assert any(kind == "cancelled" and detail.startswith("“Last”") for kind, _, detail in told)
    assert kinds[-1] == "stop"


def test_a_history_takes_a_fixed_number_of_queries(api, drip, workspace):
    one = first(drip)
    with CaptureQueriesContext(
        connection,
    ) as few:
        history(api, one)
    for round_ in range(1, 6):
        now = START + timedelta(hours=round_)
        with clock.simulated(now):
            services.restart_people(sequence=drip, enrolment_ids=[one.pk])
            services.advance_due(now=now)
            accept([messages_of(drip, "First")[-1]], now)
    with CaptureQueriesContext(connection) as many:
        assert len(history(api, one)) > 12
    # The actors of deeds are asked for once there are deeds.
    assert len(many) <= len(few) + 3
