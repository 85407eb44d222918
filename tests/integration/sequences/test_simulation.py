"""Simulating over the API: exact times with windows, caps and clock changes; outcomes chosen or drawn; nothing written."""

from datetime import UTC, datetime, time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from contacts import services as contacts
from contacts.models import Contact, SuppressionReason
from delivery import selectors as delivery_reads
from delivery import services as delivery
from delivery.models import Mailbox, Mailing, Message
from sequences import selectors, services
from sequences.models import Decision, Enrolment, EnrolmentState
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import ApiTokenFactory, WorkspaceFactory

API = "/api/v1/sequences/"


def email(key, **fields):
    return {"key": key, "kind": "email", "source": SOURCE, "subject": key.title(), **fields}


@pytest.fixture
def api(workspace):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


@pytest.fixture(autouse=True)
def _now(at_nine):
    """It is nine o'clock on Monday, 2 March 2026."""


def simulate(api, sequence, **data):
    answer = api.post(f"{API}{sequence.pk}/simulate/", data, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def times(story):
    return [(stage["key"], stage["left_at"] and stage["left_at"].removesuffix("Z")) for stage in story["stages"]]


BRANCHED = [
    email("hello", subject="Hello {{ firstName | default: 'there' }}"),
    {"key": "click", "kind": "branch", "on": "engagement", "step": "hello", "window": "P3D", "lanes": {
        "yes": [email("thanks")], "no": [email("again")], "undelivered": [{"key": "out", "kind": "exit"}]}},
    {"key": "buy", "kind": "wait_for", "event": "bought", "timeout": "P2D", "lanes": {"happened": [email("receipt")]}},
    {"key": "lot", "kind": "split", "shares": {"a": 50, "b": 50}, "lanes": {"a": [email("a1")], "b": [email("b1")]}},
]  # fmt: skip


def test_the_usual_way_has_exact_times_and_the_subject_as_the_person_gets_it(api, workspace):
    sequence = make_document(workspace, BRANCHED, publish=False)
    story = simulate(api, sequence, person={"first_name": "Ada"}, outcomes={"lot": "b"})
    assert times(story) == [
        ("hello", "2026-03-02T09:00:00"),
        ("click", "2026-03-05T09:15:00"),
        ("again", "2026-03-05T09:15:00"),
        ("buy", "2026-03-07T09:15:00"),
        ("lot", "2026-03-07T09:15:00"),
        ("b1", "2026-03-07T09:15:00"),
    ]
    assert story["stages"][0]["mail"]["subject"] == "Hello Ada"
    assert (story["ending"], story["ended_at"]) == ("completed", "2026-03-07T09:15:00Z")
    assert [stage["route"]["basis"] for stage in story["stages"] if stage["route"]] == ["assumed", "assumed", "chosen"]


def test_chosen_outcomes_lead_elsewhere(api, workspace):
    sequence = make_document(workspace, BRANCHED)
    yes = simulate(api, sequence, outcomes={"click": "yes", "buy": "happened", "lot": "a"}, reacts_after="PT2H")
    assert times(yes) == [
        ("hello", "2026-03-02T09:00:00"),
        ("click", "2026-03-02T11:00:00"),
        ("thanks", "2026-03-02T11:00:00"),
        ("buy", "2026-03-02T13:00:00"),
        ("receipt", "2026-03-02T13:00:00"),
        ("lot", "2026-03-02T13:00:00"),
        ("a1", "2026-03-02T13:00:00"),
    ]
    out = simulate(api, sequence, outcomes={"click": "undelivered"})
    assert (out["ending"], [stage["key"] for stage in out["stages"]]) == ("exit", ["hello", "click", "out"])


def test_the_same_seed_draws_the_same_and_others_differ(api, workspace):
    sequence = make_document(workspace, BRANCHED)
    drawn = [simulate(api, sequence, seed=seed) for seed in range(12)]
    assert drawn[3] == simulate(api, sequence, seed=3)
    assert len({str(times(story)) for story in drawn}) > 3
    assert {stage["route"]["basis"] for story in drawn for stage in story["stages"] if stage["route"]} == {"sampled"}


def test_a_contact_is_asked_as_the_engine_would_and_actions_count_from_then_on(api, workspace):
    people = contacts.create_list(workspace=workspace, name="Customers")
    contacts.create_field(workspace=workspace, label="Plan")
    steps = [
        email("hello"),
        {"key": "free", "kind": "branch", "on": "field", "field": "custom.plan", "operator": "is", "value": "free", "lanes": {
            "yes": [{"key": "up", "kind": "action", "do": "set_field", "field": "plan", "value": "pro"},
                    {"key": "in", "kind": "action", "do": "add_to_list", "list": people.pk}]}},
        {"key": "pro", "kind": "branch", "on": "field", "field": "custom.plan", "operator": "is", "value": "pro"},
        {"key": "member", "kind": "branch", "on": "list", "list": people.pk},
        {"key": "both", "kind": "branch", "on": "segment", "segment": contacts.create_segment(
            workspace=workspace, name="Both", definition={"match": "all", "conditions": [
                {"field": "list", "operator": "in", "value": people.pk},
                {"field": "custom.plan", "operator": "is", "value": "pro"}]}).pk},
        email("bye"),
    ]  # fmt: skip
    sequence = make_document(workspace, steps)
    (contact_id,) = make_contacts(workspace, 1)
    Contact.objects.filter(pk=contact_id).update(attributes={"plan": "free"})
    lanes = lambda story: {stage["key"]: stage["route"]["lane"] for stage in story["stages"] if stage["route"]}  # noqa: E731
    free = simulate(api, sequence, contact=contact_id)
    assert lanes(free) == {"free": "yes", "pro": "yes", "member": "yes", "both": "yes"}
    made_up = simulate(api, sequence, person={"attributes": {"plan": "team"}, "lists": [people.pk]})
    assert lanes(made_up) == {"free": "no", "pro": "no", "member": "yes", "both": "no"}
    assert Contact.objects.get(pk=contact_id).attributes == {"plan": "free"}
    assert not people.contacts.exists()


def test_sending_hours_are_by_the_recipients_clock_and_a_clock_change_is_told(api, workspace):
    steps = [email("one"), {"key": "days", "kind": "wait", "wait": "P27D", "calendar": True}, email("two")]
    sequence = make_document(workspace, steps)
    window = {"weekdays": [0, 1, 2, 3, 4], "start": "10:00", "end": "16:00"}
    delivery.set_mailing_window(selectors.mailing_ids(sequence), window)
    story = simulate(api, sequence, person={"time_zone": "Europe/Berlin"}, start="2026-03-02T20:00:00Z")
    first, wait, second = story["stages"]
    # Ten o'clock is 9:00 UTC in winter and 8:00 UTC in summer; four weeks later at the same time of the wall.
    assert first["mail"]["leaves_at"] == "2026-03-03T09:00:00Z"
    assert first["mail"]["holds"] == [
        {"code": "window", "sentence": "It waits for the campaign's sending hours where the recipient lives.",
         "until": "2026-03-03T09:00:00Z"}
    ]  # fmt: skip
    assert (wait["left_at"], second["mail"]["leaves_at"]) == ("2026-03-30T08:00:00Z", "2026-03-30T08:00:00Z")
    assert wait["why"] == "27 days by the calendar in Europe/Berlin. The clocks of Europe/Berlin change on the way."


def test_quiet_hours_and_a_frequency_cap_hold(api, workspace):
    sequence = make_document(workspace, [email("one"), email("two"), {"kind": "wait", "wait": "PT12H"}, email("three")])
    delivery.set_sending_rules(
        workspace=workspace, quiet_from=time(20), quiet_until=time(8), most_messages=2, most_days=2
    )
    story = simulate(api, sequence)
    held = [
        [(hold["code"], hold["until"]) for hold in stage["mail"]["holds"]] for stage in story["stages"] if stage["mail"]
    ]
    assert held[:2] == [[], []]
    assert held[2] == [("frequency_cap", "2026-03-04T09:00:00Z")]


def test_a_mailbox_that_is_full_for_days_holds_until_its_line_has_gone(api, workspace):
    sequence = make_document(workspace, [email("one"), email("two"), email("three")])
    mailbox = make_mailbox(workspace)
    Mailbox.objects.filter(pk=mailbox.pk).update(per_day=2)
    story = simulate(api, sequence, mailbox=mailbox.pk)
    leaves = [stage["mail"]["leaves_at"] for stage in story["stages"]]
    assert leaves == ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "2026-03-03T00:00:00Z"]
    assert story["stages"][2]["mail"]["holds"][0]["code"] == "mailbox_cap"
    Mailbox.objects.filter(pk=mailbox.pk).update(
        per_day=None, ramp_start=1, ramp_growth=1, ramp_unit="messages", ramp_target=9
    )
    ramp = simulate(api, sequence, mailbox=mailbox.pk)
    assert [stage["mail"]["leaves_at"][:10] for stage in ramp["stages"]] == ["2026-03-02", "2026-03-03", "2026-03-03"]
    assert ramp["stages"][1]["mail"]["holds"][0]["code"] == "warm_up"


