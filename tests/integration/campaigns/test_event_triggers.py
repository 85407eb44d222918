"""Events let contacts into triggered campaigns: which, how often, and what keeps them out."""

from datetime import timedelta

import pytest

from campaigns import services
from campaigns.models import Arrival, Campaign, Launch, Status
from contacts import services as contacts
from contacts.models import Contact
from core import clock
from delivery.models import Message
from sequences.models import Enrolment
from tests.factories.contacts import make_contact
from tests.factories.team import ApiTokenFactory, WorkspaceFactory
from tests.integration.campaigns.triggers import entered, launch_triggered, let_in, make_triggered, run_engine, tell

HOUR = timedelta(hours=1)
PAID = {"kind": "event", "event": "order.paid"}


def test_an_event_by_the_api_becomes_a_message(
    workspace, mailbox, at_nine, client, eager_tasks, django_capture_on_commit_callbacks
):
    token = ApiTokenFactory(workspace=workspace)
    bearer = {"authorization": f"Bearer {token.secret}"}
    step = {"kind": "email", "subject": "Thanks", "source": "<p>Hi</p><a href='{{ unsubscribeUrl }}'>Leave</a>"}
    draft = {"name": "Thanks", "kind": "triggered", "trigger": PAID, "mailboxes": [mailbox.pk], "steps": [step]}
    made = client.post("/api/v1/campaigns/", draft, content_type="application/json", headers=bearer)
    assert made.status_code == 201, made.content
    assert made.json()["trigger"] == {**PAID, "where": {}, "reentry": "once", "filter": None}
    with django_capture_on_commit_callbacks(execute=True):
        launched = client.post(
            f"/api/v1/campaigns/{made.json()['id']}/launch/",
            {"accept_warnings": True},
            "application/json",
            headers=bearer,
        )
    assert launched.status_code == 200, launched.content

    event = {"name": "order.paid", "email": "New@Example.com", "properties": {"amount": 3}, "key": "order-1"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/api/v1/events/", event, content_type="application/json", headers=bearer)
    assert answer.status_code == 201, answer.content
    contact = Contact.objects.get(workspace=workspace, email_key="new@example.com")
    assert answer.json()["contact"] == contact.pk
    message = Message.objects.get(contact=contact)
    assert message.mailing.subject == "Thanks"
    assert Enrolment.objects.get(contact=contact).event_id == answer.json()["id"]

    again = client.post("/api/v1/events/", event, content_type="application/json", headers=bearer)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert Message.objects.count() == 1


def test_only_the_named_event_with_the_properties_counts_and_only_from_the_start_on(workspace, at_nine):
    campaign = make_triggered(workspace, {**PAID, "where": {"plan": "pro"}})
    tell(workspace, {"name": "order.paid", "email": "early@example.com", "properties": {"plan": "pro"}})
    with clock.simulated(at_nine + HOUR):
        campaign = launch_triggered(workspace, {**PAID, "where": {"plan": "pro"}})
        tell(
            workspace,
            {"name": "order.paid", "email": "pro@example.com", "properties": {"plan": "pro", "n": 1}},
            {"name": "order.paid", "email": "free@example.com", "properties": {"plan": "free"}},
            {"name": "order.seen", "email": "seen@example.com", "properties": {"plan": "pro"}},
            {
                "name": "order.paid",
                "email": "late@example.com",
                "properties": {"plan": "pro"},
                "occurred_at": at_nine.isoformat(),
            },
        )
    assert entered(campaign) == ["pro@example.com"]


def test_a_draft_a_paused_and_a_closed_campaign(workspace, at_nine):
    draft = make_triggered(workspace, PAID, name="Draft")
    paused = launch_triggered(workspace, PAID, name="Paused")
    closed = launch_triggered(workspace, PAID, name="Closed")
    services.pause_campaign(paused)
    services.close_entry(closed)
    tell(workspace, {"name": "order.paid", "email": "ada@example.com"})
    assert [entered(campaign) for campaign in (draft, paused, closed)] == [[], ["ada@example.com"], []]
    run_engine(at_nine)
    assert not Message.objects.exists()
    services.resume_campaign(paused)
    run_engine(at_nine)
    assert Message.objects.count() == 1


def test_it_completes_only_once_it_is_closed(workspace, at_nine):
    campaign = launch_triggered(workspace, PAID)
    services.complete_finished_campaigns()
    campaign.refresh_from_db()
    assert campaign.status == Status.RUNNING
    services.close_entry(campaign)
    services.complete_finished_campaigns()
    campaign.refresh_from_db()
    assert campaign.status == Status.COMPLETED


def test_once_means_once(workspace, at_nine):
    campaign = launch_triggered(workspace, PAID)
    for key in ("a", "b", "b"):
        tell(workspace, {"name": "order.paid", "email": "ada@example.com", "key": key})
    assert entered(campaign) == ["ada@example.com"]
    assert Launch.objects.get(campaign=campaign).enrolled == 1


def test_once_a_key_and_an_event_without_it_is_turned_away_visibly(workspace, at_nine):
    campaign = launch_triggered(workspace, {**PAID, "reentry": "key", "entry_property": "order"})
    for order in (1, 1, "2", "x" * 3_000, None):
        tell(workspace, {"name": "order.paid", "email": "ada@example.com", "properties": {"order": order}})
    assert entered(campaign) == ["ada@example.com"] * 3
    assert list(Enrolment.objects.order_by("pk").values_list("entry_key", flat=True))[:2] == ["key:1", "key:2"]
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.reason) == (Arrival.State.TURNED_AWAY, "no_key")


