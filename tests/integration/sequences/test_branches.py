"""Branches, splits, actions, jumps, goals and exits, one by one."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F

from contacts import services as contacts
from contacts.models import Contact, List
from core import clock, facts
from delivery.models import Message, MessageState
from sequences import selectors, services
from sequences.models import Decision, Enrolment, EnrolmentState
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.integration.sequences.world import accept, finish, messages_of, queued, standing
from tracking.events import HitsRecorded

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GRACE = timedelta(minutes=15)


def mail(subject, key=""):
    return {"kind": "email", "key": key, "subject": subject, "source": SOURCE}


def engagement(**settings):
    lanes = {"yes": [mail("Yes")], "no": [mail("No")], "undelivered": [mail("Undelivered")]}
    return {"kind": "branch", "key": "asks", "on": "engagement", "step": "first", "lanes": lanes, **settings}


@pytest.fixture
def list_(workspace) -> List:
    return contacts.create_list(workspace=workspace, name="Customers")


def subjects(sequence):
    return [subject for _, subject in queued(sequence)]


def notice(messages, **columns):
    """People open, click or reply: the messages' columns and the fact that tells of them."""
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(**columns)
    fact = HitsRecorded(messages[0].workspace_id, [], [], [message.pk for message in messages])
    facts.record(fact, workspace_id=messages[0].workspace_id, occurred_at=clock.now())
    facts.deliver()


def test_a_list_sends_each_contact_into_its_lane_and_the_lanes_rejoin(workspace, mailbox, at_nine, list_):
    people = make_contacts(workspace, 4)
    contacts.add_members(list_=list_, contact_ids=people[:2])
    steps = [
        {"kind": "branch", "on": "list", "list": list_.pk, "lanes": {"yes": [mail("In")], "no": []}},
        {"kind": "wait", "wait": "PT1H"},
        mail("All"),
    ]
    sequence = make_document(workspace, steps)
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    assert queued(sequence) == [(people[0], "In"), (people[1], "In")]

    accept(messages_of(sequence, "In"), at_nine + HOUR)
    services.advance_due(now=at_nine + HOUR)
    assert queued(sequence)[2:] == [(people[2], "All"), (people[3], "All")]
    services.advance_due(now=at_nine + 2 * HOUR)
    assert queued(sequence)[4:] == [(people[0], "All"), (people[1], "All")]


def test_a_field_is_asked_as_a_segment_asks_and_the_decision_keeps_what_was_found(workspace, mailbox, at_nine):
    contacts.create_field(workspace=workspace, label="Plan")
    pro, free = make_contacts(workspace, 2)
    Contact.objects.filter(pk=pro).update(attributes={"plan": "pro"})
    branch = {"kind": "branch", "key": "asks", "on": "field", "field": "custom.plan", "operator": "is", "value": "pro"}
    sequence = make_document(workspace, [branch | {"lanes": {"yes": [mail("Pro")], "no": [mail("Free")]}}])
    enrol(sequence, [pro, free], mailbox)
    services.advance_due(now=at_nine)

    assert sorted(queued(sequence)) == sorted([(pro, "Pro"), (free, "Free")])
    kept = Decision.objects.order_by("enrolment_id").values_list("step_key", "lane", "inputs__found", "decided_at")
    assert list(kept) == [("asks", "yes", "pro", at_nine), ("asks", "no", None, at_nine)]


def test_a_segment_that_is_gone_routes_nobody_and_is_asked_again(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 2)
    segment = contacts.create_segment(
        workspace=workspace,
        name="Zeros",
        definition={"conditions": [{"field": "first_name", "operator": "is", "value": "Given0"}]},
    )
    branch = {"kind": "branch", "on": "segment", "segment": segment.pk}
    sequence = make_document(workspace, [branch | {"lanes": {"yes": [mail("Yes")], "no": [mail("No")]}}])
    enrol(sequence, people, mailbox)
    pk = segment.pk
    segment.delete()
    services.advance_due(now=at_nine)
    assert subjects(sequence) == []
    assert set(Enrolment.objects.values_list("reason", "due_at")) == {("cannot_ask", at_nine + HOUR / 2)}

    segment.pk = pk
    segment.save(force_insert=True)
    services.advance_due(now=at_nine + HOUR)
    assert sorted(queued(sequence)) == [(people[0], "Yes"), (people[1], "No")]
    assert set(Enrolment.objects.values_list("reason", flat=True)) == {""}


