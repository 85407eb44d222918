"""What recipients do elsewhere converts the mail of a test that asks for it."""

from datetime import UTC, datetime, timedelta

import pytest

from abtests import services
from core import clock, facts
from delivery import selectors as delivery
from delivery import services as outgoing
from delivery.models import Message
from tests.factories.abtests import make_experiment
from tests.factories.delivery import make_contacts, make_mailbox
from tracking import services as tracking

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def experiment(workspace):
    with clock.simulated(NINE):
        yield make_experiment(workspace, metric="conversion", event_name="order", design="continuous", window_hours=24)


def send(experiment, people) -> dict[int, Message]:
    """Give people their arms, and have their mail accepted now."""
    mailbox = make_mailbox(experiment.workspace)
    arms = services.assign_entrants(experiment, contact_ids=people)
    mailings = dict(experiment.variants.values_list("pk", "mailing_id"))
    outgoing.count_responses(list(mailings.values()), bounds=[24])
    for person in people:
        Message.objects.create(
            workspace=experiment.workspace, mailing_id=mailings[arms[person]], contact_id=person, mailbox=mailbox,
            key=f"t{person}", state=1, created_at=NINE, due_at=NINE, accepted_at=NINE, stratum=1,
        )  # fmt: skip
    return {message.contact_id or 0: message for message in Message.objects.all()}


def event(person: int, at: datetime, name: str = "order") -> tracking.NewEvent:
    return tracking.NewEvent(contact_id=person, name=name, occurred_at=at)


def test_an_event_within_the_window_of_the_own_mail_converts_it_once(workspace, experiment):
    people = make_contacts(workspace, 6)
    messages = send(experiment, people[:5])
    with clock.simulated(NINE + 30 * HOUR):
        tracking.record_custom_events(
            workspace.pk,
            [
                event(people[0], NINE + HOUR),
                event(people[0], NINE + 2 * HOUR),
                event(people[1], NINE + 24 * HOUR),
                event(people[2], NINE + 24 * HOUR + timedelta(seconds=1)),
                event(people[3], NINE - timedelta(seconds=1)),
                event(people[4], NINE + HOUR, name="visit"),
                event(people[5], NINE + HOUR),
            ],
        )
    facts.deliver()
    for message in messages.values():
        message.refresh_from_db()
    converted = {person: message.converted_at for person, message in messages.items() if message.converted_at}
    assert converted == {people[0]: NINE + HOUR, people[1]: NINE + 24 * HOUR}
    mailing_ids = list(experiment.variants.values_list("mailing_id", flat=True))
    assert sum(row.converted for row in delivery.response_counts(mailing_ids)) == 2