def test_a_loop_is_shown_for_a_while(api, workspace):
    steps = [
        email("hello"),
        {"key": "week", "kind": "wait", "wait": "P7D"},
        {"key": "back", "kind": "jump", "to": "hello"},
    ]
    story = simulate(api, make_document(workspace, steps))
    assert story["ending"] == "cut"
    assert [stage["rotation"] for stage in story["stages"][:6]] == [0, 0, 0, 1, 1, 1]


def test_outcomes_of_a_later_round_are_chosen_by_its_number(api, workspace):
    steps = [
        email("hello"),
        {"key": "week", "kind": "wait", "wait": "P7D"},
        {"key": "click", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {"yes": [{"kind": "exit"}]}},
        {"key": "back", "kind": "jump", "to": "hello"},
    ]
    story = simulate(api, make_document(workspace, steps), outcomes={"click:1": "yes"})
    assert (story["ending"], len(story["stages"])) == ("exit", 8)


def test_nothing_is_sent_or_written(api, workspace):
    sequence = make_document(workspace, BRANCHED)
    (contact_id,) = make_contacts(workspace, 1)
    mailings = Mailing.objects.count()
    with CaptureQueriesContext(connection) as queries:
        simulate(api, sequence, contact=contact_id, seed=1)
    wrote = [query["sql"] for query in queries if query["sql"].lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [sql for sql in wrote if "apitoken" not in sql] == []
    assert (Message.objects.count(), Enrolment.objects.count(), Decision.objects.count()) == (0, 0, 0)
    assert Mailing.objects.count() == mailings


def test_what_stands_in_the_way_is_told(api, workspace):
    sequence = make_document(workspace, [email("hello")])
    (contact_id,) = make_contacts(workspace, 1)
    contacts.suppress(workspace_id=workspace.pk, email="person0@example.com", reason=SuppressionReason.MANUAL)
    warnings = simulate(api, sequence, contact=contact_id)["warnings"]
    assert warnings[0].startswith("Their address is suppressed")
    assert warnings[1] == "No mailbox is chosen, so its limits are not looked at."


def test_an_email_that_can_not_be_made_says_so(api, workspace):
    sequence = make_document(workspace, [email("hello", subject="Hi {% if %}")], publish=False)
    assert "can’t be made" in simulate(api, sequence)["stages"][0]["mail"]["problem"]


def test_steps_that_are_not_finished_can_not_be_simulated(api, workspace):
    sequence = make_document(workspace, [email("hello"), {"key": "wait", "kind": "wait"}], publish=False)
    answer = api.post(f"{API}{sequence.pk}/simulate/", {}, format="json")
    assert (answer.status_code, answer.json()["errors"]) == (422, {"steps.wait": ["How long?"]})


@pytest.mark.parametrize(
    "data, field",
    [
        ({"outcomes": {"nowhere": "yes"}}, "outcomes.nowhere"),
        ({"outcomes": {"click": "maybe"}}, "outcomes.click"),
        ({"outcomes": {"hello": "yes"}}, "outcomes.hello"),
        ({"outcomes": ["yes"]}, "outcomes"),
        ({"person": {"time_zone": "Mars/Olympus"}}, "time_zone"),
        ({"person": {"attributes": {"lost": 1}}}, "attributes.lost"),
        ({"person": {"lists": [999_999]}}, "lists"),
        ({"person": "Ada"}, "person"),
        ({"start": "yesterday"}, "start"),
        ({"seed": "x"}, "seed"),
        ({"reacts_after": "-PT1H"}, "reacts_after"),
    ],
)
def test_what_makes_no_sense_is_a_422_that_names_the_field(api, workspace, data, field):
    sequence = make_document(workspace, BRANCHED)
    answer = api.post(f"{API}{sequence.pk}/simulate/", data, format="json")
    assert answer.status_code == 422, answer.json()
    assert any(field in name for name in answer.json()["errors"]), answer.json()


def test_other_workspaces_contacts_mailboxes_and_sequences_are_not_there(api, workspace):
    sequence = make_document(workspace, BRANCHED)
    other = WorkspaceFactory()
    (stranger,) = make_contacts(other, 1)
    for data in ({"contact": stranger}, {"mailbox": make_mailbox(other).pk}, {"version": "9"}):
        assert api.post(f"{API}{sequence.pk}/simulate/", data, format="json").status_code == 404
    assert api.post(f"{API}{make_document(other, BRANCHED).pk}/simulate/", {}, format="json").status_code == 404


def test_the_foresight_agrees_with_the_queue_about_a_window_in_another_zone(workspace):
    moment = datetime(2026, 3, 28, 23, tzinfo=UTC)
    foresight = delivery_reads.foresee(
        workspace,
        window={"weekdays": [6], "start": "02:30", "end": "04:00"},
        mailbox=None,
        contact_id=None,
        time_zone="Europe/Berlin",
        now=moment,
    )
    # On the day of the change there is no half past two: it opens at three.
    assert foresight.departure(moment).at == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_the_exit_filter_takes_people_out_before_an_email(api, workspace):
    sequence = make_document(workspace, [email("hello"), {"kind": "wait", "wait": "P1D"}, email("last")])
    leaves = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}
    services.update_rules(sequence, exit_filter=leaves)
    story = simulate(api, sequence, person={"company": "Acme"})
    assert (story["ending"], story["stages"]) == ("exit_filter", [])
    assert simulate(api, sequence, person={"company": "Other"})["ending"] == "completed"


