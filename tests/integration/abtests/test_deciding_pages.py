"""What people decide about a test on its page, and what they are told who come too late."""

import re

import pytest
from django.urls import reverse

from abtests import services
from abtests.models import Experiment
from team.models import Role
from tests.factories.ab_results import make_running, make_test
from tests.factories.team import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def member():
    return MembershipFactory(role=Role.EDITOR)


@pytest.fixture
def web(client, member):
    client.force_login(member.user)
    return client


@pytest.fixture
def experiment(member) -> Experiment:
    return make_running(member.workspace)


def post(web, name: str, experiment: Experiment, **data):
    return web.post(reverse(f"abtests:{name}", args=[experiment.pk]), data, headers=HTMX)


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def version(experiment: Experiment, letter: str) -> int:
    return experiment.variants.get(name=letter).pk


def test_a_test_is_paused_and_goes_on(web, experiment):
    assert post(web, "pause", experiment).headers["HX-Refresh"] == "true"
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.PAUSED
    assert "This test is paused" in text_of(web.get(reverse("abtests:results", args=[experiment.pk])))
    post(web, "resume", experiment)
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.RUNNING


def test_a_winner_is_chosen_by_hand_and_recorded_as_such(web, member, experiment):
    post(web, "choose", experiment, version=version(experiment, "A"))
    experiment.refresh_from_db()
    assert (experiment.state, experiment.outcome, experiment.winner.name) == ("decided", "by_hand", "A")
    assert experiment.decided_by == member.user
    page = text_of(web.get(reverse("abtests:results", args=[experiment.pk])))
    assert "A was chosen by hand" in page
    assert f"{member.user.get_full_name()} chose it. That is a decision, not a proof." in page
    assert "proven (95%)" not in page


def test_the_question_is_asked_in_a_dialog_and_on_a_page_of_its_own(web, experiment):
    url = reverse("abtests:choose", args=[experiment.pk])
    dialog = web.get(url, headers=HTMX).content.decode()
    assert "Everybody who comes by from now on gets the version that you choose." in dialog
    assert "<html" not in dialog
    assert "<html" in web.get(url).content.decode()


def test_no_version_is_an_error(web, experiment):
    assert post(web, "choose", experiment).status_code == 422
    other = make_test(experiment.workspace)
    assert post(web, "choose", experiment, version=version(other, "A")).status_code == 422


def test_who_decides_second_is_told_who_was_quicker(web, member, experiment):
    colleague = UserFactory(first_name="Grace", last_name="Hopper")
    services.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=colleague)
    answer = post(web, "choose", experiment, version=version(experiment, "A"))
    assert answer.status_code == 409
    assert "Grace Hopper has chosen B meanwhile. Nothing else was changed." in answer.headers["HX-Trigger"]
    experiment.refresh_from_db()
    assert experiment.winner.name == "B"
    for name in ("pause", "stop"):
        assert "has chosen B meanwhile" in post(web, name, experiment).headers["HX-Trigger"]


def test_who_decides_after_the_test_did_is_told_its_verdict(web, experiment):
    from tests.factories.ab_results import look

    look(experiment, sent=[300, 300], responded=[50, 110])
    answer = post(web, "choose", experiment, version=version(experiment, "A"))
    assert answer.status_code == 409
    assert "The test was decided meanwhile" in answer.headers["HX-Trigger"]


def test_a_test_is_stopped_without_a_winner(web, experiment):
    post(web, "stop", experiment)
    experiment.refresh_from_db()
    assert (experiment.state, experiment.winner) == ("stopped", None)
    page = text_of(web.get(reverse("abtests:results", args=[experiment.pk])))
    assert "This test was stopped" in page
    assert "Everybody who comes by from now on gets A." in page


def test_one_version_is_stopped_and_the_others_go_on(web, member):
    experiment = make_test(member.workspace, 3)
    post(web, "stop_version", experiment, version=version(experiment, "C"))
    experiment.refresh_from_db()
    assert experiment.state == Experiment.State.RUNNING
    assert experiment.variants.get(name="C").stopped_at is not None
    page = web.get(reverse("abtests:stop_version", args=[experiment.pk])).content.decode()
    assert page.count('type="radio"') == 2
    assert post(web, "stop_version", experiment, version=version(experiment, "B")).status_code == 409


@pytest.mark.parametrize("name", ["pause", "resume", "stop", "choose", "stop_version"])
def test_who_may_only_look_may_not_decide(client, experiment, name):
    analyst = MembershipFactory(workspace=experiment.workspace, role=Role.ANALYST)
    client.force_login(analyst.user)
    assert post(client, name, experiment, version=version(experiment, "A")).status_code == 403
    page = text_of(client.get(reverse("abtests:results", args=[experiment.pk])))
    assert "Choose the winner…" not in page
    assert "Pause…" not in page


@pytest.mark.parametrize("name", ["pause", "resume", "stop", "choose", "stop_version"])
def test_another_workspaces_test_is_not_found(client, experiment, name):
    client.force_login(MembershipFactory().user)
    assert post(client, name, experiment, version=version(experiment, "A")).status_code == 404


@pytest.mark.parametrize("name", ["pause", "resume", "stop"])
def test_looking_changes_nothing(web, experiment, name):
    assert web.get(reverse(f"abtests:{name}", args=[experiment.pk])).status_code == 405