def test_a_click_routes_at_once_and_silence_only_when_the_window_and_the_grace_are_over(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 2)
    sequence = make_document(workspace, [mail("First", "first"), engagement(window="P1D")])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "First"), at_nine)
    services.advance_due(now=at_nine)
    closes = at_nine + DAY + GRACE
    assert standing(sequence) == dict.fromkeys(people, (EnrolmentState.ACTIVE, closes))

    clicked = at_nine + 5 * HOUR
    with clock.simulated(clicked + timedelta(seconds=2)):
        notice(messages_of(sequence, "First")[:1], clicked_at=clicked)
        assert services.advance_due(now=clock.now()) == 1
    assert queued(sequence)[2:] == [(people[0], "Yes")]
    assert Decision.objects.get().decided_at == clicked

    assert services.advance_due(now=closes - timedelta(seconds=1)) == 0
    services.advance_due(now=closes)
    assert queued(sequence)[3:] == [(people[1], "No")]
    assert Decision.objects.get(lane="no").decided_at == closes


def test_late_clicks_and_machine_opens_change_nothing(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_document(workspace, [mail("First", "first"), engagement(window="P1D", opens=True)])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    first = messages_of(sequence, "First")
    accept(first, at_nine)
    notice(first, opened_any_at=at_nine + HOUR, clicked_any_at=at_nine + HOUR)
    services.advance_due(now=at_nine + 2 * HOUR)
    assert subjects(sequence) == ["First"]

    notice(first, clicked_at=at_nine + DAY + timedelta(minutes=5))
    services.advance_due(now=at_nine + DAY + timedelta(minutes=10))
    assert subjects(sequence) == ["First"]
    services.advance_due(now=at_nine + DAY + GRACE)
    assert subjects(sequence) == ["First", "No"]


@pytest.mark.parametrize(("opens", "expected"), [(False, []), (True, ["Yes"])])
def test_opens_count_only_when_asked_for(workspace, mailbox, at_nine, opens, expected):
    (contact,) = make_contacts(workspace, 1)
    sequence = make_document(workspace, [mail("First", "first"), engagement(window="P1D", opens=opens)])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    first = messages_of(sequence, "First")
    accept(first, at_nine)
    notice(first, opened_at=at_nine + HOUR)
    services.advance_due(now=at_nine + HOUR)
    assert subjects(sequence)[1:] == expected


def test_who_was_never_reached_takes_the_third_lane(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 3)
    sequence = make_document(workspace, [mail("First", "first"), engagement()])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    failed, bounced, fine = messages_of(sequence, "First")
    finish([failed], MessageState.FAILED, at_nine)
    accept([bounced, fine], at_nine)
    Message.objects.filter(pk=bounced.pk).update(bounced_at=at_nine)
    services.advance_due(now=at_nine)
    assert queued(sequence)[3:] == [(people[0], "Undelivered"), (people[1], "Undelivered")]


def test_a_split_is_stable_keeps_its_shares_and_is_written_down(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 1_000)
    lanes = {"a": [mail("A")], "b": [mail("B")], "c": []}
    split = {"kind": "split", "split_key": "spring", "shares": {"a": 50, "b": 30, "c": 20}, "lanes": lanes}
    once, again = make_document(workspace, [split]), make_document(workspace, [split])
    for sequence in (once, again):
        enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    assert sorted(queued(once)) == sorted(queued(again))
    counted = Counter(Decision.objects.filter(enrolment__sequence=once).values_list("lane", flat=True))
    for lane, share in {"a": 500, "b": 300, "c": 200}.items():
        assert abs(counted[lane] - share) < 75


def test_actions_take_effect_before_the_next_step_asks(workspace, mailbox, at_nine, list_):
    contacts.create_field(workspace=workspace, label="Score", type_="number")
    people = make_contacts(workspace, 2)
    steps = [
        {"kind": "action", "do": "add_to_list", "list": list_.pk},
        {"kind": "action", "do": "set_field", "field": "score", "value": "7"},
        {"kind": "branch", "on": "field", "field": "custom.score", "operator": "equals", "value": 7,
         "lanes": {"yes": [{"kind": "branch", "on": "list", "list": list_.pk, "lanes": {"yes": [mail("Both")]}}]}},
        {"kind": "action", "do": "remove_from_list", "list": list_.pk},
        {"kind": "action", "do": "set_field", "field": "score", "value": None},
    ]  # fmt: skip
    sequence = make_document(workspace, steps)
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    assert queued(sequence) == [(contact, "Both") for contact in people]
    assert set(list_.contacts.values_list("pk", flat=True)) == set(people)
    assert set(Contact.objects.values_list("attributes__score", flat=True)) == {7}

    accept(messages_of(sequence, "Both"), at_nine)
    services.advance_due(now=at_nine)
    assert not list_.contacts.exists()
    assert list(Contact.objects.values_list("attributes", flat=True)) == [{}, {}]
    assert {state for state, _ in standing(sequence).values()} == {EnrolmentState.COMPLETED}


def test_a_goal_and_an_exit_end_the_way(workspace, mailbox, at_nine, list_):
    people = make_contacts(workspace, 2)
    contacts.add_members(list_=list_, contact_ids=people[:1])
    lanes = {"yes": [{"kind": "goal"}], "no": [mail("Sorry"), {"kind": "exit"}]}
    branch = {"kind": "branch", "on": "list", "list": list_.pk, "lanes": lanes}
    sequence = make_document(workspace, [branch])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "Sorry"), at_nine)
    services.advance_due(now=at_nine)
    ends = Enrolment.objects.order_by("pk").values_list("state", "reason")
    assert list(ends) == [(EnrolmentState.STOPPED, "goal"), (EnrolmentState.COMPLETED, "exit")]


