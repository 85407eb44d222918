"""Who gets which version in every state of a test: parts, hours, waiting for a verdict, and coming by again."""

from datetime import UTC, datetime, time, timedelta

import pytest

from abtests import services as abtests
from abtests.models import Assignment, Design, Experiment, ExperimentBatch, Variant, WithoutProof
from contacts.models import Contact
from core import clock
from delivery.models import Mailbox, Message
from sequences import services
from sequences.models import Enrolment, EnrolmentState
from team.models import Workspace
from tests.factories import sequences as make
from tests.factories.team import UserFactory
from tests.integration.sequences.experiments import DAY, EMAIL, LAST, drawn, enter, planned, subjects, under_test

pytestmark = pytest.mark.django_db(transaction=True)


def in_cells(experiment: Experiment) -> None:
    Experiment.objects.filter(pk=experiment.pk).update(design=Design.CELLS)
    experiment.refresh_from_db()


@pytest.mark.parametrize("at_once", [False, True], ids=["by the engine", "at entry"])
def test_whoever_is_in_no_part_waits_for_the_verdict_and_is_woken_by_it(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, *, at_once: bool
) -> None:
    sequence, experiment = planned(workspace, [EMAIL, DAY, LAST])
    in_cells(experiment)
    services.publish(sequence)
    experiment.refresh_from_db()
    contacts = make.make_contacts(workspace, 10)
    ExperimentBatch.objects.create(experiment=experiment, number=0, release_at=at_nine, released_at=at_nine)
    abtests.assign_cells(experiment, contact_ids=contacts[:4], batch_sizes=[2])
    enter(sequence, contacts, mailbox, at_nine, at_once=at_once)
    assert subjects() == drawn(experiment)
    assert set(subjects()) == set(contacts[:4])
    assert set(Message.objects.values_list("stratum", flat=True)) == {1}
    waiting = Enrolment.objects.filter(contact__in=contacts[4:])
    assert set(waiting.values_list("state", "reason")) == {(EnrolmentState.ACTIVE, "test")}
    abtests.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=UserFactory())
    services.advance_due(now=at_nine)
    assert {subjects()[contact] for contact in contacts[4:]} == {"Two"}
    assert set(Message.objects.filter(contact__in=contacts[4:]).values_list("stratum", flat=True)) == {0}


def test_equal_parts_are_drawn_when_nothing_was_proven(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL])
    Experiment.objects.filter(pk=experiment.pk).update(
        state=Experiment.State.DECIDED, without_proof=WithoutProof.EQUAL, outcome="LEADER_NOT_PROVEN"
    )
    enter(sequence, make.make_contacts(workspace, 40), mailbox, at_nine)
    assert set(subjects().values()) == {"One", "Two"}
    assert not Assignment.objects.exists()
    assert set(Message.objects.values_list("stratum", flat=True)) == {0}


def test_nobody_new_gets_a_version_that_was_stopped(workspace: Workspace, mailbox: Mailbox, at_nine: datetime) -> None:
    sequence, experiment = planned(workspace, [EMAIL])
    third = abtests.add_variant(experiment, name="C", subject="Three")
    services.publish(sequence)
    experiment.refresh_from_db()
    abtests.stop_arm(experiment, variant=third)
    enter(sequence, make.make_contacts(workspace, 60), mailbox, at_nine)
    assert set(subjects().values()) == {"One", "Two"}


def test_whoever_comes_by_again_gets_the_same_version(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    hour = {"key": "hour", "kind": "wait", "wait": "PT1H"}
    sequence, experiment = under_test(workspace, [EMAIL, hour, {"kind": "jump", "to": "hello"}])
    enter(sequence, make.make_contacts(workspace, 20), mailbox, at_nine)
    first = subjects()
    Message.objects.update(state=1)
    Enrolment.objects.update(step_key="hour", entered_step_at=at_nine, due_at=at_nine + timedelta(hours=1))
    services.advance_due(now=at_nine + timedelta(hours=1))
    assert Message.objects.count() == 40
    assert subjects() == first == drawn(experiment)
    abtests.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=UserFactory())
    Enrolment.objects.update(step_key="hour", entered_step_at=at_nine, due_at=at_nine + timedelta(hours=2))
    services.advance_due(now=at_nine + timedelta(hours=2))
    assert subjects() == first, "also when it is decided"


