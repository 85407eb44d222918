import re

from django.urls import reverse

from tests.factories.analytics import SentCampaign
from tests.factories.team import MembershipFactory


def page_of(client, member) -> str:
    client.force_login(member.user)
    page = client.get(reverse("analytics:dashboard")).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_an_empty_workspace_is_led_to_its_first_campaign(client, db):
    page = page_of(client, MembershipFactory(workspace__company="", workspace__postal_address=""))
    assert "Your first campaign" in page
    assert "Connect a mailbox" in page
    assert "No campaigns yet" in page


def test_it_sums_up_the_last_thirty_days(client, read: SentCampaign):
    page = page_of(client, read.member)
    assert "Your first campaign" not in page
    assert "Sent (30 days) 9" in page
    assert "Open rate 22.2% 2 of 9 delivered" in page
    assert read.campaign.name in page


def test_it_knows_nothing_of_other_workspaces(client, read: SentCampaign):
    page = page_of(client, MembershipFactory())
    assert "Sent (30 days) 0" in page
    assert read.campaign.name not in page


def test_test_sends_count_nowhere(client, read: SentCampaign):
    from campaigns.services import send_test

    send_test(read.campaign, to=["me@example.com"])
    assert "Sent (30 days) 9" in page_of(client, read.member)
