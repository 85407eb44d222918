"""The builder's page: who sees it, and of which workspace."""

import pytest
from django.test import Client

from campaigns import services
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, make_mailbox
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db


def test_every_member_sees_the_builder(client: Client) -> None:
    member = MembershipFactory(role="analyst")
    campaign = make_campaign(member.workspace, kind="drip", name="Onboarding")
    client.force_login(member.user)
    answer = client.get(f"/sequences/{campaign.sequence_id}/")
    assert answer.status_code == 200
    assert "Onboarding" in answer.text


def test_a_sequence_of_another_workspace_is_not_found(client: Client) -> None:
    member = MembershipFactory(role="owner")
    foreign = make_campaign(MembershipFactory().workspace, kind="drip")
    client.force_login(member.user)
    assert client.get(f"/sequences/{foreign.sequence_id}/").status_code == 404


def test_who_is_signed_out_is_led_to_the_login(client: Client) -> None:
    campaign = make_campaign(MembershipFactory().workspace, kind="drip")
    answer = client.get(f"/sequences/{campaign.sequence_id}/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_a_card_says_what_its_email_does_besides(client: Client) -> None:
    member = MembershipFactory(role="analyst")
    subject = "{% if company != blank %}{{ company }}{% else %}A question{% endif %} again"
    email = {"kind": "email", "subject": subject, "source": SOURCE, "thread": True, "expires_after": "P2D"}
    campaign = make_campaign(member.workspace, kind="drip", steps=[{"kind": "email", "source": SOURCE}, email])
    client.force_login(member.user)
    page = client.get(f"/sequences/{campaign.sequence_id}/").text
    assert "‹Company› again" in page
    assert page.count("In the same thread") == 1
    assert page.count("Within 2 days, or not at all") == 1


@pytest.mark.parametrize(("kind", "editable"), [("drip", True), ("broadcast", False)])
def test_only_what_can_be_edited_has_the_button(client: Client, kind: str, editable: bool) -> None:
    member = MembershipFactory(role="editor")
    make_mailbox(member.workspace)
    campaign = make_campaign(member.workspace, kind=kind)
    services.launch_campaign(campaign)
    client.force_login(member.user)
    page = client.get(f"/sequences/{campaign.sequence_id}/").text
    assert (f"/sequences/{campaign.sequence_id}/draft/" in page) is editable
    assert ("can’t be changed; duplicate it" in page) is not editable
