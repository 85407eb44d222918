"""Steps that start a triggered campaign: its entry filter and its rule of re-entry hold for them, too."""

from datetime import timedelta

import pytest

from campaigns.models import Arrival
from campaigns.services import close_entry, start_or_stop
from contacts import services as contacts
from contacts.models import Contact
from core import clock
from sequences.events import OthersAsked
from sequences.models import Enrolment, EnrolmentState
from tests.factories.sequences import make_contacts
from tests.integration.campaigns.triggers import entered, launch_triggered, let_in, tell

EVENT = {"kind": "event", "event": "order.paid"}


@pytest.fixture
def people(workspace, mailbox):
    return make_contacts(workspace, 2)


def start(campaign, contact_ids, *keys):
    """A step asks for it; without keys: whoever has never been in."""
    start_or_stop(OthersAsked(campaign.sequence_id, contact_ids, list(keys) or [""] * len(contact_ids)))


def complete(campaign):
    Enrolment.objects.filter(sequence=campaign.sequence).update(state=EnrolmentState.COMPLETED)


def test_the_entry_filter_is_asked_and_asked_again_in_half_an_hour(workspace, people):
    rule = {"match": "all", "conditions": [{"field": "tags", "operator": "has", "value": "vip"}]}
    campaign = launch_triggered(workspace, {**EVENT, "filter": rule})
    Contact.objects.filter(pk=people[0]).update(tags=["vip"])
    start(campaign, people)

    assert list(Enrolment.objects.filter(sequence=campaign.sequence).values_list("contact_id", flat=True)) == people[:1]
    held = Arrival.objects.get()
    assert (held.contact_id, held.reason, held.state) == (people[1], "filtered", Arrival.State.WAITING)

    Contact.objects.filter(pk=people[1]).update(tags=["vip"])
    let_in(clock.now() + timedelta(minutes=31))
    assert len(entered(campaign)) == 2


def test_a_suppressed_contact_is_turned_away(workspace, people):
    campaign = launch_triggered(workspace, EVENT)
    contacts.suppress(workspace_id=workspace.pk, email=Contact.objects.get(pk=people[0]).email, reason="manual")
    start(campaign, people)
    assert len(entered(campaign)) == 1
    assert Arrival.objects.get().reason == "suppressed"


def test_once_stays_once_whatever_the_step_says(workspace, people):
    campaign = launch_triggered(workspace, EVENT)
    tell(workspace, {"name": "order.paid", "contact": people[0]})
    start(campaign, people[:1])
    start(campaign, people[:1], "start:1:1:act:0")
    start(campaign, people[1:], "start:1:2:act:0")
    start(campaign, people[1:], "start:1:2:act:1")
    assert len(entered(campaign)) == 2


def test_again_is_after_the_campaigns_gap(workspace, people):
    campaign = launch_triggered(workspace, {**EVENT, "reentry": "gap", "gap": "P2D"})
    start(campaign, people[:1], "start:1:1:act:0")
    start(campaign, people[:1], "start:1:1:act:1")
    assert len(entered(campaign)) == 1
    assert Arrival.objects.get().reason == "too_soon"

    complete(campaign)
    with clock.simulated(clock.now() + timedelta(days=3)):
        start(campaign, people[:1])
        assert len(entered(campaign)) == 1, "Without again nobody comes twice."
        start(campaign, people[:1], "start:1:1:act:2")
        assert len(entered(campaign)) == 2


def test_each_time_by_a_step_is_a_key_of_its_own(workspace, people):
    campaign = launch_triggered(workspace, {**EVENT, "reentry": "key", "entry_property": "order"})
    tell(workspace, {"name": "order.paid", "contact": people[0], "properties": {"order": 1}})
    start(campaign, people)
    assert len(entered(campaign)) == 2, "Who was in by an event doesn't come by a step without again."
    for rotation in (0, 1, 1):
        start(campaign, people[:1], f"start:1:1:act:{rotation}")
    assert len(entered(campaign)) == 4


def test_a_closed_campaign_takes_nobody_in(workspace, people):
    campaign = launch_triggered(workspace, EVENT)
    start(campaign, people[:1])
    close_entry(campaign)
    start(campaign, people[1:])
    assert len(entered(campaign)) == 1
