"""The page that shows who was called by a trigger and hasn't entered."""

from datetime import timedelta

import pytest
from django.test import Client

from campaigns.models import Arrival
from contacts import services as contacts
from core import clock
from tests.factories.campaigns import make_campaign
from tests.factories.contacts import make_contact
from tests.factories.team import MembershipFactory
from tests.integration.campaigns.triggers import launch_triggered, let_in, tell

PAID = {"kind": "event", "event": "order.paid"}
ACME = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}


@pytest.fixture
def web(workspace):
    client = Client()
    client.force_login(MembershipFactory(workspace=workspace, role="analyst").user)
    return client


def path(campaign):
    return f"/campaigns/{campaign.pk}/arrivals/"


def call(workspace, *people):
    tell(workspace, *({"name": "order.paid", "contact": contact.pk} for contact in people))


def test_who_waits_and_who_was_turned_away_are_told_with_the_reasons(web, workspace, mailbox, at_nine):
    campaign = launch_triggered(workspace, {**PAID, "filter": ACME})
    assert "Nobody waits" in web.get(path(campaign)).text
    ada, bob = make_contact(workspace), make_contact(workspace, "bob@example.com")
    contacts.suppress(workspace_id=workspace.pk, email="bob@example.com", reason="manual")
    call(workspace, ada, bob)

    page = web.get(path(campaign)).text
    for words in (
        "The entry filter doesn’t let them in.",
        "The address is suppressed.",
        "ada@example.com",
        "Who they are",
    ):
        assert words in page
    # Ada alone is tried again.
    assert page.count("2026-03-02T09:30:00") == 1
    report = web.get(f"/campaigns/{campaign.pk}/report/").text
    assert path(campaign) in report

    contacts.update_contact(ada, company="Acme")
    let_in(at_nine + timedelta(minutes=30))
    assert "ada@example.com" not in web.get(path(campaign)).text


def test_who_was_called_a_moment_ago_has_no_reason_yet(web, workspace, mailbox, at_nine):
    campaign = launch_triggered(workspace, PAID)
    ada = make_contact(workspace)
    Arrival.objects.create(trigger=campaign.trigger, contact_id=ada.pk, arrived_at=at_nine, try_at=at_nine)
    assert "They were called a moment ago" in web.get(path(campaign)).text


def test_the_last_fifty_are_shown_for_the_same_few_queries(
    web, workspace, mailbox, at_nine, django_assert_max_num_queries
):
    campaign = launch_triggered(workspace, {**PAID, "filter": ACME})
    people = [make_contact(workspace, f"p{number}@example.com") for number in range(60)]
    call(workspace, *people)
    with django_assert_max_num_queries(12):
        page = web.get(path(campaign)).text
    assert "The last 50 people" in page
    assert page.count('<td data-label="Contact"') == 50
    assert ">60<" in page


def test_a_deleted_contact_of_a_foreign_id_shows_nobody_elses_address(web, workspace, mailbox):
    campaign = launch_triggered(workspace, PAID)
    stranger = make_contact(MembershipFactory().workspace, "stranger@example.com")
    now = clock.now()
    Arrival.objects.create(trigger=campaign.trigger, contact_id=stranger.pk, arrived_at=now, try_at=now)
    page = web.get(path(campaign)).text
    assert "stranger@example.com" not in page
    assert "Deleted contact" in page


def test_only_a_triggered_campaign_of_the_own_workspace_has_the_page(web, workspace):
    assert web.get(path(make_campaign(workspace, kind="drip"))).status_code == 404
    foreign = make_campaign(MembershipFactory().workspace, kind="triggered", lists=[], trigger=PAID)
    assert web.get(path(foreign)).status_code == 404