def test_a_choice_can_not_take_back_a_reaction_that_was_chosen_before(api, workspace):
    steps = [
        email("hello"),
        {"key": "soon", "kind": "branch", "on": "engagement", "step": "hello", "window": "P1D"},
        {"key": "later", "kind": "branch", "on": "engagement", "step": "hello", "window": "P5D"},
        {"key": "one", "kind": "wait_for", "event": "bought", "timeout": "P1D"},
        {"key": "two", "kind": "wait_for", "event": "bought", "timeout": "P1D"},
    ]
    outcomes = {"soon": "yes", "later": "no", "one": "happened", "two": "timeout"}
    story = simulate(api, make_document(workspace, [*steps, email("last")]), outcomes=outcomes)
    taken = [(stage["route"]["lane"], stage["route"]["basis"]) for stage in story["stages"] if stage["route"]]
    assert taken == [("yes", "chosen"), ("yes", "known"), ("happened", "chosen"), ("happened", "known")]


def test_who_is_away_gets_their_email_when_they_are_back_and_none_that_is_stale_by_then(api, workspace, at_nine):
    steps = [email("news", expires_after="P1D"), email("hello")]
    sequence = make_document(workspace, steps)
    (contact_id,) = make_contacts(workspace, 1)
    enrol(sequence, [contact_id], make_mailbox(workspace))
    back_at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    Enrolment.objects.update(away_until=back_at)

    away = simulate(api, sequence, contact=contact_id)
    assert times(away) == [("news", "2026-03-03T09:00:00"), ("hello", "2026-03-10T09:00:00")]
    skipped, late = away["stages"]
    assert skipped["mail"] is None
    assert "back" in skipped["why"]
    assert [hold["code"] for hold in late["mail"]["holds"]] == ["away"]

    Enrolment.objects.update(state=EnrolmentState.STOPPED)
    assert [stage["mail"] is not None for stage in simulate(api, sequence, contact=contact_id)["stages"]] == [
        True,
        True,
    ]