def test_again_after_a_gap_and_not_while_on_the_way(workspace, at_nine):
    steps = [{"kind": "email", "subject": "A", "source": "x"}]
    campaign = launch_triggered(workspace, {**PAID, "reentry": "gap", "gap": "PT2H"}, steps=steps)
    for hours, count in ((0, 1), (1, 1), (3, 2)):
        with clock.simulated(at_nine + hours * HOUR):
            tell(workspace, {"name": "order.paid", "email": "ada@example.com"})
            assert len(entered(campaign)) == count
            run_engine(at_nine + hours * HOUR)
    assert Arrival.objects.get().reason == "too_soon"


def test_who_fails_the_filter_is_tried_every_half_hour_for_a_day_then_turned_away(workspace, at_nine):
    flt = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}
    campaign = launch_triggered(workspace, {**PAID, "filter": flt})
    ada, bob = make_contact(workspace), make_contact(workspace, "bob@example.com")
    tell(workspace, *({"name": "order.paid", "contact": contact.pk} for contact in (ada, bob)))
    assert entered(campaign) == []
    assert let_in(at_nine + timedelta(minutes=29)) == 0
    contacts.update_contact(ada, company="Acme")
    assert let_in(at_nine + timedelta(minutes=30)) == 2
    assert entered(campaign) == ["ada@example.com"]
    for half_hours in range(2, 49):
        let_in(at_nine + half_hours * HOUR / 2)
    arrival = Arrival.objects.get()
    assert (arrival.contact_id, arrival.state, arrival.reason) == (bob.pk, Arrival.State.TURNED_AWAY, "filtered")
    contacts.update_contact(bob, company="Acme")
    assert let_in(at_nine + 100 * HOUR) == 0


def test_the_suppressed_dont_enter(workspace, at_nine):
    campaign = launch_triggered(workspace, PAID)
    contacts.suppress(workspace_id=workspace.pk, email="ada@example.com", reason="manual")
    tell(workspace, {"name": "order.paid", "email": "ada@example.com"})
    assert entered(campaign) == []
    assert Arrival.objects.get().reason == "suppressed"


def test_another_workspace_is_not_concerned(workspace, at_nine):
    campaign = launch_triggered(workspace, PAID)
    tell(WorkspaceFactory(), {"name": "order.paid", "email": "ada@example.com"})
    assert entered(campaign) == []


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        ("x", "trigger"),
        ({"kind": "moon"}, "trigger.kind"),
        ({"kind": "event", "list": 1}, "trigger.list"),
        ({"kind": "event", "event": 3}, "trigger.event"),
        ({"kind": "event", "event": "x", "where": {"a": [1]}}, "trigger.where"),
        ({"kind": "event", "event": "x", "reentry": "gap", "gap": "soon"}, "trigger.gap"),
        (
            {"kind": "event", "event": "x", "filter": {"match": "all", "conditions": [{"field": "moon"}]}},
            "trigger.filter.conditions.0.field",
        ),
        ({"kind": "list", "list": 99}, "trigger.list"),
        ({"kind": "list", "reentry": "key", "entry_property": "a"}, "trigger.reentry"),
        ({"kind": "date", "field": "moon"}, "trigger.field"),
        ({"kind": "date", "days": 1.5}, "trigger.days"),
        ({"kind": "date", "at": "25:00"}, "trigger.at"),
        ({"kind": "outcome", "campaign": 99}, "trigger.campaign"),
    ],
)
def test_a_faulty_trigger_is_refused_by_field(workspace, mailbox, client, trigger, field):
    token = ApiTokenFactory(workspace=workspace)
    answer = client.post(
        "/api/v1/campaigns/", {"kind": "triggered", "trigger": trigger}, "application/json",
        headers={"authorization": f"Bearer {token.secret}"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert field in answer.json()["errors"]
    assert not Campaign.objects.exists()
