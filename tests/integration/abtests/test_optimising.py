"""More of what works, part by part, without a claim."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from abtests import selectors, services
from abtests.models import Assignment, Experiment
from core import clock
from tests.factories.abtests import make_experiment
from tests.factories.delivery import make_contacts
from tests.factories.responses import count

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
State = Experiment.State


@pytest.fixture
def at_nine() -> Iterator[datetime]:
    with clock.simulated(NINE):
        yield NINE


def bandit(workspace, arms=2, **plan) -> Experiment:
    fields = {"window_hours": 2, "base": 0.2, "lead": 0.3, "batches": 4, "mode": "bandit", **plan}
    experiment = make_experiment(workspace, arms, **fields)
    if experiment.design == "cells":
        services.begin_cells(experiment, contact_ids=(), now=clock.now())
    return experiment


def release(at: datetime) -> int:
    with clock.simulated(at):
        return services.release_due_batches()


def weights(experiment) -> list[list[float]]:
    return list(experiment.parts.order_by("number").values_list("weights", flat=True))


def test_the_first_parts_are_equal_and_later_ones_favour_what_works(workspace, at_nine):
    experiment = bandit(workspace)
    assert weights(experiment) == [[0.5, 0.5], None, None, None]
    count(experiment, {"A": (90, 30), "B": (90, 60)}, NINE)
    release(NINE + HOUR)
    assert weights(experiment)[1] == [0.5, 0.5]  # fewer than 100 an arm
    count(experiment, {"A": (200, 40), "B": (200, 140)}, NINE + HOUR, part=1)
    release(NINE + 4 * HOUR)
    third = weights(experiment)[2]
    assert third[0] == pytest.approx(0.05, abs=0.01)
    assert sum(third) == pytest.approx(1)


def test_a_good_hour_of_which_one_arm_got_more_is_not_taken_for_its_merit(workspace, at_nine):
    experiment = bandit(workspace)
    count(experiment, {"A": (900, 90), "B": (100, 10)}, NINE)
    count(experiment, {"A": (100, 30), "B": (900, 270)}, NINE + HOUR, part=1)
    release(NINE + 5 * HOUR)
    assert 0.2 < weights(experiment)[1][1] < 0.8


def test_a_part_takes_its_share_of_the_people_and_every_person_once(workspace, at_nine):
    experiment, people = bandit(workspace), make_contacts(workspace, 400)
    taken = [selectors.drawn_into(experiment, people, number) for number in range(4)]
    assert sorted(one for part in taken for one in part) == sorted(people)
    assert all(70 < len(part) < 130 for part in taken)
    part = experiment.parts.get(number=0)
    part.weights = [0.2, 0.8]
    assert services.assign_drawn(experiment, contact_ids=people, part=part) == 400
    assert services.assign_drawn(experiment, contact_ids=people, part=part) == 0
    arms = Counter(Assignment.objects.values_list("variant__name", flat=True))
    assert 280 < arms["B"] < 360
    part.refresh_from_db()
    assert part.size == 400


def test_a_stopped_arm_gets_nothing_more(workspace, at_nine):
    experiment = bandit(workspace, 3)
    count(experiment, {"A": (200, 80), "B": (200, 80), "C": (200, 80)}, NINE)
    services.stop_arm(experiment, variant=experiment.variants.get(name="A"))
    release(NINE + 4 * HOUR)
    assert weights(experiment)[1][0] == 0
    assert sum(weights(experiment)[1]) == pytest.approx(1)


def test_no_look_is_ever_taken_and_it_ends_without_a_winner(workspace, at_nine):
    experiment = bandit(workspace)
    count(experiment, {"A": (500, 50), "B": (500, 400)}, NINE)
    with clock.simulated(NINE + 9 * HOUR):
        assert services.take_due_looks() == 0
        services.finish_bandit(experiment)
        services.finish_bandit(experiment)
    assert (experiment.state, experiment.outcome, experiment.winner) == (State.DECIDED, "bandit", None)
    assert not experiment.looks.exists()


def test_whoever_comes_by_is_drawn_by_shares_that_are_renewed(workspace, at_nine):
    experiment = bandit(workspace, design="continuous", spacing_minutes=30, days=2)
    assert experiment.parts.filter(released_at__isnull=False).get().number == 0
    count(experiment, {"A": (200, 20), "B": (200, 120)}, NINE)
    assert release(NINE + HOUR / 2) == 1
    assert release(NINE + 4 * HOUR) == 1
    assert release(NINE + 4 * HOUR) == 0
    assert weights(experiment)[2][1] > 0.9
    with clock.simulated(NINE + 48 * HOUR):
        services.take_due_looks()
    experiment.refresh_from_db()
    assert (experiment.state, experiment.outcome) == (State.DECIDED, "bandit")


def test_an_unproven_test_optimises_the_rest(workspace, at_nine):
    fields = {"window_hours": 2, "base": 0.2, "lead": 0.3, "batches": 4, "per_arm": 40, "without_proof": "bandit"}
    experiment = make_experiment(workspace, **fields)
    services.begin_cells(experiment, contact_ids=make_contacts(workspace, 300), now=NINE)
    for part in range(4):
        release(NINE + part * HOUR)
        count(experiment, {"A": (10, 3), "B": (10, 4)}, NINE + part * HOUR, part=part)
    for hours in range(3, 7):
        with clock.simulated(NINE + hours * HOUR):
            services.take_due_looks()
    experiment.refresh_from_db()
    assert (experiment.state, experiment.mode, experiment.looks.count()) == (State.RUNNING, "bandit", 4)
    assert list(experiment.parts.filter(is_drawn=True).values_list("number", flat=True)) == [4, 5, 6, 7]
    assert release(NINE + 6 * HOUR) == 1
    assert experiment.parts.get(number=4).weights == [0.5, 0.5]
