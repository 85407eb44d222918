"""Segments that ask about campaigns: the SQL agrees with a slow second opinion, on every edge that asks."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from campaigns import services
from campaigns.audience import size_of
from campaigns.models import Campaign
from contacts import selectors
from contacts import services as contacts
from contacts.models import Contact
from contacts.segments.definition import check_definition, compile_definition
from core import clock
from delivery.models import Message, MessageState
from sequences import services as sequences
from sequences.models import Enrolment, EnrolmentState
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.sequences import SOURCE, make_contacts, make_mailbox
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory, WorkspaceFactory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAYS = [1, 7, 30, 36_500]
AGES = [timedelta(0), timedelta(days=1), timedelta(days=1, seconds=1), timedelta(days=29.9), timedelta(days=400)]
DRIP = [
    {"kind": "email", "subject": "One", "source": SOURCE},
    {"kind": "wait", "wait": timedelta(days=1)},
    {"kind": "email", "subject": "Two", "source": SOURCE},
]
WITHIN = ("sent", "not_sent", "opened", "not_opened", "clicked", "not_clicked")
PLAIN = ("on_the_way", "finished")


@dataclass
class World:
    campaigns: list[Campaign]
    contacts: list[Contact]
    messages: list[Message]
    enrolments: list[Enrolment]
    last_mailing: dict[int, int]
    mailings: dict[int, set[int]]


def launched(workspace: Any, list_: Any, **changes: Any) -> Campaign:
    campaign = make_campaign(workspace, lists=[list_], **changes)
    services.launch_campaign(campaign, accept_warnings=True)
    services.run_launch(campaign.pk)
    sequences.advance_due(now=clock.now())
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def world(workspace) -> World:
    """Forty contacts in a broadcast and a drip, with all sorts of fates."""
    dice = random.Random(11)
    make_mailbox(workspace)
    with clock.simulated(NOW - timedelta(days=500)):
        ids = make_contacts(workspace, 40)
        first, second = make_list(workspace, ids[:30], name="First"), make_list(workspace, ids[10:], name="Second")
        broadcast = launched(workspace, first, name="Broadcast")
        drip = launched(workspace, second, name="Drip", kind="drip", steps=DRIP)
    with clock.simulated(NOW - timedelta(days=499)):
        sequences.advance_due(now=clock.now())
    with clock.simulated(NOW - timedelta(days=450)):  # half of them get the second email
        for message in Message.objects.filter(mailing=drip.sequence.live_version.steps.first().mailing)[:15]:
            Enrolment.objects.filter(contact=message.contact_id, sequence=drip.sequence).update(due_at=clock.now())
        sequences.advance_due(now=clock.now())

    def moment(chance: float) -> datetime | None:
        return NOW - dice.choice(AGES) if dice.random() < chance else None

    for message in Message.objects.order_by("pk"):
        message.state = dice.choice([MessageState.ACCEPTED] * 3 + [MessageState.CANCELLED, MessageState.SKIPPED])
        message.accepted_at = moment(1) if message.state == MessageState.ACCEPTED else None
        message.opened_at, message.clicked_at = moment(0.4), moment(0.3)
        message.is_test = dice.random() < 0.1
        message.save()
    for enrolment in Enrolment.objects.filter(sequence=drip.sequence, state=EnrolmentState.ACTIVE).order_by("pk"):
        enrolment.state = dice.choice([EnrolmentState.ACTIVE, EnrolmentState.HELD, EnrolmentState.STOPPED])
        enrolment.save()
    campaigns = [broadcast, drip]
    mailings = {
        campaign.pk: [
            step.mailing_id for step in campaign.sequence.live_version.steps.order_by("position") if step.mailing_id
        ]
        for campaign in campaigns
    }
    return World(
        campaigns,
        list(Contact.objects.filter(workspace=workspace)),
        list(Message.objects.all()),
        list(Enrolment.objects.all()),
        {pk: ids[-1] for pk, ids in mailings.items()},
        {pk: set(ids) for pk, ids in mailings.items()},
    )


def expected(world: World, operator: str, campaign: int, days: int | None = None) -> set[int]:
    """A slow second opinion, written from docs/reference/segments.md."""

    def recent(at: datetime | None) -> bool:
        return at is not None and (days is None or NOW - at <= timedelta(days=days))

    found = set()
    sequence = next(each.sequence_id for each in world.campaigns if each.pk == campaign)
    for contact in world.contacts:
        own = [
            message
            for message in world.messages
            if message.contact_id == contact.pk
            and message.mailing_id in world.mailings[campaign]
            and not message.is_test
        ]
        sent = any(recent(message.accepted_at) for message in own)
        on_the_way = any(
            each.contact_id == contact.pk and each.sequence_id == sequence and each.state in {0, 3}
            for each in world.enrolments
        )
        last = [message for message in own if message.mailing_id == world.last_mailing[campaign]]
        if {
            "sent": sent,
            "not_sent": not sent,
            "opened": any(recent(message.opened_at) for message in own),
            "not_opened": sent and not any(message.opened_at for message in own),
            "clicked": any(recent(message.clicked_at) for message in own),
            "not_clicked": sent and not any(message.clicked_at for message in own),
            "on_the_way": on_the_way,
            "finished": not on_the_way and any(message.state != MessageState.CANCELLED for message in last),
        }[operator]:
            found.add(contact.pk)
    return found


def asked(workspace: Any, definition: dict[str, Any]) -> set[int]:
    subjects = selectors.subjects_in(workspace.pk)
    sql = compile_definition(check_definition(definition, subjects), subjects, selectors.moment_in("UTC", now=NOW))
    with connection.cursor() as cursor:
        query = f"SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %s AND ({sql.text})"
        cursor.execute(query, [workspace.pk, *sql.params])
        return {pk for (pk,) in cursor.fetchall()}


def condition(operator: str, campaign: int, days: int | None = None) -> dict[str, Any]:
    value: Any = campaign
    if operator in WITHIN:
        value = {"option": campaign} if days is None else {"option": campaign, "days": days}
    return {"field": "campaign", "operator": operator, "value": value}


def group(*conditions: dict[str, Any], match: str = "all") -> dict[str, Any]:
    return {"match": match, "conditions": list(conditions)}


def test_every_question_agrees_with_the_slow_second_opinion(workspace, world):
    seen = set()
    for campaign in world.campaigns:
        for operator in (*WITHIN, *PLAIN):
            for days in [None, *DAYS] if operator in WITHIN else [None]:
                want = expected(world, operator, campaign.pk, days)
                assert asked(workspace, group(condition(operator, campaign.pk, days))) == want, (operator, days)
                if 0 < len(want) < len(world.contacts):
                    seen.add(operator)
    assert seen == {*WITHIN, *PLAIN}  # the world tells them all apart


def test_any_mixture_of_questions_agrees(workspace, world):
    leaf = st.builds(
        condition,
        st.sampled_from([*WITHIN, *PLAIN]),
        st.sampled_from([campaign.pk for campaign in world.campaigns]),
        st.none() | st.sampled_from(DAYS),
    )

    @cache
    def known(operator: str, campaign: int, days: int | None) -> set[int]:
        return expected(world, operator, campaign, days)

    def fits(node: dict[str, Any]) -> set[int]:
        if "field" in node:
            value = node["value"]
            chosen = value if isinstance(value, dict) else {"option": value}
            return known(node["operator"], chosen["option"], chosen.get("days"))
        everybody = {contact.pk for contact in world.contacts}
        parts = [fits(child) for child in node["conditions"]]
        if node["match"] == "all":
            return everybody.intersection(*parts)
        return set().union(*parts) if node["match"] == "any" else everybody.difference(*parts)

    groups = st.builds(
        lambda match, children: group(*children, match=match),
        st.sampled_from(["all", "any", "none"]),
        st.lists(leaf, max_size=3),
    )

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.builds(
            lambda match, parts: group(*parts, match=match),
            st.sampled_from(["all", "any"]),
            st.lists(groups | leaf, max_size=3),
        )
    )
    def agree(definition: dict[str, Any]) -> None:
        assert asked(workspace, definition) == fits(definition)

    agree()


def test_who_finished_a_broadcast_is_known_after_its_enrolments_were_put_away(workspace, world):
    broadcast = world.campaigns[0]
    want = expected(world, "finished", broadcast.pk)
    services.cancel_campaign(broadcast)
    sequences.sweep_closed(now=NOW)
    assert not broadcast.sequence.enrolments.exists()
    assert asked(workspace, group(condition("finished", broadcast.pk))) == want
    assert asked(workspace, group(condition("on_the_way", broadcast.pk))) == set()


@pytest.fixture
def api(workspace) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


@pytest.fixture
def web(workspace) -> Client:
    client = Client()
    client.force_login(MembershipFactory(workspace=workspace).user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_api_lists_the_launched_campaigns_and_counts(workspace, world, api):
    make_campaign(workspace, name="Only a draft")
    subjects = api.get("/api/v1/segments/subjects/").data
    (subject,) = [each for each in subjects if each["key"] == "campaign"]
    assert [option["value"] for option in subject["options"]] == [world.campaigns[1].pk, world.campaigns[0].pk]
    assert {each["key"]: each["takes"] for each in subject["operators"]}["opened"] == "one_within"
    definition = group(condition("clicked", world.campaigns[0].pk))
    made = api.post("/api/v1/segments/", {"name": "Clickers", "definition": definition}, format="json")
    assert made.status_code == 201
    count = api.get(f"/api/v1/segments/{made.data['id']}/count/").data["count"]
    assert count == len(expected(world, "clicked", world.campaigns[0].pk))


def test_a_faulty_value_is_refused_at_its_place(world, api):
    campaign = world.campaigns[0].pk
    faulty: list[Any] = [None, "", {}, {"option": 0}, {"option": None, "days": 3}, {"days": 3}, [1, 2], "x"]
    faulty += [{"option": campaign, "days": days} for days in (0, -1, 1.5, "soon", 36_501, [3])]
    faulty += [{"option": campaign, "more": 1}, {"option": {"option": campaign}}]
    for value in faulty:
        definition = group({"field": "campaign", "operator": "opened", "value": value})
        refused = api.post("/api/v1/segments/count/", {"definition": definition}, format="json")
        assert refused.status_code == 422, value
        assert list(refused.data["errors"]) == ["conditions.0.value"], value


def test_another_workspace_s_campaign_is_no_option(world):
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=WorkspaceFactory()).secret}")
    for operator in ("opened", "finished"):
        definition = group(condition(operator, world.campaigns[0].pk))
        assert stranger.post("/api/v1/segments/count/", {"definition": definition}, format="json").status_code == 422


def test_the_builder_asks_about_a_campaign_with_and_without_days(workspace, world, web):
    campaign = world.campaigns[0]
    form = {"name": "Openers", "r.match": "all", "node": ["r.0"], "r.0.field": "campaign", "r.0.operator": "sent"}
    drawn = web.post("/contacts/segments/build/", form, headers={"HX-Request": "true"}).content.decode()
    assert f'<option value="{campaign.pk}">Broadcast (' in drawn
    assert 'name="r.0.days"' in drawn
    incomplete = web.post("/contacts/segments/new/", {**form, "r.0.value": "", "r.0.days": "3"})
    assert incomplete.status_code == 422
    assert "Choose a value." in incomplete.content.decode()
    web.post("/contacts/segments/new/", {**form, "r.0.value": campaign.pk, "r.0.days": "30"})
    web.post("/contacts/segments/new/", {**form, "name": "All", "r.0.value": campaign.pk, "r.0.days": ""})
    week, ever = selectors.segments_in(workspace).order_by("-name")
    assert week.definition["conditions"][0]["value"] == {"option": campaign.pk, "days": 30}
    assert ever.definition["conditions"][0]["value"] == {"option": campaign.pk}
    again = web.get(f"/contacts/segments/{week.pk}/").content.decode()
    assert f'<option value="{campaign.pk}" selected>' in again
    assert 'name="r.0.days" value="30"' in again
    changed = {**form, "r.0.operator": "finished", "r.0.value": campaign.pk, "r.0.days": "30"}
    assert 'name="r.0.days"' not in web.post("/contacts/segments/build/", changed).content.decode()


def test_the_admin_takes_the_same_definition_and_counts(workspace, world):
    admin = Client()
    admin.force_login(
        UserFactory(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    definition = group(condition("finished", world.campaigns[1].pk))
    data = {"workspace": workspace.pk, "name": "Finished", "definition": json.dumps(definition)}
    assert admin.post("/admin/contacts/segment/add/", data).status_code == 302
    segment = selectors.segments_in(workspace).get()
    page = admin.get(f"/admin/contacts/segment/{segment.pk}/change/").content.decode()
    assert f">{len(expected(world, 'finished', world.campaigns[1].pk))}<" in page


def test_a_follow_up_goes_to_those_who_got_the_first_and_did_not_open(workspace, world):
    definition = group(condition("not_opened", world.campaigns[0].pk))
    segment = contacts.create_segment(workspace=workspace, name="Sleepers", definition=definition)
    follow_up = make_campaign(workspace, segments=[segment])
    assert size_of(follow_up).total == len(expected(world, "not_opened", world.campaigns[0].pk))
