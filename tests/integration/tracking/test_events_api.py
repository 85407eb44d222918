"""`events/`: what other programs tell of contacts."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from contacts.models import Contact
from core import clock
from core.models import Fact
from team.models import Workspace
from tests.factories.contacts import make_contact
from tests.factories.team import ApiTokenFactory, WorkspaceFactory
from tracking.models import CustomEvent
from tracking.services import take_events

URL = "/api/v1/events/"


@pytest.fixture
def workspace(db) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def call(client, workspace):
    token = ApiTokenFactory(workspace=workspace)

    def post(body):
        return client.post(
            URL, body, content_type="application/json", headers={"authorization": f"Bearer {token.secret}"}
        )

    def get(**query):
        return client.get(URL, query, headers={"authorization": f"Bearer {token.secret}"}).json()["results"]

    post.get = get
    return post


def test_an_array_takes_what_is_right_and_tells_what_is_wrong_by_place(call, workspace):
    known = make_contact(workspace)
    foreign = make_contact(WorkspaceFactory(), "eve@example.com")
    answer = call(
        [
            {"name": "a", "email": "ADA@example.com", "key": "1"},
            {"name": "a", "contact": known.pk, "key": "1"},
            {"name": "", "email": "x@example.com"},
            "event",
            {"name": "a", "contact": foreign.pk},
            {"name": "a", "email": "nobody"},
            {"name": "a"},
            {"name": "b", "email": "bob@example.com", "properties": {"n": 1}, "occurred_at": "2020-01-01T00:00:00Z"},
        ]
    )
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["received"], body["created"], body["duplicates"]) == (8, 2, 1)
    assert [(error["index"], list(error["errors"])) for error in body["errors"]] == [
        (2, ["name"]), (3, ["event"]), (4, ["contact"]), (5, ["email"]), (6, ["email"]),
    ]  # fmt: skip
    assert set(Contact.objects.filter(workspace=workspace).values_list("email", flat=True)) == {
        "ada@example.com", "bob@example.com",
    }  # fmt: skip
    assert CustomEvent.objects.get(name="b").occurred_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert Fact.objects.filter(kind="tracking.CustomEventsRecorded").count() == 1


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"name": 3}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"properties": []}, "properties"),
        ({"properties": {"x": "y" * 1_000_000}}, "properties"),
        ({"properties": {"x": "a\x00"}}, "properties"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"occurred_at": "2026-13-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": 3}, "occurred_at"),
        ({"occurred_at": "2126-01-01T00:00:00Z"}, "occurred_at"),
        ({"key": 1}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"email": 1}, "email"),
        ({"email": None, "contact": "1"}, "contact"),
        ({"email": None, "contact": True}, "contact"),
        ({"email": None, "contact": 2**63}, "contact"),
        ({"contact": 1}, "contact"),
        ({"mail": "x"}, "mail"),
    ],
)
def test_a_faulty_event_is_a_422_that_names_the_field(call, event, field):
    answer = call({"name": "a", "email": "ada@example.com", **event})
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["errors"]
    assert not CustomEvent.objects.exists()


def test_a_megabyte_of_properties_is_told_how_much_is_allowed(call):
    answer = call({"name": "a", "email": "ada@example.com", "properties": {"x": "y" * 1_000_000}})
    assert "at most 16 kB" in answer.json()["detail"]


def test_ten_thousand_at_once_are_too_many_and_a_thousand_are_not(call):
    many = [{"name": "a", "email": f"p{n}@example.com"} for n in range(10_000)]
    assert call(many).status_code == 422
    assert call(many[:1_000]).json()["created"] == 1_000


def test_an_empty_array_is_nothing(call):
    assert call([]).json() == {"received": 0, "created": 0, "duplicates": 0, "errors": []}


def test_a_clock_ahead_is_taken_as_now(call):
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with clock.simulated(at):
        call({"name": "a", "email": "ada@example.com", "occurred_at": (at + timedelta(minutes=5)).isoformat()})
    assert CustomEvent.objects.get().occurred_at == at


def test_events_are_found_by_name_contact_address_and_key(call, workspace):
    ada = make_contact(workspace)
    call([{"name": "a", "contact": ada.pk, "key": "k"}, {"name": "b", "email": "bob@example.com"}])
    for query in ({"name": "a"}, {"contact": ada.pk}, {"email": "Ada@example.com"}, {"key": "k"}):
        assert [event["name"] for event in call.get(**query)] == ["a"], query
    assert len(call.get()) == 2


def test_a_foreign_event_is_not_there(call, client, workspace):
    call({"name": "a", "email": "ada@example.com"})
    foreign = ApiTokenFactory(workspace=WorkspaceFactory())
    headers = {"authorization": f"Bearer {foreign.secret}"}
    assert client.get(f"{URL}{CustomEvent.objects.get().pk}/", headers=headers).status_code == 404
    assert client.get(URL, headers=headers).json()["results"] == []


def test_a_token_without_the_scope_is_refused(client, workspace):
    token = ApiTokenFactory(workspace=workspace, scopes=["contacts:write"])
    headers = {"authorization": f"Bearer {token.secret}"}
    assert client.post(URL, {}, content_type="application/json", headers=headers).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_one_moment_is_one_event():
    workspace = WorkspaceFactory()
    start = threading.Barrier(4)
    created = []

    def send():
        start.wait()
        events = [{"name": "a", "email": f"p{n}@example.com", "key": str(n)} for n in range(20)]
        created.append(len(take_events(workspace_id=workspace.pk, given=events).ids))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(created) == 20
    assert CustomEvent.objects.count() == Contact.objects.count() == 20
