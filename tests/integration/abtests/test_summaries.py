"""What the results show beside the verdict is kept up to date by the analysis worker, and no longer than needed."""

from datetime import timedelta

import pytest

from abtests import services
from abtests.models import Experiment
from abtests.services.summarising import EVERY
from abtests.statistics import probability_best
from core import clock
from tests.factories.ab_results import make_decided, make_running, make_test

pytestmark = pytest.mark.django_db


def forget(experiment: Experiment) -> None:
    Experiment.objects.filter(pk=experiment.pk).update(summary={}, summarised_at=None)


def test_a_summary_has_what_the_statistics_say(workspace):
    experiment = make_running(workspace)
    forget(experiment)
    assert services.refresh_due_summaries() == 1
    experiment.refresh_from_db()
    chances, losses = probability_best([40, 52], [200, 200])
    assert experiment.summary["probability_best"] == pytest.approx(chances)
    assert experiment.summary["expected_loss"] == pytest.approx(losses)
    assert experiment.summary["trials"] == [200, 200]
    assert [fraction for fraction, _ in experiment.summary["plan"]] == pytest.approx([3 / 6, 4 / 6, 5 / 6, 1])
    assert experiment.summary["sample_ratio_p"] == 1


def test_a_fresh_summary_is_left_alone(workspace):
    make_running(workspace)
    assert services.refresh_due_summaries() == 0
    assert services.refresh_due_summaries(now=clock.now() + EVERY) == 1


def test_a_test_that_has_not_begun_has_none(workspace):
    make_test(workspace, started=False)
    assert services.refresh_due_summaries() == 0


def test_a_test_that_ended_is_summed_up_until_everybody_has_had_their_time(workspace):
    experiment = make_decided(workspace)
    now = clock.now()
    assert services.refresh_due_summaries(now=now + timedelta(hours=20)) == 1
    assert services.refresh_due_summaries(now=now + timedelta(hours=30)) == 1
    assert services.refresh_due_summaries(now=now + timedelta(hours=60)) == 0
    experiment.refresh_from_db()
    assert experiment.outcome == "WINNER"
