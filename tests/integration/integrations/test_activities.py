"""The feed of everything that happened, as a CRM reads it."""

from datetime import timedelta

import pytest
from django.test import Client

from core import clock, facts
from delivery.events import MessagesAccepted, MessagesFinished
from tests.factories.team import ApiTokenFactory, WorkspaceFactory
from tests.factories.tracking import CHROME, GMAIL, SENT_AT, make_hit, make_sent
from tracking.events import Unsubscribed
from tracking.ingest import ingest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch):
    """Facts are sequenced by the tests themselves."""
    monkeypatch.setattr(facts, "_wake", lambda: None)


@pytest.fixture
def token(db):
    return ApiTokenFactory()


@pytest.fixture
def sent(token):
    return make_sent(workspace=token.workspace, recipients=3)


def read(token, **query):
    response = Client().get("/api/v1/activities/", query, headers={"Authorization": f"Bearer {token.secret}"})
    assert response.status_code == 200, response.text
    return response.json()


def accept(sent):
    event = MessagesAccepted(
        mailing_id=sent.mailing.pk, message_ids=[message.pk for message in sent.messages], accepted_at=SENT_AT
    )
    facts.record(event, workspace_id=sent.workspace.pk, occurred_at=SENT_AT)
    facts.sequence()


def read_all(token, limit):
    activities, cursor, more = [], "", True
    while more:
        page = read(token, after=cursor, limit=limit)
        assert len(page["results"]) <= limit
        activities += page["results"]
        cursor, more = page["cursor"], page["has_more"]
    return activities, cursor


def test_an_accepted_batch_is_one_activity_a_person(token, sent):
    accept(sent)

    page = read(token)

    assert [activity["type"] for activity in page["results"]] == ["message.accepted"] * 3
    assert [activity["contact"]["email"] for activity in page["results"]] == [c.email for c in sent.contacts]
    assert [activity["message"] for activity in page["results"]] == [m.pk for m in sent.messages]
    assert not page["has_more"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_pages_of_any_size_read_everything_once_and_in_order(token, sent, limit):
    other = make_sent(workspace=token.workspace, recipients=5, prefix="other")
    for batch in (sent, other, sent):
        accept(batch)

    activities, _ = read_all(token, limit)

    expected = [m.pk for batch in (sent, other, sent) for m in batch.messages]
    assert [activity["message"] for activity in activities] == expected
    assert len({activity["id"] for activity in activities}) == len(activities)


def test_reading_goes_on_where_it_stopped(token, sent):
    accept(sent)
    first = read(token)
    assert read(token, after=first["cursor"])["results"] == []
    assert read(token, after=first["cursor"])["cursor"] == first["cursor"]

    accept(sent)

    assert len(read(token, after=first["cursor"])["results"]) == 3


def test_a_reader_may_start_now(token, sent):
    accept(sent)
    start = read(token, after="latest")
    assert start["results"] == []

    accept(sent)

    assert len(read(token, after=start["cursor"])["results"]) == 3


def test_a_fact_that_is_not_sequenced_is_not_shown_yet(token, sent):
    facts.record(
        MessagesFinished(mailing_id=sent.mailing.pk, message_ids=[sent.messages[0].pk], state="failed"),
        workspace_id=sent.workspace.pk,
        occurred_at=SENT_AT,
    )
    assert read(token)["results"] == []

    facts.sequence()

    assert [activity["type"] for activity in read(token)["results"]] == ["message.failed"]


def test_opens_and_clicks_say_who_what_and_whether_it_was_human(token, sent):
    at = SENT_AT + timedelta(hours=1)
    with clock.simulated(at + timedelta(minutes=1)):
        ingest(
            [
                make_hit(sent.messages[0], at, user_agent=GMAIL),
                make_hit(sent.messages[1], at, link=sent.links[0], user_agent=CHROME),
            ]
        )
        facts.sequence()

    opened, clicked = read(token)["results"]

    assert (opened["type"], opened["data"]["class"]) == ("message.opened", "proxied")
    assert (clicked["type"], clicked["data"]["class"]) == ("message.clicked", "human")
    assert clicked["data"]["url"] == "https://example.com/0"
    assert clicked["contact"]["email"] == sent.contacts[1].email
    assert clicked["occurred_at"].startswith("2026-03-02T10:00:00")


def test_an_unsubscription_is_in_the_feed_also_when_the_contact_is_gone(token, sent):
    contact = sent.contacts[0]
    event = Unsubscribed(workspace_id=sent.workspace.pk, contact_id=contact.pk, message_id=sent.messages[0].pk)
    facts.record(event, workspace_id=sent.workspace.pk, occurred_at=SENT_AT)
    facts.sequence()
    pk = contact.pk
    contact.delete()

    (activity,) = read(token)["results"]

    assert activity["type"] == "contact.unsubscribed"
    assert activity["contact"] == {"id": pk, "email": None}


def test_another_workspace_s_facts_are_not_shown(token, sent):
    accept(sent)
    other = ApiTokenFactory(workspace=WorkspaceFactory())

    assert read(other)["results"] == []


@pytest.mark.parametrize("after", ["rubbish", "1", "-1.0", "1.x", "99999999999999999999.0"])
def test_a_cursor_that_is_none_is_a_422(token, after):
    response = Client().get(
        "/api/v1/activities/", {"after": after}, headers={"Authorization": f"Bearer {token.secret}"}
    )

    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["after"]


def test_the_feed_takes_its_scope(token):
    limited = ApiTokenFactory(workspace=token.workspace, scopes=["contacts:write"])

    response = Client().get("/api/v1/activities/", headers={"Authorization": f"Bearer {limited.secret}"})

    assert response.status_code == 403


def test_a_page_costs_the_same_however_large_the_batch(token, django_assert_max_num_queries):
    large = make_sent(workspace=token.workspace, recipients=600, prefix="large")
    accept(large)

    with django_assert_max_num_queries(12):
        page = read(token, limit=500)

    assert len(page["results"]) == 500
    assert page["has_more"]