@pytest.fixture
def by_hour(workspace: Workspace) -> Experiment:
    """A broadcast's test of the hours 8:00 and 18:00, on the recipients' clocks."""
    _, experiment = planned(workspace, [EMAIL])
    Experiment.objects.filter(pk=experiment.pk).update(design=Design.SEND_TIME, dimensions=["send_time"])
    Variant.objects.filter(experiment=experiment).update(subject="", send_at=time(8))
    Variant.objects.filter(experiment=experiment, name="B").update(send_at=time(18))
    experiment.refresh_from_db()
    return experiment


@pytest.mark.parametrize("at_once", [False, True], ids=["by the engine", "at entry"])
def test_send_times_are_by_each_ones_clock_on_one_day(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, by_hour: Experiment, *, at_once: bool
) -> None:
    step = by_hour.steps.get()
    sequence = step.version.sequence
    services.publish(sequence)
    by_hour.refresh_from_db()
    contacts = make.make_contacts(workspace, 8)
    Contact.objects.filter(pk__in=contacts[:4]).update(time_zone="America/New_York")
    Contact.objects.filter(pk__in=contacts[4:]).update(time_zone="Europe/Berlin")
    abtests.assign_cells(by_hour, contact_ids=contacts, batch_sizes=[4])
    enter(sequence, contacts, mailbox, at_nine, at_once=at_once)
    arms = dict(Assignment.objects.values_list("contact_id", "variant__name"))
    # Nine in London is four in New York, where both hours are still to come; in Berlin it is ten: both are tomorrow's.
    hours = {
        ("A", True): datetime(2026, 3, 2, 13, tzinfo=UTC),
        ("B", True): datetime(2026, 3, 2, 23, tzinfo=UTC),
        ("A", False): datetime(2026, 3, 3, 7, tzinfo=UTC),
        ("B", False): datetime(2026, 3, 3, 17, tzinfo=UTC),
    }
    expected = {contact: hours[arms[contact], contact in contacts[:4]] for contact in contacts}
    assert dict(Enrolment.objects.values_list("contact_id", "due_at")) == expected
    assert set(Enrolment.objects.values_list("reason", flat=True)) == {"send_time"}
    assert not Message.objects.exists()
    for at in sorted(set(expected.values())):
        with clock.simulated(at):
            services.advance_due(now=at)
        assert set(Message.objects.values_list("contact_id", flat=True)) == {
            contact for contact, moment in expected.items() if moment <= at
        }
    strata = {
        arms[one] + str(one in contacts[:4]): stratum
        for one, stratum in Message.objects.values_list("contact_id", "stratum")
    }
    assert strata["ATrue"] == strata["BTrue"] != strata["AFalse"] == strata["BFalse"], "one stratum a zone and day"


def test_a_missed_hour_is_not_made_up_for_at_another(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, by_hour: Experiment
) -> None:
    sequence = by_hour.steps.get().version.sequence
    services.publish(sequence)
    by_hour.refresh_from_db()
    contacts = make.make_contacts(workspace, 2)
    abtests.assign_cells(by_hour, contact_ids=contacts, batch_sizes=[1])
    enter(sequence, contacts, mailbox, at_nine)
    late = datetime(2026, 3, 3, 11, tzinfo=UTC)  # the engine stood still at eight
    with clock.simulated(late):
        services.advance_due(now=late)
    early = Assignment.objects.get(variant__name="A").contact_id
    assert not Message.objects.exists()
    assert Enrolment.objects.get(contact=early).due_at == datetime(2026, 3, 4, 8, tzinfo=UTC)


def test_the_clocks_change_between_entering_and_the_hour(
    workspace: Workspace, mailbox: Mailbox, by_hour: Experiment
) -> None:
    sequence = by_hour.steps.get().version.sequence
    services.publish(sequence)
    by_hour.refresh_from_db()
    contacts = make.make_contacts(workspace, 2)
    Contact.objects.filter(pk__in=contacts).update(time_zone="Europe/Berlin")
    abtests.assign_cells(by_hour, contact_ids=contacts, batch_sizes=[1])
    saturday = datetime(2026, 3, 28, 20, tzinfo=UTC)
    with clock.simulated(saturday):
        enter(sequence, contacts, mailbox, saturday)
    assert set(Enrolment.objects.values_list("due_at", flat=True)) == {
        datetime(2026, 3, 29, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 16, tzinfo=UTC),
    }
