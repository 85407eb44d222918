"""The pages that show tests: the list, the results and their live part, the groups, how it all works."""

import re

import pytest
from django.urls import reverse

from abtests.models import Experiment, Mode, WithoutProof
from delivery.models import Mailing
from team.models import Role
from tests.factories.ab_results import look, make_decided, make_parts, make_running, make_test, respond
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return MembershipFactory()


@pytest.fixture
def web(client, member):
    client.force_login(member.user)
    return client


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def results(web, experiment: Experiment) -> str:
    return text_of(web.get(reverse("abtests:results", args=[experiment.pk])))


def test_an_empty_list_says_what_a_test_is_and_where_to_begin(web):
    page = text_of(web.get(reverse("abtests:list")))
    assert "No A/B tests yet" in page
    assert "New campaign" in page


def test_an_analyst_is_not_offered_to_begin_one(client):
    client.force_login(MembershipFactory(role=Role.ANALYST).user)
    page = text_of(client.get(reverse("abtests:list")))
    assert "No A/B tests yet" in page
    assert "New campaign" not in page


def test_the_list_shows_who_is_in_front(web, member):
    make_running(member.workspace)
    page = text_of(web.get(reverse("abtests:list")))
    assert "Which subject line? 2 versions of the subject Running Click rate B 26.0% against 20.0% 400" in page


def test_the_list_finds_by_words_and_state(web, member):
    make_running(member.workspace)
    page = web.get(reverse("abtests:list"), {"q": "subject", "state": "running"}, headers={"HX-Request": "true"})
    assert "Which subject line?" in page.content.decode()
    page = web.get(reverse("abtests:list"), {"state": "decided"}, headers={"HX-Request": "true"})
    assert "No test matches" in page.content.decode()


def test_the_list_costs_the_same_however_long_it_is(web, member, django_assert_max_num_queries):
    for _ in range(3):
        make_running(member.workspace)
    with django_assert_max_num_queries(12):
        web.get(reverse("abtests:list"))


def test_a_running_test_says_what_is_known_and_when_it_is_looked_at_next(web, member):
    page = results(web, make_running(member.workspace))
    assert "Not proven yet: B leads" in page
    assert "26.0% of those who got B clicked, against 20.0% of those who got A." in page
    assert "Chance alone could still make such a lead." in page
    assert "The chance that B is really the best is 92%." in page
    assert "Next look, when the time of the next part is over:" in page
    assert "200 people have not had their 24 hours yet and don’t count." in page
    assert "400 of 1,200" in page


def test_people_and_machines_are_told_apart(web, member):
    assert "48 of 57" in results(web, make_running(member.workspace))


def test_a_test_nobody_counts_in_yet_says_so(web, member):
    experiment = make_test(member.workspace)
    page = results(web, experiment)
    assert "Too early to say" in page
    assert "A person counts once 24 hours have passed since their own email left" in page
    assert "—" in page
    respond(experiment, sent=[100, 100], responded=[4, 5], hours_ago=30)
    assert "fewer than 20 clicks together" in results(web, experiment)


def test_a_planned_test_has_not_begun(web, member):
    assert "This test has not begun" in results(web, make_test(member.workspace, started=False))


def test_a_winner_is_proven(web, member):
    page = results(web, make_decided(member.workspace))
    assert "B is better, proven (95%)" in page
    assert "34.5% of those who got B clicked, against 17.5% for A: between 11.0 and 22.9 points more." in page
    assert "Winner" in page


@pytest.mark.parametrize(
    ("without_proof", "then"),
    [
        (WithoutProof.LEADER, "Everybody who comes by from now on gets B."),
        (WithoutProof.CONTROL, "Everybody who comes by from now on gets A."),
        (WithoutProof.EQUAL, "everybody else gets the versions in equal parts"),
        (WithoutProof.ASK, "Everybody else waits until somebody chooses what they get."),
    ],
)
def test_a_test_without_proof_says_what_happens_instead(web, member, without_proof, then):
    experiment = make_test(member.workspace, without_proof=without_proof)
    respond(experiment, sent=[100, 100], responded=[20, 28], hours_ago=40)
    look(experiment, sent=[100, 100], responded=[20, 28], deadline=True)
    page = results(web, experiment)
    assert "B leads, but it is not proven" in page
    assert "Chance alone could have done that." in page
    assert then in page
    assert ("Choose the winner…" in page) == (without_proof == WithoutProof.ASK)


def test_too_few_responses_are_said_to_be_too_few(web, member):
    experiment = make_test(member.workspace)
    respond(experiment, sent=[100, 100], responded=[4, 5], hours_ago=40)
    look(experiment, sent=[100, 100], responded=[4, 5], deadline=True)
    assert "Too few responses to tell" in results(web, experiment)


def test_no_difference_that_matters_names_what_matters(web, member):
    experiment = make_test(member.workspace)
    respond(experiment, sent=[3000, 3000], responded=[600, 606], hours_ago=40)
    look(experiment, sent=[3000, 3000], responded=[600, 606], deadline=True)
    page = results(web, experiment)
    assert "No difference that matters" in page
    assert "by less than 10.0 points, which is what you said would matter" in page


def test_a_broken_split_is_not_to_be_trusted(web, member):
    experiment = make_test(member.workspace)
    respond(experiment, sent=[1000, 700], responded=[200, 180], hours_ago=40)
    look(experiment, sent=[1000, 700], responded=[200, 180], deadline=True)
    page = results(web, experiment)
    assert "These numbers can’t be trusted" in page
    assert "different numbers of people than they should have (p &lt; 0.001)" in page


