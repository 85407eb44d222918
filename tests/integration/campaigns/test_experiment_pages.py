"""Who may open and change the page of a test, and what it costs a web process."""

import subprocess
import sys

import pytest

from abtests import selectors
from abtests.models import Experiment
from campaigns import services
from tests.factories.campaigns import make_campaign
from tests.factories.team import MembershipFactory

PAGES = ("", "plan/", "versions/{variant}/", "versions/{variant}/html/")
DEEDS = ("save/", "parts/", "ways/add/", "ways/remove/", "remove/")


@pytest.fixture
def planned(db):
    """A campaign of an editor with a test on its email."""
    member = MembershipFactory(role="editor")
    campaign = make_campaign(member.workspace)
    return member, campaign, services.add_test(campaign)


def address(campaign, experiment, path):
    variant = selectors.variants_of(experiment)[1].pk
    return f"/campaigns/{campaign.pk}/tests/{experiment.pk}/{path.format(variant=variant)}"


def test_another_workspaces_test_is_not_there(client, planned):
    _, campaign, experiment = planned
    stranger = MembershipFactory(role="owner")
    own = make_campaign(stranger.workspace)
    client.force_login(stranger.user)
    for path in PAGES:
        assert client.get(address(campaign, experiment, path)).status_code == 404
        assert client.get(address(own, experiment, path)).status_code == 404
    for path in DEEDS:
        assert client.post(address(campaign, experiment, path)).status_code == 404
    assert client.post(f"/campaigns/{campaign.pk}/tests/new/").status_code == 404


def test_an_analyst_looks_and_does_not_change(client, planned):
    member, campaign, experiment = planned
    client.force_login(MembershipFactory(role="analyst", workspace=member.workspace).user)
    assert client.get(address(campaign, experiment, "")).status_code == 200
    for path in DEEDS:
        assert client.post(address(campaign, experiment, path)).status_code == 403


def test_a_test_that_runs_takes_no_changes(client, planned):
    member, campaign, experiment = planned
    Experiment.objects.filter(pk=experiment.pk).update(state=Experiment.State.RUNNING)
    client.force_login(member.user)
    answer = client.post(
        address(campaign, experiment, "ways/add/"), {"part": "subject"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 409
    assert len(selectors.variants_of(experiment)) == 2


def test_the_plan_needs_no_numpy():
    program = "import django; django.setup(); import sys, config.urls, campaigns.views.experiments; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
