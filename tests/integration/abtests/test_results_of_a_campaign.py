"""A test of a broadcast's email, launched as people do it: where it stands, whom its outcome reaches, the campaign's report."""

import re

import pytest
from django.urls import reverse

from abtests import services as abtests
from abtests.models import Experiment
from campaigns import services as campaigns
from campaigns.models import Campaign
from sequences import services as sequences
from sequences.models import Step
from team.models import Role, Share
from team.services import share
from tests.factories.campaigns import make_campaign
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member():
    return MembershipFactory(role=Role.EDITOR)


@pytest.fixture
def campaign(member) -> Campaign:
    return make_campaign(member.workspace, contacts=60, name="Spring sale")


@pytest.fixture
def experiment(campaign) -> Experiment:
    step = Step.objects.get(version__sequence=campaign.sequence)
    test = sequences.add_experiment(campaign.sequence, key=step.key, name="Which subject?")
    abtests.update_experiment(test, per_arm=12)
    abtests.update_variant(test.variants.get(position=1), subject="Another subject")
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    campaigns.run_launch(campaign.pk)
    test.refresh_from_db()
    return test


@pytest.fixture
def web(client, member):
    client.force_login(member.user)
    return client


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_page_names_the_campaign_and_how_many_get_the_outcome(web, campaign, experiment):
    page = web.get(reverse("abtests:results", args=[experiment.pk]))
    assert "Campaign Spring sale" in text_of(page)
    assert reverse("campaigns:detail", args=[campaign.pk]) in page.content.decode()
    assert "A, the email as it is, goes to the other 36 people." in page.content.decode()
    dialog = text_of(web.get(reverse("abtests:choose", args=[experiment.pk]), headers={"HX-Request": "true"}))
    assert "The version that you choose goes to the other 36 people at once." in dialog
    assert "Send it to 36 people" in dialog
    assert "Spring sale" in text_of(web.get(reverse("abtests:list")))


def test_the_outcome_names_whom_it_reaches(web, member, experiment):
    abtests.choose_winner(experiment, variant=experiment.variants.get(position=1), by=member.user)
    assert "B goes to the other" in text_of(web.get(reverse("abtests:results", args=[experiment.pk])))


def test_a_share_of_the_campaign_lets_decide(client, campaign, experiment):
    analyst = MembershipFactory(workspace=campaign.workspace, role=Role.ANALYST)
    client.force_login(analyst.user)
    url = reverse("abtests:pause", args=[experiment.pk])
    assert client.post(url, headers={"HX-Request": "true"}).status_code == 403
    share(obj=campaign, membership=analyst, access=Share.SEND)
    assert client.post(url, headers={"HX-Request": "true"}).status_code == 200
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.PAUSED


def test_the_campaigns_report_lists_the_versions_and_leads_to_the_results(web, member, campaign, experiment):
    abtests.choose_winner(experiment, variant=experiment.variants.get(position=1), by=member.user)
    answer = web.get(reverse("analytics:report", args=[campaign.pk]))
    page = text_of(answer)
    assert "A/B test: decided" in page
    assert "B Another subject Goes to the rest" in page
    assert reverse("abtests:results", args=[experiment.pk]) in answer.content.decode()


def test_a_report_without_a_test_has_no_versions(web, campaign):
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    assert "A/B test:" not in text_of(web.get(reverse("analytics:report", args=[campaign.pk])))
