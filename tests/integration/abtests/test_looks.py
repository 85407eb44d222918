"""When looks are taken: by who counts by now, never by what came out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from abtests import selectors, services, strata
from abtests.models import Experiment, ExperimentBatch
from abtests.statistics.records import Question
from core import clock
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


def look(at: datetime) -> int:
    with clock.simulated(at):
        return services.take_due_looks()


def in_cells(workspace, **plan) -> Experiment:
    """Begin a test of 2 × 40 people in four parts, by the hour from nine on; people count after two hours."""
    fields = {"window_hours": 2, "base": 0.2, "lead": 0.3, "batches": 4, "per_arm": 40, **plan}
    experiment = make_experiment(workspace, fields.pop("arms", 2), **fields)
    people = make_contacts(workspace, 200, prefix=f"t{experiment.pk}-")
    services.begin_cells(experiment, contact_ids=people, now=clock.now())
    return experiment


def continuous(workspace, **plan) -> Experiment:
    fields = {"window_hours": 2, "base": 0.2, "lead": 0.2, "batches": 4, "per_arm": 100, "design": "continuous", **plan}
    return make_experiment(workspace, fields.pop("arms", 2), **fields)


def release(at: datetime) -> int:
    with clock.simulated(at):
        return services.release_due_batches()


# What counts


def test_only_hours_that_are_over_for_good_count_and_only_responses_within_the_window(workspace, at_nine):
    experiment = continuous(workspace)
    count(experiment, {"A": (10, 1), "B": (11, 2)}, NINE)
    count(experiment, {"A": (20, 3), "B": (21, 4)}, NINE + HOUR)
    count(experiment, {"A": (0, 5), "B": (0, 6)}, NINE, late=True, stratum=2)
    count(experiment, {"A": (99, 9), "B": (99, 9)}, NINE, stratum=strata.NOT_COUNTED)
    assert selectors.matured(experiment, now=NINE + 3 * HOUR - timedelta(seconds=1)).trials == (0, 0)
    found = selectors.matured(experiment, now=NINE + 3 * HOUR)
    assert (found.trials, found.successes) == ((10, 11), (1, 2))
    assert selectors.matured(experiment, now=NINE + 4 * HOUR).trials == (30, 32)


# Parts


def test_a_part_is_looked_at_once_when_all_of_it_counts(workspace, at_nine):
    experiment = in_cells(workspace)
    count(experiment, {"A": (10, 2), "B": (10, 3)}, NINE)
    assert look(NINE + 3 * HOUR - timedelta(seconds=1)) == 0
    assert look(NINE + 3 * HOUR) == 1
    assert [look(NINE + 3 * HOUR + timedelta(seconds=30 * step)) for step in range(1, 10)] == [0] * 9
    assert experiment.looks.get().question["trials"] == [10, 10]


def test_two_workers_at_one_moment_take_one_look(transactional_db, at_nine):
    experiment = in_cells(WorkspaceFactory())
    count(experiment, {"A": (10, 2), "B": (10, 3)}, NINE)
    taken: list[int] = []
    ready = Barrier(4)

    def work() -> None:
        ready.wait()
        taken.append(services.take_due_looks())
        connection.close()

    with clock.simulated(NINE + 3 * HOUR):
        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(taken) == [0, 0, 0, 1]
    assert experiment.looks.count() == 1


def test_a_clock_that_is_put_back_brings_no_look_twice_and_unsays_none(workspace, at_nine):
    experiment = in_cells(workspace)
    count(experiment, {"A": (10, 2), "B": (10, 3)}, NINE)
    assert look(NINE + 3 * HOUR) == 1
    assert release(NINE + 3 * HOUR) == 1
    count(experiment, {"A": (10, 2), "B": (10, 3)}, NINE + 3 * HOUR, part=1)
    assert look(NINE - 5 * HOUR) == 0
    assert look(NINE + 3 * HOUR + timedelta(minutes=2)) == 0
    assert look(NINE + 6 * HOUR) == 1
    assert [each.question["trials"] for each in selectors.looks_at(experiment)] == [[10, 10], [20, 20]]


def test_slow_mail_is_waited_for_as_long_as_it_moves(workspace, at_nine, monkeypatch):
    from delivery import selectors as delivery

    monkeypatch.setattr(delivery, "waiting_strata", lambda _: {strata.of_part(0)})
    experiment = in_cells(workspace)
    count(experiment, {"A": (4, 1), "B": (5, 1)}, NINE)
    assert look(NINE + 3 * HOUR) == 0
    count(experiment, {"A": (3, 1), "B": (3, 1)}, NINE + 20 * HOUR)
    assert look(NINE + 40 * HOUR) == 0
    # Nothing has left for a day: what counts by now is what there is.
    assert look(NINE + 45 * HOUR) == 1
    assert experiment.looks.get().question["trials"] == [7, 8]


def test_people_who_were_not_sent_to_after_all_hold_nothing_up(workspace, at_nine):
    experiment = in_cells(workspace)
    count(experiment, {"A": (9, 1), "B": (10, 1)}, NINE)
    assert look(NINE + 3 * HOUR) == 1


def test_the_last_part_brings_the_last_look(workspace, at_nine):
    experiment = in_cells(workspace)
    for part in range(4):
        release(NINE + part * HOUR)
        count(experiment, {"A": (10, 2), "B": (10, 2)}, NINE + part * HOUR, part=part)
    assert [look(NINE + (3 + part) * HOUR) for part in range(4)] == [1, 1, 1, 1]
    experiment.refresh_from_db()
    assert (experiment.state, experiment.outcome) == (State.DECIDED, "INSUFFICIENT_DATA")
    assert experiment.looks.last().question["final"] is True
    assert experiment.winner.name == "A"
    assert look(NINE + 99 * HOUR) == 0


def test_all_at_once_is_judged_once(workspace, at_nine):
    experiment = in_cells(workspace, spacing_minutes=0)
    assert experiment.parts.get().size == 80
    count(experiment, {"A": (40, 4), "B": (40, 30)}, NINE)
    assert look(NINE + 3 * HOUR) == 1
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("WINNER", "B")
    assert experiment.looks.get().question["information"] is None


def test_a_deadline_before_anybody_counts_ends_the_test_with_what_was_chosen(workspace, at_nine):
    experiment = in_cells(workspace, days=1, window_hours=72, without_proof="control")
    assert experiment.deadline_at == NINE + timedelta(days=1)
    count(experiment, {"A": (10, 2), "B": (10, 9)}, NINE)
    assert look(NINE + timedelta(hours=23)) == 0
    assert look(NINE + timedelta(hours=24)) == 1
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("INSUFFICIENT_DATA", "A")
    assert not ExperimentBatch.objects.filter(released_at=None).exists()


def test_a_test_in_which_nobody_does_anything_ends_all_the_same(workspace, at_nine):
    experiment = in_cells(workspace)
    for part in range(4):
        release(NINE + part * HOUR)
        look(NINE + (3 + part) * HOUR)
    experiment.refresh_from_db()
    assert (experiment.state, experiment.outcome) == (State.DECIDED, "INSUFFICIENT_DATA")


def test_an_arm_that_does_harm_is_stopped_and_the_others_go_on(workspace, at_nine):
    experiment = in_cells(workspace, arms=3)
    count(
        experiment, {"A": (13, 2), "B": (13, 2), "C": (13, 12)}, NINE,
        complained={"C": 3},
    )  # fmt: skip
    assert look(NINE + 3 * HOUR) == 1
    assert experiment.looks.get().verdict["kind"] == "CONTINUE"
    assert experiment.looks.get().verdict["blocked"] == [2]
    assert list(experiment.variants.filter(stopped_at__isnull=False).values_list("name", flat=True)) == ["C"]
    release(NINE + 4 * HOUR)
    count(experiment, {"A": (13, 2), "B": (13, 2)}, NINE + 4 * HOUR, part=1)
    assert look(NINE + 7 * HOUR) == 1
    second = experiment.looks.last()
    assert (second.question["arms"], second.verdict["kind"]) == ([0, 1], "CONTINUE")
    assert Question.from_json(second.question).answer().sample_ratio_p == 1.0


def test_where_all_arms_do_harm_the_rest_waits_for_somebody(workspace, at_nine):
    experiment = in_cells(workspace)
    count(experiment, {"A": (10, 2), "B": (10, 2)}, NINE, complained={"A": 4, "B": 4})
    look(NINE + 3 * HOUR)
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner) == ("ALL_BLOCKED", None)
    assert selectors.goes_to_the_rest(experiment) == []
    services.choose_winner(experiment, variant=experiment.variants.get(name="A"), by=UserFactory())
    assert [variant.name for variant in selectors.goes_to_the_rest(experiment)] == ["A"]


def test_one_safe_arm_goes_to_the_rest(workspace, at_nine):
    experiment = in_cells(workspace)
    count(experiment, {"A": (10, 2), "B": (10, 9)}, NINE, complained={"B": 4})
    look(NINE + 3 * HOUR)
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("ONLY_SAFE_ARM", "A")


def test_a_broken_split_lets_the_rest_wait_for_somebody(workspace, at_nine):
    experiment = in_cells(workspace, without_proof="equal")
    count(experiment, {"A": (40, 2), "B": (5, 2)}, NINE)
    look(NINE + 3 * HOUR)
    experiment.refresh_from_db()
    assert (experiment.outcome, selectors.goes_to_the_rest(experiment)) == ("INVALID_SRM", [])
    services.stop(experiment)
    assert [variant.name for variant in selectors.goes_to_the_rest(experiment)] == ["A"]


def test_one_test_that_cannot_be_judged_does_not_keep_the_others_from_it(workspace, at_nine):
    broken, fine = in_cells(workspace), in_cells(workspace)
    count(broken, {"A": (10, 50), "B": (10, 3)}, NINE)
    count(fine, {"A": (10, 2), "B": (10, 3)}, NINE)
    assert look(NINE + 3 * HOUR) == 1
    assert (broken.looks.count(), fine.looks.count()) == (0, 1)


# Whoever comes by


def test_whoever_comes_by_is_judged_at_each_share_of_what_is_planned(workspace, at_nine):
    experiment = continuous(workspace)
    count(experiment, {"A": (20, 3), "B": (20, 3)}, NINE)
    assert look(NINE + 3 * HOUR) == 0
    count(experiment, {"A": (8, 1), "B": (8, 1)}, NINE + HOUR)
    assert look(NINE + 4 * HOUR) == 1
    assert look(NINE + 5 * HOUR) == 0
    count(experiment, {"A": (80, 16), "B": (80, 18)}, NINE + 2 * HOUR)
    assert look(NINE + 6 * HOUR) == 1
    experiment.refresh_from_db()
    assert [each.question["final"] for each in selectors.looks_at(experiment)] == [False, True]
    assert experiment.state == State.DECIDED


def test_a_fixed_test_is_judged_once_when_all_are_there_or_its_days_are_over(workspace, at_nine):
    planned, days = continuous(workspace, rule="fixed", days=9), continuous(workspace, rule="fixed", days=2)
    count(planned, {"A": (90, 9), "B": (90, 40)}, NINE)
    count(days, {"A": (90, 9), "B": (90, 40)}, NINE)
    assert look(NINE + 5 * HOUR) == 0
    count(planned, {"A": (10, 1), "B": (10, 4)}, NINE + HOUR)
    assert look(NINE + 6 * HOUR) == 1
    assert look(NINE + 48 * HOUR) == 1
    for experiment in (planned, days):
        experiment.refresh_from_db()
        assert (experiment.outcome, experiment.looks.count()) == ("WINNER", 1)


def test_an_always_valid_test_is_looked_at_every_day_and_can_be_made_again(workspace, at_nine):
    experiment = continuous(workspace, arms=3, rule="always_valid")
    arms = {"A": (100, 20), "B": (100, 21), "C": (100, 22)}
    count(experiment, arms, NINE)
    assert [look(NINE + hours * HOUR) for hours in (3, 23, 24, 25, 47, 48)] == [0, 0, 1, 0, 0, 1]
    count(experiment, {"A": (200, 30), "B": (200, 30), "C": (200, 120)}, NINE + 48 * HOUR)
    assert look(NINE + 72 * HOUR) == 1
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("WINNER", "C")
    for kept in selectors.looks_at(experiment):
        again = Question.from_json(kept.question).answer()
        assert (kept.verdict["kind"], kept.verdict["smallest_z"], kept.verdict["boundary"]) == (
            again.kind,
            again.smallest_z,
            again.boundary,
        )
    assert kept.question["planned"] == 200


def test_when_nobody_comes_any_more_the_last_look_is_taken_when_all_count(workspace, at_nine):
    experiment = continuous(workspace)
    count(experiment, {"A": (20, 3), "B": (20, 19)}, NINE)
    services.end_when_matured(experiment)
    assert look(NINE + 2 * HOUR) == 0
    assert look(NINE + 3 * HOUR) == 1
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("WINNER", "B")


# Send times


def test_send_times_are_judged_once_within_each_day_and_time_zone(workspace, at_nine):
    experiment = in_cells(workspace, design="send_time", dimensions=["send_time"])
    east, west = strata.of_slot(timedelta(hours=1), 0), strata.of_slot(timedelta(hours=-8), 0)
    count(experiment, {"A": (20, 2)}, NINE, stratum=east)
    count(experiment, {"B": (20, 15)}, NINE + 9 * HOUR, stratum=east)
    assert look(NINE + 13 * HOUR) == 0  # others rest for their hour
    count(experiment, {"A": (20, 2)}, NINE + 20 * HOUR, stratum=west)
    count(experiment, {"B": (20, 15)}, NINE + 29 * HOUR, stratum=west)
    assert look(NINE + 31 * HOUR) == 0
    assert look(NINE + 32 * HOUR) == 1
    experiment.refresh_from_db()
    assert (experiment.outcome, experiment.winner.name) == ("WINNER", "B")
    kept = experiment.looks.get()
    assert kept.question["strata_trials"] == [[20, 20], [20, 20]]
    assert Question.from_json(kept.question).answer().smallest_z == kept.verdict["smallest_z"]
