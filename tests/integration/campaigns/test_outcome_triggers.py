"""What becomes of contacts in one campaign lets them into another; circles are refused, and bounded where they can't be seen."""

from datetime import timedelta

import pytest

from campaigns import services
from campaigns.exceptions import NotReadyError
from campaigns.models import Arrival
from core import clock
from delivery.models import Message
from sequences import services as sequences
from sequences.models import Enrolment
from tests.factories.campaigns import make_list
from tests.factories.contacts import make_contact
from tests.factories.sequences import SOURCE
from tests.integration.campaigns.triggers import entered, launch_triggered, let_in, make_triggered, run_engine, tell
from tracking.events import HitsRecorded

PAID = {"kind": "event", "event": "order.paid"}
MAIL = {"kind": "email", "subject": "Hello", "source": SOURCE}


def outcome(campaign, name, **more):
    return {"kind": "outcome", "campaign": campaign.pk, "outcome": name, **more}


@pytest.fixture
def person(workspace, mailbox):
    return make_contact(workspace)


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([], "completed"),
        ([{"kind": "exit"}], "exited"),
        ([{"kind": "goal"}], "goal"),
    ],
)
def test_who_ends_in_this_way_enters_the_other_one(workspace, person, at_nine, steps, name):
    asked = {"kind": "branch", "on": "event", "event": "never", "lanes": {"yes": [MAIL], "no": steps}}
    first = launch_triggered(workspace, PAID, steps=[asked], name="First")
    followers = {
        each: launch_triggered(workspace, outcome(first, each), name=each)
        for each in ("completed", "exited", "goal", "replied")
    }
    tell(workspace, {"name": "order.paid", "contact": person.pk})
    run_engine(at_nine)
    let_in(at_nine)
    assert {each for each, campaign in followers.items() if entered(campaign)} == {name}


def test_a_reply_and_a_goal_in_mid_wait_are_outcomes_and_a_stop_by_hand_is_none(workspace, person, at_nine):
    steps = [{"kind": "wait", "wait": "P1D"}, MAIL]
    first = launch_triggered(workspace, PAID, steps=steps, name="First")
    replied = launch_triggered(workspace, outcome(first, "replied"), name="Replied")
    others = [make_contact(workspace, f"{n}@example.com") for n in range(2)]
    tell(workspace, *({"name": "order.paid", "contact": each.pk} for each in (person, *others)))
    ids = dict(Enrolment.objects.values_list("contact_id", "pk"))
    sequences.stop_enrolments(enrolment_ids=[ids[person.pk]], reason="replied")
    sequences.stop_enrolments(enrolment_ids=[ids[others[0].pk]], reason="manual")
    let_in(at_nine)
    assert entered(replied) == ["ada@example.com"]


def test_a_click_lets_in_and_an_open_does_not_count_as_one(workspace, person, at_nine):
    first = launch_triggered(workspace, PAID, name="First")
    clicked = launch_triggered(workspace, outcome(first, "clicked"), name="Clicked")
    opened = launch_triggered(workspace, outcome(first, "opened"), name="Opened")
    tell(workspace, {"name": "order.paid", "contact": person.pk})
    run_engine(at_nine)
    message = Message.objects.get()
    Message.objects.update(opened_at=at_nine + timedelta(minutes=1))
    services.note_hits(HitsRecorded(workspace.pk, [], [], [message.pk]))
    let_in(at_nine)
    assert (entered(opened), entered(clicked)) == (["ada@example.com"], [])
    Message.objects.update(clicked_at=at_nine + timedelta(minutes=2))
    services.note_hits(HitsRecorded(workspace.pk, [], [], [message.pk]))
    let_in(at_nine)
    assert entered(clicked) == ["ada@example.com"]


def test_a_circle_is_refused_when_the_last_of_it_is_launched(workspace, person, at_nine):
    first = make_triggered(workspace, PAID, name="First")
    second = launch_triggered(workspace, outcome(first, "completed"), name="Second")
    services.update_campaign(first, changes={"trigger": outcome(second, "completed")})
    with pytest.raises(NotReadyError, match="First → Second → First"):
        services.launch_campaign(first, accept_warnings=True)
    itself = make_triggered(workspace, PAID, name="Itself")
    services.update_campaign(itself, changes={"trigger": outcome(itself, "completed")})
    with pytest.raises(NotReadyError, match="Itself → Itself"):
        services.launch_campaign(itself, accept_warnings=True)


def test_a_circle_through_a_list_is_bounded_to_ten_entries_a_day(workspace, person, at_nine):
    list_ = make_list(workspace)
    rejoin = [
        {"kind": "action", "do": "remove_from_list", "list": list_.pk},
        {"kind": "action", "do": "add_to_list", "list": list_.pk},
    ]
    trigger = {"kind": "list", "list": list_.pk, "reentry": "gap", "gap": "PT1M"}
    campaign = launch_triggered(workspace, trigger, steps=[*rejoin, MAIL])
    from contacts import services as contacts

    contacts.add_members(list_=list_, contact_ids=[person.pk])
    for minutes in range(0, 120, 2):
        at = at_nine + timedelta(minutes=minutes)
        with clock.simulated(at):
            let_in(at)
            run_engine(at)
            let_in(at)  # who comes back in the same minute is too soon
            contacts.remove_members(list_=list_, contact_ids=[person.pk])
            contacts.add_members(list_=list_, contact_ids=[person.pk])
    let_in(at)
    assert len(entered(campaign)) == 10
    assert Arrival.objects.get().reason == "too_often"
