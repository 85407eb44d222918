"""Simulating a sequence whose email is tested: whose version it is, at which hour, and what would become of another."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from abtests import services as abtests
from abtests.models import Assignment, Design, Experiment, Variant
from contacts.models import Contact
from core import clock
from delivery.models import Mailbox
from sequences import services
from sequences.models import Sequence
from team.models import Workspace
from tests.factories import sequences as make
from tests.factories.team import ApiTokenFactory, UserFactory
from tests.integration.sequences.experiments import DAY, EMAIL, LAST, enter, planned, subjects, under_test

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_nine")]


@pytest.fixture
def api(workspace: Workspace) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


def simulate(api: APIClient, sequence: Sequence, status: int = 200, **data: Any) -> Any:
    answer = api.post(f"/api/v1/sequences/{sequence.pk}/simulate/", data, format="json")
    assert answer.status_code == status, answer.json()
    return answer.json()


def first(story: Any) -> tuple[str, str, str]:
    """Return the version of the first email, why it is that, and what its subject says."""
    stage = story["stages"][0]
    return stage["route"]["lane"], stage["route"]["basis"], stage["mail"]["subject"]


def test_each_contact_is_told_the_version_that_the_engine_then_sends(
    api: APIClient, workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, _ = planned(workspace, [EMAIL, DAY, LAST])
    contacts = make.make_contacts(workspace, 12)
    draft = {contact: first(simulate(api, sequence, contact=contact)) for contact in contacts}
    services.publish(sequence)
    told = {contact: first(simulate(api, sequence, contact=contact)) for contact in contacts}
    assert draft == told
    assert not Assignment.objects.exists(), "a simulation writes nothing"
    enter(sequence, contacts, mailbox, at_nine)
    assert subjects() == {contact: subject for contact, (_, _, subject) in told.items()}
    assert {(lane, basis, subject) for lane, basis, subject in told.values()} == {
        ("A", "known", "One"),
        ("B", "known", "Two"),
    }
    assert {contact: first(simulate(api, sequence, contact=contact)) for contact in contacts} == told


def test_somebody_made_up_gets_the_version_that_is_chosen_or_drawn(api: APIClient, workspace: Workspace) -> None:
    sequence, _ = planned(workspace, [EMAIL, DAY, LAST], from_name="Ada of Acme", subject="Two")
    assert first(simulate(api, sequence)) == ("A", "assumed", "One")
    chosen = simulate(api, sequence, outcomes={"hello": "B"})
    assert first(chosen) == ("B", "chosen", "Two")
    assert chosen["stages"][0]["mail"]["from_name"] == "Ada of Acme"
    assert chosen["stages"][0]["route"]["lanes"] == ["A", "B"]
    drawn = {first(simulate(api, sequence, seed=seed)) for seed in range(12)}
    assert drawn == {("A", "sampled", "One"), ("B", "sampled", "Two")}
    refused = simulate(api, sequence, 422, outcomes={"hello": "C"})
    assert "Its versions are A, B." in str(refused)
    simulate(api, sequence, 422, outcomes={"last": "A"})


def test_after_the_verdict_everybody_new_is_told_the_winner(
    api: APIClient, workspace: Workspace, mailbox: Mailbox, at_nine: datetime
) -> None:
    sequence, experiment = under_test(workspace, [EMAIL])
    contacts = make.make_contacts(workspace, 10)
    enter(sequence, contacts[:5], mailbox, at_nine)
    before = subjects()
    abtests.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=UserFactory())
    assert {first(simulate(api, sequence, contact=contact)) for contact in contacts[5:]} == {("B", "known", "Two")}
    assert first(simulate(api, sequence)) == ("B", "known", "Two")
    assert {each: first(simulate(api, sequence, contact=each))[2] for each in contacts[:5]} == before


def test_whoever_comes_by_again_keeps_their_version(api: APIClient, workspace: Workspace) -> None:
    hour = {"key": "hour", "kind": "wait", "wait": "PT1H"}
    sequence, _ = planned(workspace, [EMAIL, hour, {"kind": "jump", "to": "hello"}])
    for seed in range(4):
        story = simulate(api, sequence, seed=seed)
        rounds = [stage for stage in story["stages"] if stage["key"] == "hello"]
        assert len(rounds) > 2
        assert len({stage["mail"]["subject"] for stage in rounds}) == 1
        assert {stage["route"]["basis"] for stage in rounds[1:]} == {"known"}


@pytest.fixture
def by_hour(workspace: Workspace) -> Sequence:
    """A test of the hours 8:00 and 18:00, on the recipients' clocks; the email is of no use after a day and a half."""
    sequence, experiment = planned(workspace, [EMAIL | {"expires_after": "PT36H"}])
    Experiment.objects.filter(pk=experiment.pk).update(design=Design.SEND_TIME, dimensions=["send_time"])
    Variant.objects.filter(experiment=experiment).update(subject="", send_at=time(8))
    Variant.objects.filter(experiment=experiment, name="B").update(send_at=time(18))
    return sequence


def test_versions_leave_at_their_hour_of_the_contacts_clock_as_the_engine_sends_them(
    api: APIClient, workspace: Workspace, mailbox: Mailbox, at_nine: datetime, by_hour: Sequence
) -> None:
    services.publish(by_hour)
    experiment = Experiment.objects.get()
    contacts = make.make_contacts(workspace, 4)
    Contact.objects.filter(pk__in=contacts[:2]).update(time_zone="America/New_York")
    Contact.objects.filter(pk__in=contacts[2:]).update(time_zone="Europe/Berlin")
    abtests.assign_cells(experiment, contact_ids=contacts, batch_sizes=[2])
    told = {}
    for contact in contacts:
        (stage,) = simulate(api, by_hour, contact=contact)["stages"]
        assert stage["route"]["basis"] == "known"
        assert [hold["code"] for hold in stage["mail"]["holds"]] == ["version_hour"]
        told[contact] = datetime.fromisoformat(stage["mail"]["leaves_at"])
    enter(by_hour, contacts, mailbox, at_nine)
    resting = dict(by_hour.enrolments.values_list("contact_id", "due_at"))
    assert told == resting
    assert set(told.values()) <= {
        datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in [(2, 13), (2, 23), (3, 7), (3, 17)]
    }


def test_a_version_whose_hour_comes_too_late_is_skipped(
    api: APIClient, workspace: Workspace, by_hour: Sequence
) -> None:
    start = clock.now() - timedelta(hours=1, minutes=-1)  # a minute past eight: both hours are tomorrow's
    in_time = simulate(api, by_hour, start=start.isoformat(), outcomes={"hello": "B"})
    assert in_time["stages"][0]["left_at"] == "2026-03-03T18:00:00Z"
    sequence, experiment = planned(workspace, [EMAIL | {"expires_after": "PT12H"}])
    Variant.objects.filter(experiment=experiment).update(subject="", send_at=time(8))
    Variant.objects.filter(experiment=experiment, name="B").update(send_at=time(18))
    (stage,) = simulate(api, sequence, start=start.isoformat(), outcomes={"hello": "A"})["stages"]
    assert stage["mail"] is None
    assert "hour of its version" in stage["why"]