def test_a_jump_back_sends_anew_and_a_jump_forward_skips(workspace, mailbox, at_nine, list_):
    people = make_contacts(workspace, 2)
    contacts.add_members(list_=list_, contact_ids=people[:1])
    steps = [
        mail("Weekly", "weekly"),
        {"kind": "wait", "wait": "P7D"},
        {"kind": "branch", "on": "list", "list": list_.pk, "lanes": {
            "yes": [{"kind": "jump", "to": "weekly"}], "no": [{"kind": "jump", "to": "bye"}]}},
        mail("Bye", "bye"),
    ]  # fmt: skip
    sequence = make_document(workspace, steps)
    enrol(sequence, people, mailbox)
    for week in range(3):
        now = at_nine + 7 * week * DAY
        services.advance_due(now=now)
        accept(Message.objects.filter(accepted_at=None), now)
    first, second = people
    assert queued(sequence) == [
        (first, "Weekly"), (second, "Weekly"), (first, "Weekly"), (second, "Bye"), (first, "Weekly"),
    ]  # fmt: skip
    assert Enrolment.objects.get(contact=first).rotation == 2
    assert Decision.objects.filter(enrolment__contact=first).count() == 2


def test_engagement_in_a_loop_is_that_of_its_own_round(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    steps = [
        mail("First", "first"),
        {"kind": "branch", "on": "engagement", "step": "first", "window": "P1D",
         "lanes": {"yes": [{"kind": "wait", "wait": "P1D"}, {"kind": "jump", "to": "first"}], "no": [mail("Silent")]}},
    ]  # fmt: skip
    sequence = make_document(workspace, steps)
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    first = messages_of(sequence, "First")
    accept(first, at_nine)
    notice(first, clicked_at=at_nine + HOUR)
    services.advance_due(now=at_nine + HOUR)
    services.advance_due(now=at_nine + HOUR + DAY)
    assert subjects(sequence) == ["First", "First"]
    second = messages_of(sequence, "First")[1:]
    accept(second, at_nine + 2 * DAY)
    services.advance_due(now=at_nine + 3 * DAY + GRACE)
    assert subjects(sequence) == ["First", "First", "Silent"]


def test_waits_follow_the_contacts_own_clock(workspace, mailbox, at_nine):
    # 9:00 UTC on Monday, 2 March 2026: 10:00 in Berlin, 4:00 in New York, where the clock changes on 8 March.
    people = make_contacts(workspace, 3)
    for contact, zone in zip(people, ["Europe/Berlin", "America/New_York", "Nowhere/Land"], strict=True):
        Contact.objects.filter(pk=contact).update(time_zone=zone)
    workspace.time_zone = "Asia/Tokyo"
    workspace.save()
    until = {"weekdays": [0], "time": "09:30"}
    weekday = make_document(workspace, [{"kind": "wait", "until": until}, mail("Monday")])
    calendar = make_document(workspace, [{"kind": "wait", "wait": "P10DT1H", "calendar": True}, mail("Ten days")])
    for sequence in (weekday, calendar):
        enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    berlin, new_york, tokyo = (standing(weekday)[contact][1] for contact in people)
    assert berlin == at_nine + 7 * DAY - HOUR / 2
    assert new_york == at_nine + 5.5 * HOUR
    assert tokyo == at_nine + 6 * DAY + 15.5 * HOUR
    assert [standing(calendar)[contact][1] - at_nine for contact in people] == [
        10 * DAY + HOUR,
        10 * DAY,
        10 * DAY + HOUR,
    ]


def test_a_wait_until_a_date_counts_from_the_contacts_field(workspace, mailbox, at_nine):
    contacts.create_field(workspace=workspace, label="Renewal", type_="date")
    soon, past, born, none = make_contacts(workspace, 4)
    for contact, day in {soon: "2026-03-20", past: "2026-01-01", born: "2000-02-29"}.items():
        Contact.objects.filter(pk=contact).update(attributes={"renewal": day})
    workspace.time_zone = "UTC"
    workspace.save()
    before = {"field": "renewal", "offset_days": -3, "time": "08:00"}
    once = make_document(workspace, [{"kind": "wait", "until": before}, mail("Renew")])
    yearly = make_document(workspace, [{"kind": "wait", "until": before | {"yearly": True}}, mail("Again")])
    enrol(once, [soon, past, none], mailbox)
    enrol(yearly, [born, past], mailbox)
    services.advance_due(now=at_nine)
    assert sorted(queued(once)) == sorted([(past, "Renew"), (none, "Renew")])
    assert standing(once)[soon][1] == at_nine + 15 * DAY - HOUR
    # The 29th of February is the 28th in 2027; 1 January's next reminder is on 29 December.
    assert standing(yearly)[born][1] == at_nine.replace(year=2027, month=2, day=25, hour=8)
    assert standing(yearly)[past][1] == at_nine.replace(year=2026, month=12, day=29, hour=8)


def test_a_loop_that_is_far_behind_catches_up_in_pieces(workspace, mailbox, at_nine):
    (contact,) = make_contacts(workspace, 1)
    steps = [
        {"kind": "wait", "key": "again", "wait": "PT1M"},
        {"kind": "split", "shares": {"a": 99, "b": 1}},
        {"kind": "jump", "to": "again"},
    ]
    sequence = make_document(workspace, [mail("One"), *steps])
    enrol(sequence, [contact], mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "One"), at_nine)
    services.advance_due(now=at_nine + 2 * DAY)
    assert standing(sequence)[contact] == (EnrolmentState.ACTIVE, at_nine + 2 * DAY + timedelta(minutes=1))
    assert Enrolment.objects.get().rotation == 2 * 24 * 60