def test_a_version_that_does_harm_is_blocked(web, member):
    experiment = make_test(member.workspace, 3)
    counts = {"sent": [1000, 1000, 1000], "responded": [200, 210, 205]}
    respond(experiment, **counts, hours_ago=40, complained=[0, 12, 0])
    look(experiment, **counts, complaints=[0, 12, 0])
    page = results(web, experiment)
    assert "Blocked" in page
    assert "B made more people complain or unsubscribe than chance explains, and can’t win." in page
    assert "1.20%" in page


def test_optimisation_claims_no_proof(web, member):
    experiment = make_test(member.workspace, mode=Mode.BANDIT)
    make_parts(experiment, size=200, released=3)
    experiment.parts.filter(number=2).update(weights=[0.3, 0.7])
    respond(experiment, sent=[100, 100], responded=[20, 30], hours_ago=40)
    respond(experiment, sent=[60, 140], responded=[12, 41], hours_ago=30, stratum=2)
    page = results(web, experiment)
    assert "B works best so far" in page
    assert "proves nothing" in page
    assert "B now gets 70% of each part." in page
    assert "How far the lead is from proof" not in page


def test_several_things_at_once_are_explained_by_their_parts(web, member):
    experiment = make_test(member.workspace, 4, started=False)
    Experiment.objects.filter(pk=experiment.pk).update(dimensions=["subject", "from_name"], state="running")
    experiment.refresh_from_db()
    for variant, levels in zip(experiment.variants.order_by("position"), ([0, 0], [0, 1], [1, 0], [1, 1]), strict=True):
        variant.levels = levels
        variant.from_name = "" if levels[1] == 0 else "Ada at Acme"
        variant.save()
    counts = {"sent": [500] * 4, "responded": [100, 101, 140, 138]}
    respond(experiment, **counts, hours_ago=40)
    look(experiment, **counts)
    page = results(web, experiment)
    assert "What each part contributes" in page
    assert "There is no sign that they depend on each other" in page
    assert "Ada at Acme" in page


def test_the_rest_that_got_the_winner_is_not_counted(web, member):
    experiment = make_decided(member.workspace)
    respond(experiment, sent=[0, 9000], responded=[0, 100], hours_ago=40, stratum=0)
    assert "34.5% of those who got B clicked" in results(web, experiment)


def test_a_replies_test_counts_no_machines(web, member):
    experiment = make_test(member.workspace, metric="reply", window_hours=72)
    respond(experiment, sent=[400, 400], responded=[20, 40], hours_ago=100, column="replied")
    page = results(web, experiment)
    assert "10.0% of those who got B replied, against 5.0% of those who got A." in page


def test_the_live_part_is_not_sent_again_while_nothing_has_changed(web, member):
    experiment = make_running(member.workspace)
    page = web.get(reverse("abtests:results", args=[experiment.pk])).content.decode()
    url = re.findall(r'hx-get="(/experiments/\d+/numbers/[^"]+)"', page)[0].replace("&amp;", "&")
    assert web.get(url, headers={"HX-Request": "true"}).status_code == 204
    respond(experiment, sent=[100, 100], responded=[20, 20], hours_ago=1, stratum=4)
    answer = web.get(url, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "400 people have not had their 24 hours" in text_of(answer)


def test_the_page_is_fetched_anew_once_the_test_has_ended_and_asks_no_more(web, member):
    experiment = make_running(member.workspace)
    url = reverse("abtests:numbers", args=[experiment.pk])
    Experiment.objects.filter(pk=experiment.pk).update(state="stopped")
    answer = web.get(url, {"state": "running"}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert web.get(url, headers={"HX-Request": "true"}).status_code == 286
    assert 'hx-trigger="every' not in web.get(reverse("abtests:results", args=[experiment.pk])).content.decode()


def test_a_page_of_results_costs_few_queries(web, member, django_assert_max_num_queries):
    experiment = make_running(member.workspace)
    with django_assert_max_num_queries(16):
        web.get(reverse("abtests:results", args=[experiment.pk]))


def test_what_an_author_wrote_is_escaped(web, member):
    experiment = make_running(member.workspace)
    experiment.variants.filter(position=0).update(subject="<b>Hi</b>")
    Mailing.objects.update(subject="<script>alert(1)</script>")
    page = web.get(reverse("abtests:results", args=[experiment.pk])).content.decode()
    assert "<b>Hi" not in page


def test_how_it_works_has_the_numbers_of_the_proof(web):
    page = text_of(web.get(reverse("abtests:how_it_works")))
    for part in ("95 of 100", "Two equal versions: a winner is declared 4.8%", "26.3%", "Hung, Fithian (2019)"):
        assert part in page


@pytest.mark.parametrize("name", ["results", "numbers", "breakdown", "csv", "json", "choose", "stop_version"])
def test_another_workspaces_test_is_not_found(client, member, name):
    experiment = make_test(member.workspace)
    client.force_login(MembershipFactory().user)
    assert client.get(reverse(f"abtests:{name}", args=[experiment.pk])).status_code == 404


def test_no_page_of_tests_loads_numpy(web, member):
    """The statistics cost a web process 70 MB; a fresh process tells."""
    import subprocess
    import sys

    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n"
        "import django; django.setup()\n"
        "import abtests.views.pages, abtests.views.deciding, abtests.views.exports, config.urls\n"
        "print('numpy' in sys.modules, 'scipy' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split()[-2:] == ["False", "False"]
