"""What a plan may say, the versions of a test, and the base rate that it starts from."""

from datetime import time, timedelta

import pytest

from abtests import selectors, services
from abtests.exceptions import ExperimentError
from abtests.models import Design, Metric
from core import clock
from core.exceptions import InvalidInput
from delivery.models import Counter, Link, LinkCounter
from tests.factories.abtests import make_experiment
from tests.factories.campaigns import make_template
from tests.factories.delivery import make_mailing
from tests.factories.team import WorkspaceFactory


@pytest.fixture
def test_of_two(workspace):
    """A planned test of two subjects."""
    experiment = services.create_experiment(workspace, name="Which subject?")
    services.set_factors(experiment, dimensions=["subject"], levels={"subject": ["", "Spring is here"]})
    return experiment


def names(experiment):
    return [variant.name for variant in selectors.variants_of(experiment)]


def test_a_plan_starts_with_what_is_usual_for_its_metric(workspace):
    clicks = services.create_experiment(workspace, name="Clicks")
    assert (clicks.metric, clicks.window_hours, clicks.base, clicks.lead) == ("click", 24, 0.03, 0.006)
    replies = services.create_experiment(workspace, name="Replies", metric="reply")
    assert replies.window_hours == 72


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"dimensions": []}, "dimensions"),
        ({"dimensions": ["colour"]}, "dimensions"),
        ({"metric": "link"}, "link_label"),
        ({"metric": "conversion"}, "event_name"),
        ({"largest_share": 0}, "largest_share"),
        ({"largest_share": 1.01}, "largest_share"),
        ({"spacing_minutes": -1}, "spacing_minutes"),
        ({"per_arm": 5}, "per_arm"),
        ({"mode": "bandit", "spacing_minutes": 0}, "spacing_minutes"),
        ({"mode": "bandit", "dimensions": ["send_time"]}, "mode"),
        ({"design": "continuous", "dimensions": ["send_time"]}, "dimensions"),
        ({"design": "continuous", "rule": "fixed"}, "days"),
        ({"design": "continuous", "days": 1, "window_hours": 24}, "days"),
        ({"base": float("nan")}, "base"),
        ({"rule": "feeling"}, "rule"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_at_its_field(workspace, test_of_two, fields, at):
    with pytest.raises(InvalidInput) as refused:
        services.update_experiment(test_of_two, **fields)
    assert list(refused.value.fields) == [at]
    with pytest.raises(InvalidInput) as refused:
        services.create_experiment(workspace, name="Another", **fields)
    assert at in refused.value.fields


def test_a_change_is_kept_and_no_change_is_none(test_of_two):
    assert services.update_experiment(test_of_two, name="  Subjects ", lead=0.01, without_proof="ask")
    assert (test_of_two.name, test_of_two.lead, test_of_two.without_proof) == ("Subjects", 0.01, "ask")
    assert not services.update_experiment(test_of_two, name="Subjects", lead=0.01)


def test_a_test_that_runs_is_locked(workspace):
    running = make_experiment(workspace)
    variant = selectors.variants_of(running)[1]
    for change in (
        lambda: services.update_experiment(running, name="Other"),
        lambda: services.add_variant(running),
        lambda: services.update_variant(variant, subject="Other"),
        lambda: services.remove_variant(variant),
        lambda: services.set_factors(running, dimensions=["subject"], levels={"subject": ["", "x"]}),
    ):
        with pytest.raises(ExperimentError, match="locked"):
            change()


def test_versions_get_letters_and_close_ranks(test_of_two):
    services.add_variant(test_of_two, subject="Third")
    services.add_variant(test_of_two, subject="Fourth", name="The loud one")
    assert names(test_of_two) == ["A", "B", "C", "The loud one"]
    services.remove_variant(selectors.variants_of(test_of_two)[1])
    assert names(test_of_two) == ["A", "B", "The loud one"]
    assert [variant.subject for variant in selectors.variants_of(test_of_two)] == ["", "Third", "Fourth"]


def test_the_control_and_the_last_two_stay(test_of_two):
    control, other = selectors.variants_of(test_of_two)
    with pytest.raises(ExperimentError, match="as it is"):
        services.remove_variant(control)
    with pytest.raises(ExperimentError, match="at least 2"):
        services.remove_variant(other)


@pytest.mark.parametrize(
    ("content", "at"),
    [
        ({"subject": "Hello {{ firstName"}, "subject"),
        ({"preheader": "x" * 501}, "preheader"),
        ({"from_name": "Ada\nBcc: all@example.com"}, "from_name"),
        ({"send_at": "nine"}, "send_at"),
        ({"subject": None}, "subject"),
        ({"colour": "red"}, "colour"),
        ({"name": " " * 3}, "name"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_a_version_that_cannot_be_is_refused_at_its_field(test_of_two, content, at):
    with pytest.raises(InvalidInput) as refused:
        services.update_variant(selectors.variants_of(test_of_two)[1], **content)
    assert list(refused.value.fields) == [at]


def test_another_workspaces_template_is_not_there(test_of_two):
    foreign = make_template(WorkspaceFactory(slug="other")).current_version
    with pytest.raises(InvalidInput, match="can't be like this"):
        services.update_variant(selectors.variants_of(test_of_two)[1], template_version=foreign)


def test_several_parts_make_every_combination(workspace, test_of_two):
    letter = make_template(workspace).current_version
    made = services.set_factors(
        test_of_two,
        dimensions=["content", "subject"],
        levels={"subject": ["", "Spring", "Sun"], "content": [None, letter]},
    )
    assert test_of_two.dimensions == ["subject", "content"]
    assert [variant.name for variant in made] == list("ABCDEF")
    assert [variant.levels for variant in made] == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert (made[3].subject, made[3].template_version) == ("Spring", letter)
    assert selectors.levels_of(test_of_two) == {"subject": ["", "Spring", "Sun"], "content": [None, letter]}
    with pytest.raises(ExperimentError, match="combinations"):
        services.remove_variant(made[1])


def test_versions_keep_their_rows_when_ways_are_edited_and_lose_what_is_not_tested_any_more(test_of_two):
    before = [variant.pk for variant in selectors.variants_of(test_of_two)]
    services.set_factors(test_of_two, dimensions=["preheader"], levels={"preheader": ["", "Look inside"]})
    after = selectors.variants_of(test_of_two)
    assert [variant.pk for variant in after] == before
    assert [(variant.subject, variant.preheader, variant.levels) for variant in after] == [
        ("", "", []),
        ("", "Look inside", []),
    ]


@pytest.mark.parametrize(
    ("levels", "at"),
    [
        ({"subject": [""]}, "subject"),
        ({"subject": ["", *"abcdefgh"]}, "subject"),
        ({"subject": ["", "{% if %}"]}, "subject.1"),
        ({}, "subject"),
    ],
)
def test_ways_that_cannot_be_are_refused_at_their_place(test_of_two, levels, at):
    with pytest.raises(InvalidInput) as refused:
        services.set_factors(test_of_two, dimensions=["subject"], levels=levels)
    assert list(refused.value.fields) == [at]
    assert names(test_of_two) == ["A", "B"]


def test_send_times_make_it_a_send_time_test_and_back(test_of_two):
    services.set_factors(test_of_two, dimensions=["send_time"], levels={"send_time": [time(9), time(17)]})
    assert test_of_two.design == Design.SEND_TIME
    services.set_factors(test_of_two, dimensions=["subject"], levels={"subject": ["", "b"]})
    assert test_of_two.design == Design.CELLS


def test_versions_that_repeat_another_are_found(test_of_two):
    assert selectors.repeated_variants(test_of_two) == []
    services.add_variant(test_of_two, subject="Spring is here")
    services.add_variant(test_of_two)
    assert [variant.name for variant in selectors.repeated_variants(test_of_two)] == ["C", "D"]


def test_the_plan_is_for_the_versions_there_are(test_of_two):
    two = services.plan_of(test_of_two, 100_000)
    services.add_variant(test_of_two, subject="Third")
    three = services.plan_of(test_of_two, 100_000)
    assert (two.arms, three.arms) == (2, 3)
    assert three.to_prove > two.to_prove
    assert services.plan_of(test_of_two, 0).per_arm == 0


def count(workspace, *, days_ago=1, **columns):
    mailing = make_mailing(workspace)
    Counter.objects.create(mailing=mailing, hour=clock.now() - timedelta(days=days_ago), **columns)
    return mailing


def test_the_base_rate_is_that_of_the_workspaces_last_90_days(workspace):
    count(workspace, accepted=900, clicked_human=45, opened_human=300)
    count(workspace, accepted=100, clicked_human=5)
    count(workspace, days_ago=100, accepted=1000, clicked_human=1000)
    count(WorkspaceFactory(slug="other"), accepted=1000, clicked_human=1000)
    assert selectors.base_rate(workspace, Metric.CLICK) == (0.05, 50, 1000)
    assert selectors.base_rate(workspace, Metric.OPEN).rate == 0.3
    assert services.create_experiment(workspace, name="Clicks").base == 0.05


def test_too_little_history_is_none(workspace):
    count(workspace, accepted=199, clicked_human=100)
    found = selectors.base_rate(workspace, Metric.CLICK)
    assert (found.rate, found.is_own) == (0.03, False)


def test_a_link_has_the_rate_of_the_mail_that_it_stood_in(workspace):
    mailing = count(workspace, accepted=400, clicked_human=80)
    count(workspace, accepted=5_000)
    link = Link.objects.create(pk=1, mailing_id=mailing.pk, url="https://example.com/a", label="https://example.com/a")
    LinkCounter.objects.create(link=link, clicked_human=40)
    assert selectors.base_rate(workspace, Metric.LINK, link="https://example.com/a") == (0.1, 40, 400)
    assert not selectors.base_rate(workspace, Metric.LINK, link="https://example.com/b").is_own


def test_a_workspace_where_nobody_responds_can_still_be_planned_with(workspace):
    count(workspace, accepted=10_000)
    assert selectors.base_rate(workspace, Metric.CLICK) == (0.0005, 0, 10_000)
    assert services.create_experiment(workspace, name="Clicks").lead == 0.0001
