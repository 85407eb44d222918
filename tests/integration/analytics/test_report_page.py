import re
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Status
from core import clock
from tests.factories.analytics import SentCampaign
from tests.factories.campaigns import make_campaign
from tests.factories.team import MembershipFactory


@pytest.fixture
def web(client, read: SentCampaign):
    client.force_login(read.member.user)
    return client


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_it_tells_people_from_machines(web, read):
    page = text_of(web.get(reverse("analytics:report", args=[read.campaign.pk])))
    assert "Sent 9 of 10 recipients" in page
    assert "Delivered 90.0% 9 of 10 tried" in page
    assert "Opened 22.2% 2 by people, 1 by machines only" in page
    assert "Clicked 11.1% 1 by people" in page


def test_it_lists_the_links_by_their_clicks(web, read):
    page = text_of(web.get(reverse("analytics:report", args=[read.campaign.pk])))
    assert page.index("https://example.com/a") < page.index("https://example.com/b")


def test_it_says_why_a_message_was_not_sent(web, read):
    page = text_of(web.get(reverse("analytics:report", args=[read.campaign.pk])))
    assert "Not sent, and why" in page
    assert "Failed" in page


def test_it_goes_on_asking_for_opens_and_clicks_for_a_day_after_the_last_message(web, read):
    assert read.campaign.status == Status.COMPLETED
    Campaign.objects.filter(pk=read.campaign.pk).update(completed_at=clock.now() - timedelta(hours=23))
    assert b"every 10s" in web.get(reverse("analytics:report", args=[read.campaign.pk])).content
    polled = web.get(reverse("analytics:report_numbers", args=[read.campaign.pk]), headers={"HX-Request": "true"})
    assert polled.status_code == 200


def test_it_stops_asking_after_a_day(web, read):
    Campaign.objects.filter(pk=read.campaign.pk).update(completed_at=clock.now() - timedelta(hours=25))
    assert b'hx-trigger="every' not in web.get(reverse("analytics:report", args=[read.campaign.pk])).content
    polled = web.get(reverse("analytics:report_numbers", args=[read.campaign.pk]), headers={"HX-Request": "true"})
    assert polled.status_code == 286


def test_a_draft_has_an_empty_report(web, read):
    draft = make_campaign(read.workspace)
    page = text_of(web.get(reverse("analytics:report", args=[draft.pk])))
    assert "Nothing to draw yet" in page
    assert "Opened —" in page


@pytest.mark.parametrize("name", ["report", "report_numbers", "recipients", "recipients_csv"])
def test_another_workspaces_campaign_is_not_found(client, read, name):
    stranger = MembershipFactory()
    client.force_login(stranger.user)
    assert client.get(reverse(f"analytics:{name}", args=[read.campaign.pk])).status_code == 404


def test_an_analyst_reads_but_exports_nothing(client, read):
    analyst = MembershipFactory(workspace=read.workspace, role="analyst")
    client.force_login(analyst.user)
    assert client.get(reverse("analytics:report", args=[read.campaign.pk])).status_code == 200
    assert client.get(reverse("analytics:recipients_csv", args=[read.campaign.pk])).status_code == 403


def test_the_report_takes_few_queries(web, read, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        web.get(reverse("analytics:report", args=[read.campaign.pk]))


def test_a_role_sees_only_the_buttons_that_it_can_use(client, read):
    client.force_login(MembershipFactory(workspace=read.workspace, role="analyst").user)
    assert "New campaign" not in client.get(reverse("analytics:dashboard")).content.decode()
    assert "Duplicate" not in client.get(reverse("analytics:report", args=[read.campaign.pk])).content.decode()
    assert "Export CSV" not in client.get(reverse("analytics:recipients", args=[read.campaign.pk])).content.decode()
    client.force_login(read.member.user)
    assert "New campaign" in client.get(reverse("analytics:dashboard")).content.decode()
    assert "Duplicate" in client.get(reverse("analytics:report", args=[read.campaign.pk])).content.decode()
    assert "Export CSV" in client.get(reverse("analytics:recipients", args=[read.campaign.pk])).content.decode()
