"""A test pauses, goes on, and ends; arms are stopped; people decide."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from abtests import selectors, services
from abtests.events import BatchReleased, ExperimentDecided
from abtests.exceptions import ExperimentError
from abtests.models import Assignment, Experiment
from core import bus, clock
from tests.factories.abtests import make_experiment
from tests.factories.delivery import make_contacts
from tests.factories.responses import count
from tests.factories.team import UserFactory, WorkspaceFactory

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
State = Experiment.State


@pytest.fixture
def at_nine() -> Iterator[datetime]:
    with clock.simulated(NINE):
        yield NINE


@pytest.fixture
def announced(monkeypatch) -> list[object]:
    seen: list[object] = []
    monkeypatch.setitem(bus._decision_handlers, ExperimentDecided, [seen.append])
    monkeypatch.setitem(bus._decision_handlers, BatchReleased, [seen.append])
    return seen


def in_cells(workspace, arms=2, people=200, **plan) -> Experiment:
    """Begin a test of 40 people an arm in four parts, by the hour from nine on."""
    fields = {"window_hours": 2, "base": 0.2, "lead": 0.3, "batches": 4, "per_arm": 40, **plan}
    experiment = make_experiment(workspace, arms, **fields)
    contacts = make_contacts(workspace, people, prefix=f"t{experiment.pk}-")
    assert services.begin_cells(experiment, contact_ids=iter(contacts), now=clock.now())
    experiment.refresh_from_db()
    return experiment


def arm(experiment, name):
    return experiment.variants.get(name=name)


def release(at: datetime) -> int:
    with clock.simulated(at):
        return services.release_due_batches()


def cells(experiment) -> Counter:
    rows = Assignment.objects.filter(experiment=experiment).values_list("batch", "variant__name")
    return Counter(rows)


# Beginning


def test_a_test_begins_with_equal_cells_and_its_first_part_goes_out(workspace, at_nine, announced):
    experiment = in_cells(workspace)
    assert cells(experiment) == {(part, name): 10 for part in range(4) for name in "AB"}
    assert announced == [BatchReleased(experiment.pk, 0)]
    parts = list(experiment.parts.values_list("number", "release_at", "released_at", "size"))
    assert parts == [(n, NINE + n * HOUR, NINE if n == 0 else None, 20) for n in range(4)]
    assert experiment.deadline_at == NINE + 6 * HOUR


def test_beginning_twice_changes_nothing(workspace, at_nine, announced):
    experiment = in_cells(workspace)
    before = set(Assignment.objects.values_list("contact", "variant", "batch"))
    assert services.begin_cells(experiment, contact_ids=make_contacts(workspace, 9), now=NINE + HOUR)
    assert set(Assignment.objects.values_list("contact", "variant", "batch")) == before
    assert len(announced) == 1


def test_the_test_takes_no_more_of_the_audience_than_it_may(workspace, at_nine):
    experiment = in_cells(workspace, largest_share=0.1)
    assert sum(cells(experiment).values()) == 20
    assert experiment.parts.count() == 4


def test_fewer_people_than_parts_make_fewer_parts(workspace, at_nine):
    experiment = in_cells(workspace, people=5)
    assert sorted(cells(experiment).values()) == [1, 1, 1, 1]
    assert experiment.parts.count() == 2


def test_with_fewer_people_than_arms_there_is_no_test_and_the_control_goes_to_all(workspace, at_nine, announced):
    experiment = in_cells(workspace, 4, people=3)
    assert (experiment.state, experiment.outcome) == (State.STOPPED, "too_few")
    assert announced == [ExperimentDecided(experiment.pk, "too_few", arm(experiment, "A").pk)]


def test_parts_go_out_at_their_time_and_a_late_one_puts_the_others_off(workspace, at_nine):
    experiment = in_cells(workspace)
    assert release(NINE + HOUR - timedelta(seconds=1)) == 0
    assert release(NINE + HOUR) == 1
    assert release(NINE + HOUR) == 0
    # Nobody worked for ten hours: not all of it goes out at once now.
    assert release(NINE + 11 * HOUR) == 1
    assert release(NINE + 11 * HOUR) == 0
    assert experiment.parts.get(number=3).release_at == NINE + 12 * HOUR


# Pausing


def test_a_pause_puts_off_what_was_to_come(workspace, at_nine):
    experiment = in_cells(workspace)
    with clock.simulated(NINE + HOUR / 2):
        services.pause(experiment)
    assert release(NINE + 5 * HOUR) == 0
    count(experiment, {"A": (10, 1), "B": (10, 9)}, NINE)
    with clock.simulated(NINE + 5 * HOUR):
        assert services.take_due_looks() == 0
    with clock.simulated(NINE + 6 * HOUR + HOUR / 2):
        services.resume(experiment)
        assert services.release_due_batches() == 0
        assert services.take_due_looks() == 1
    releases = experiment.parts.filter(released_at=None).values_list("release_at", flat=True)
    assert list(releases) == [NINE + hours * HOUR for hours in (7, 8, 9)]
    assert experiment.deadline_at == NINE + 12 * HOUR


def test_a_clock_put_back_during_a_pause_puts_nothing_off(workspace, at_nine):
    experiment = in_cells(workspace)
    services.pause(experiment)
    with clock.simulated(NINE - 7 * HOUR):
        services.resume(experiment)
    assert experiment.parts.get(number=1).release_at == NINE + HOUR


def test_a_test_paused_by_hand_does_not_go_on_with_its_campaign(workspace, at_nine):
    experiment = in_cells(workspace)
    services.pause(experiment)
    services.pause(experiment, with_campaign=True)
    services.resume(experiment, with_campaign=True)
    assert Experiment.objects.get().state == State.PAUSED
    services.resume(experiment)
    services.pause(experiment, with_campaign=True)
    services.resume(experiment, with_campaign=True)
    assert Experiment.objects.get().state == State.RUNNING


# Ending


def test_a_test_that_is_stopped_sends_the_control_on_and_is_over(workspace, at_nine, announced):
    experiment = in_cells(workspace)
    services.stop(experiment)
    assert (experiment.state, experiment.outcome, experiment.winner) == (State.STOPPED, "stopped", None)
    assert announced[-1] == ExperimentDecided(experiment.pk, "stopped", arm(experiment, "A").pk)
    assert cells(experiment) == {(0, "A"): 10, (0, "B"): 10}
    with pytest.raises(ExperimentError, match="over"):
        services.stop(experiment)
    with pytest.raises(ExperimentError, match="has its winner"):
        services.choose_winner(experiment, variant=arm(experiment, "B"), by=UserFactory())


def test_a_stopped_arm_is_given_to_nobody_any_more_and_its_people_join_the_rest(workspace, at_nine):
    experiment = in_cells(workspace, 3)
    services.stop_arm(experiment, variant=arm(experiment, "B"))
    assert cells(experiment) == {(part, name): 10 for part in range(4) for name in "ABC" if name != "B" or part == 0}
    assert list(experiment.parts.values_list("size", flat=True)) == [30, 20, 20, 20]
    with pytest.raises(ExperimentError, match="two versions"):
        services.stop_arm(experiment, variant=arm(experiment, "C"))
    with pytest.raises(ExperimentError, match="another test"):
        services.stop_arm(experiment, variant=arm(make_experiment(workspace, 3), "C"))


def test_two_people_who_decide_at_once_make_one_decision(transactional_db, at_nine):
    experiment = in_cells(WorkspaceFactory())
    people, refused = {name: UserFactory() for name in "AB"}, []
    ready = Barrier(2)

    def decide(name: str) -> None:
        ready.wait()
        try:
            services.choose_winner(Experiment.objects.get(), variant=arm(experiment, name), by=people[name])
        except ExperimentError as error:
            refused.append(error.message)
        finally:
            connection.close()

    threads = [Thread(target=decide, args=[name]) for name in "AB"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    experiment.refresh_from_db()
    assert refused == ["This test has not begun, or has its winner."]
    assert experiment.decided_by == people[experiment.winner.name]


def test_equal_parts_leave_out_what_was_stopped(workspace, at_nine):
    experiment = in_cells(workspace, 3, without_proof="equal")
    services.stop_arm(experiment, variant=arm(experiment, "A"))
    quiet = {"complaints": [0] * 3, "unsubscribes": [0] * 3}
    services.record_look(experiment, responses=[5, 9, 9], sent=[20, 40, 40], deadline=True, **quiet)
    assert [variant.name for variant in selectors.goes_to_the_rest(experiment)] == ["B", "C"]
