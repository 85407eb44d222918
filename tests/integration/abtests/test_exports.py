"""A test's numbers to take away: every verdict can be made again from them."""

import csv
import io

import pytest
from django.urls import reverse

from abtests.statistics.records import Question, verdict_as_json
from tests.factories.ab_results import make_decided
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def web(client):
    member = MembershipFactory()
    client.force_login(member.user)
    client.workspace = member.workspace
    return client


def test_the_json_has_all_that_makes_each_verdict_again(web):
    experiment = make_decided(web.workspace)
    document = web.get(reverse("abtests:json", args=[experiment.pk])).json()
    assert document["test"]["outcome"] == "WINNER"
    assert document["test"]["winner"] == "B"
    assert [version["counted"] for version in document["versions"]] == [400, 400]
    assert document["looks"]
    for look in document["looks"]:
        again = verdict_as_json(Question.from_json(look["question"]).answer())
        assert {name: list(value) if isinstance(value, tuple) else value for name, value in again.items()} == look[
            "verdict"
        ]


def test_the_csv_has_a_row_a_version_and_look(web):
    experiment = make_decided(web.workspace)
    answer = web.get(reverse("abtests:csv", args=[experiment.pk]))
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert [(row["kind"], row["version"]) for row in rows[:2]] == [("now", "A"), ("now", "B")]
    assert len(rows) == 2 + 2 * experiment.looks.count()
    assert rows[-1]["verdict"] == "WINNER"


def test_a_name_is_no_formula(web):
    experiment = make_decided(web.workspace)
    experiment.variants.filter(position=0).update(name="=1+1")
    text = web.get(reverse("abtests:csv", args=[experiment.pk])).getvalue().decode()
    assert "'=1+1" in text