def test_a_paused_branch_holds_and_asks_on_resume(workspace, mailbox, at_nine, list_):
    (contact,) = make_contacts(workspace, 1)
    branch = {"kind": "branch", "on": "list", "list": list_.pk, "lanes": {"yes": [mail("Yes")], "no": [mail("No")]}}
    sequence = make_document(workspace, [{"kind": "wait", "wait": "PT1H"}, branch])
    enrol(sequence, [contact], mailbox)
    services.pause(sequence)
    services.advance_due(now=at_nine + HOUR)
    contacts.add_members(list_=list_, contact_ids=[contact])
    services.resume(sequence)
    services.advance_due(now=at_nine + 2 * HOUR)
    assert subjects(sequence) == ["Yes"]
    assert not Enrolment.objects.filter(entered_step_at__gt=F("enrolled_at") + HOUR).exists()


def test_deleting_a_contact_takes_its_decisions_along(workspace, mailbox, at_nine, list_):
    people = make_contacts(workspace, 2)
    branch = {"kind": "branch", "on": "list", "list": list_.pk, "lanes": {"no": [mail("No")]}}
    sequence = make_document(workspace, [branch])
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    contacts.delete_contacts(workspace=workspace, contact_ids=people[:1])
    assert Decision.objects.count() == 1
    assert selectors.enrolments_in(workspace).get().contact_id == people[1]
