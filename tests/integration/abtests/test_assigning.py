"""Contacts get their arms, once."""

from collections import Counter

import pytest

from abtests import services
from abtests.assignment import cell_at, draw
from abtests.exceptions import ExperimentError
from abtests.models import Assignment
from contacts import services as contacts
from core.exceptions import InvalidInput
from tests.factories.abtests import make_experiment
from tests.factories.delivery import make_contacts


def cells(experiment):
    return {row.contact_id: (row.batch, row.variant_id) for row in Assignment.objects.filter(experiment=experiment)}


def test_cells_are_equal_and_dealt_as_the_draws_say(workspace):
    experiment, people = make_experiment(workspace, 3), make_contacts(workspace, 100)
    sizes = [5, 5, 4, 4]
    assert services.assign_cells(experiment, contact_ids=people, batch_sizes=sizes) == 54

    variants = [variant.pk for variant in experiment.variants.order_by("position")]
    expected = {}
    for position, person in enumerate(sorted(people, key=lambda one: draw(experiment.key, one))):
        if cell := cell_at(position, sizes, 3):
            expected[person] = (cell.batch, variants[cell.arm])
    assert cells(experiment) == expected
    assert set(Counter(cells(experiment).values()).values()) == {4, 5}


def test_dealing_again_changes_nothing(workspace):
    experiment, people = make_experiment(workspace), make_contacts(workspace, 40)
    services.assign_cells(experiment, contact_ids=people, batch_sizes=[3, 3, 3, 3])
    before = cells(experiment)
    assert services.assign_cells(experiment, contact_ids=people[::-1], batch_sizes=[3, 3, 3, 3]) == 0
    assert cells(experiment) == before


def test_an_audience_smaller_than_the_cells_is_refused(workspace):
    experiment, people = make_experiment(workspace), make_contacts(workspace, 10)
    for sizes in ([3, 3], [], [0, 1]):
        with pytest.raises(InvalidInput, match="smaller"):
            services.assign_cells(experiment, contact_ids=people, batch_sizes=sizes)
    with pytest.raises(InvalidInput, match="twice"):
        services.assign_cells(experiment, contact_ids=[people[0]] * 2, batch_sizes=[1])


def test_who_enters_alone_keeps_the_arm_though_the_shares_change(workspace):
    experiment, people = make_experiment(workspace), make_contacts(workspace, 200)
    first = services.assign_entrants(experiment, contact_ids=people[:100])
    assert set(first) == set(people[:100])
    assert min(Counter(first.values()).values()) > 30
    again = services.assign_entrants(experiment, contact_ids=people, weights=[0.0, 1.0])
    assert {person: again[person] for person in people[:100]} == first
    assert {again[person] for person in people[100:]} == {experiment.variants.get(name="B").pk}


def test_a_planned_test_gives_out_no_arms(workspace):
    experiment, people = make_experiment(workspace, started=False), make_contacts(workspace, 10)
    with pytest.raises(ExperimentError, match="running"):
        services.assign_cells(experiment, contact_ids=people, batch_sizes=[1])
    with pytest.raises(ExperimentError, match="running"):
        services.assign_entrants(experiment, contact_ids=people)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [2.0, -1.0]])
def test_shares_that_do_not_fit_are_refused(workspace, weights):
    experiment, people = make_experiment(workspace), make_contacts(workspace, 2)
    with pytest.raises(InvalidInput, match="share"):
        services.assign_entrants(experiment, contact_ids=people, weights=weights)


def test_a_deleted_contact_leaves_no_assignment(workspace):
    experiment, people = make_experiment(workspace), make_contacts(workspace, 4)
    services.assign_entrants(experiment, contact_ids=people)
    contacts.delete_contacts(workspace=workspace, contact_ids=people[:1])
    assert set(cells(experiment)) == set(people[1:])
