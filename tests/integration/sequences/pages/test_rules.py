"""The rules of a sequence, in the builder's dialog."""

from typing import Any

import pytest
from django.test import Client

from campaigns.models import Campaign
from contacts import services as contacts
from contacts.models import Segment
from sequences import selectors, services
from sequences.models import Sequence
from team.models import Workspace
from tests.factories.campaigns import make_campaign
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def member() -> Any:
    return MembershipFactory(role="editor")


@pytest.fixture
def campaign(member: Any) -> Campaign:
    return make_campaign(member.workspace, kind="drip", name="Onboarding")


@pytest.fixture
def web(client: Client, member: Any) -> Client:
    client.force_login(member.user)
    return client


def make_segment(workspace: Workspace, name: str) -> Segment:
    condition = {"field": "email", "operator": "contains", "value": "@customer.example"}
    return contacts.create_segment(
        workspace=workspace, name=name, definition={"match": "all", "conditions": [condition]}
    )


def path(sequence: Sequence) -> str:
    return f"/sequences/{sequence.pk}/rules/"


def save(web: Client, sequence: Sequence, **values: str) -> Any:
    at = f"http://testserver/sequences/{sequence.pk}/"
    return web.post(path(sequence), values, headers={**HTMX, "HX-Current-URL": at})


def test_rules_are_saved_with_a_copy_of_the_segments_conditions(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    segment = make_segment(campaign.workspace, "Customers")
    dialog = web.get(path(sequence), headers=HTMX).text
    assert "Who is in “Customers”" in dialog
    assert "Replies end nothing" in web.get(f"/sequences/{sequence.pk}/").text

    answer = save(web, sequence, on_reply="stop_domain", exit_filter=str(segment.pk))
    assert answer.status_code == 200
    assert answer["HX-Retarget"] == "#seq-rules"
    assert "A reply ends it for the whole company · Leaves early: in “Customers”" in answer.text
    assert "dialog-close" in answer["HX-Trigger"]
    sequence.refresh_from_db()
    assert (sequence.on_reply, sequence.exit_filter) == ("stop_domain", segment.definition)

    # The segment changes later: its old conditions are offered as they are kept, and stay so.
    old = segment.definition
    segment.definition = {**old, "match": "none"}
    segment.save()
    assert "As now: " in web.get(path(sequence), headers=HTMX).text
    save(web, sequence, on_reply="stop", exit_filter="keep")
    sequence.refresh_from_db()
    assert (sequence.on_reply, sequence.exit_filter) == ("stop", old)

    save(web, sequence, on_reply="stop", exit_filter="")
    sequence.refresh_from_db()
    assert sequence.exit_filter == {}


@pytest.mark.parametrize("state", ["running", "paused"])
def test_rules_of_a_live_sequence_are_changed_without_a_draft(web: Client, campaign: Campaign, state: str) -> None:
    services.publish(campaign.sequence)
    Sequence.objects.filter(pk=campaign.sequence_id).update(state=state)
    assert save(web, campaign.sequence, on_reply="stop").status_code == 200
    assert Sequence.objects.get(pk=campaign.sequence_id).on_reply == "stop"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"on_reply": "explode"}, "Select a valid choice"),
        ({}, "This field is required"),
        ({"on_reply": "stop", "exit_filter": "987654"}, "Select a valid choice"),
        ({"on_reply": "stop", "exit_filter": "keep"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_in_the_dialog(
    web: Client, campaign: Campaign, values: dict[str, str], message: str
) -> None:
    answer = save(web, campaign.sequence, **values)
    assert answer.status_code == 422
    assert message in answer.text
    assert Sequence.objects.get(pk=campaign.sequence_id).on_reply == "go_on"


def test_a_segment_whose_condition_is_gone_is_refused_at_its_field(web: Client, campaign: Campaign) -> None:
    segment = make_segment(campaign.workspace, "Broken")
    segment.definition = {"match": "all", "conditions": [{"field": "custom.gone", "operator": "equals", "value": "x"}]}
    segment.save()
    answer = save(web, campaign.sequence, on_reply="stop", exit_filter=str(segment.pk))
    assert answer.status_code == 422
    assert Sequence.objects.get(pk=campaign.sequence_id).on_reply == "go_on"


def test_another_workspaces_segment_is_no_choice(web: Client, campaign: Campaign) -> None:
    foreign = make_segment(MembershipFactory().workspace, "Theirs")
    assert save(web, campaign.sequence, on_reply="stop", exit_filter=str(foreign.pk)).status_code == 422


def test_who_may_not_edit_sees_the_rules_and_changes_none(client: Client, campaign: Campaign) -> None:
    client.force_login(MembershipFactory(workspace=campaign.workspace, role="analyst").user)
    dialog = client.get(path(campaign.sequence), headers=HTMX).text
    assert "fieldset disabled" in dialog
    assert "Save rules" not in dialog
    assert save(client, campaign.sequence, on_reply="stop").status_code == 403
    assert Sequence.objects.get(pk=campaign.sequence_id).on_reply == "go_on"


def test_a_sequence_that_has_ended_keeps_its_rules_and_offers_no_edit(web: Client, campaign: Campaign) -> None:
    services.publish(campaign.sequence)
    builder = f"/sequences/{campaign.sequence_id}/"
    assert f"{builder}draft/" in web.get(builder).text
    services.close(campaign.sequence)
    assert f"{builder}draft/" not in web.get(builder).text
    assert save(web, campaign.sequence, on_reply="stop").status_code == 409
    assert Sequence.objects.get(pk=campaign.sequence_id).on_reply == "go_on"


def test_rules_of_another_workspaces_sequence_are_not_found(web: Client) -> None:
    foreign = make_campaign(MembershipFactory().workspace, kind="drip").sequence
    assert web.get(path(foreign), headers=HTMX).status_code == 404
    assert save(web, foreign, on_reply="stop").status_code == 404
    assert Sequence.objects.get(pk=foreign.pk).on_reply == "go_on"


def test_without_htmx_it_is_a_page_that_leads_back_to_the_builder(web: Client, campaign: Campaign) -> None:
    assert "Save rules" in web.get(path(campaign.sequence)).text
    answer = web.post(path(campaign.sequence), {"on_reply": "stop"}, follow=True)
    assert answer.redirect_chain == [(f"/sequences/{campaign.sequence_id}/", 302)]
    assert "The rules were saved" in answer.text


def test_cold_outreach_ends_by_a_reply_unless_people_are_on_the_way(web: Client, member: Any) -> None:
    sequence = make_campaign(member.workspace, kind="drip", steps=[]).sequence
    services.use_preset(sequence, slug="welcome")
    assert Sequence.objects.get(pk=sequence.pk).on_reply == "go_on"
    draft = selectors.draft_version(sequence)
    assert draft is not None
    gesture = {"op": "preset", "preset": "cold-outreach", "revision": str(draft.revision)}
    assert "A reply ends it" in web.post(f"/sequences/{sequence.pk}/edit/", gesture, headers=HTMX).text
    assert Sequence.objects.get(pk=sequence.pk).on_reply == "stop"

    live = make_campaign(member.workspace, kind="drip").sequence
    services.publish(live)
    services.open_draft(live)
    services.use_preset(live, slug="cold-outreach")
    assert Sequence.objects.get(pk=live.pk).on_reply == "go_on"
