"""A version as one document: read back as it was written, and refused with one sentence that names the step."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from contacts import services as contacts
from sequences import selectors, services
from sequences.exceptions import SequenceError, StepError
from sequences.models import Enrolment, Sequence
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.factories.templates_lib import make_template

MAIL = {"kind": "email", "key": "hello", "subject": "Hello", "source": SOURCE}


def shown(sequence):
    return selectors.document_of(selectors.steps_of(selectors.shown_version(sequence)))


def every_kind(workspace):
    list_ = contacts.create_list(workspace=workspace, name="Customers")
    segment = contacts.create_segment(workspace=workspace, name="All", definition={})
    contacts.create_field(workspace=workspace, label="Plan")
    contacts.create_field(workspace=workspace, label="Renewal", type_="date")
    email = {"format": "html", "text_source": "", "preheader": "", "template": None, "template_version": None}
    return [
        {**MAIL, **email, "mailing": None, "experiment": None},
        {"key": "w1", "kind": "wait", "wait": "P2DT00H00M00S"},
        {"key": "w2", "kind": "wait", "wait": "P1DT00H00M00S", "calendar": True},
        {"key": "w3", "kind": "wait", "until": {"weekdays": [0, 2], "time": "09:30"}},
        {"key": "w4", "kind": "wait",
         "until": {"field": "renewal", "offset_days": -3, "time": "08:00", "yearly": True}},
        {"key": "b1", "kind": "branch", "on": "engagement", "step": "hello", "window": "P1DT00H00M00S", "opens": True,
         "lanes": {
             "yes": [{"key": "a1", "kind": "action", "do": "add_to_list", "list": list_.pk}],
             "no": [
                 {"key": "s1", "kind": "split", "split_key": "spring", "shares": {"a": 60, "b": 40}, "lanes": {
                     "a": [{"key": "a2", "kind": "action", "do": "set_field", "field": "plan", "value": "pro"}],
                     "b": [{"key": "x1", "kind": "exit"}]}},
                 {"key": "a3", "kind": "action", "do": "remove_from_list", "list": list_.pk},
             ],
             "undelivered": [{"key": "g1", "kind": "goal"}]}},
        {"key": "b2", "kind": "branch", "on": "field", "field": "custom.plan", "operator": "is", "value": "pro",
         "lanes": {"yes": [], "no": []}},
        {"key": "b3", "kind": "branch", "on": "segment", "segment": segment.pk, "lanes": {"yes": [], "no": []}},
        {"key": "b4", "kind": "branch", "on": "list", "list": list_.pk, "lanes": {"yes": [], "no": []}},
        {"key": "b5", "kind": "branch", "on": "event", "event": "visit", "where": {"page": "price"}, "at_least": 2,
         "within": "P7DT00H00M00S", "lanes": {"yes": [], "no": []}},
        {"key": "f1", "kind": "wait_for", "event": "order.paid", "timeout": "P3DT00H00M00S", "lanes": {
            "happened": [{"key": "g2", "kind": "goal", "event": "order.shipped"}], "timeout": []}},
        {"key": "j1", "kind": "jump", "to": "w1"},
    ]  # fmt: skip


def pointing(things, copies):
    """Steps that point at the workspace's things, so many of each kind."""
    lanes: dict[str, list[Any]] = {"yes": [], "no": []}
    of_each = [
        {"kind": "action", "do": "add_to_list", "list": things["list"]},
        {"kind": "action", "do": "set_field", "field": "plan", "value": "pro"},
        {"kind": "action", "do": "start_sequence", "sequence": things["sequence"]},
        {"kind": "action", "do": "notify", "members": [things["member"]]},
        {"kind": "wait", "until": {"field": "renewal", "offset_days": 0, "time": "08:00"}},
        {"kind": "branch", "on": "segment", "segment": things["segment"], "lanes": lanes},
        {"kind": "branch", "on": "list", "list": things["list"], "lanes": lanes},
        {"kind": "branch", "on": "field", "field": "custom.plan", "operator": "is", "value": "pro", "lanes": lanes},
    ]
    return [MAIL, *(deepcopy(step) for _ in range(copies) for step in of_each)]


def test_what_steps_point_at_is_looked_up_once_a_kind(workspace, django_assert_num_queries):
    contacts.create_field(workspace=workspace, label="Plan")
    contacts.create_field(workspace=workspace, label="Renewal", type_="date")
    things = {
        "list": contacts.create_list(workspace=workspace, name="Customers").pk,
        "segment": contacts.create_segment(workspace=workspace, name="All", definition={}).pk,
        "sequence": make_document(workspace, [MAIL]).pk,
        "member": MembershipFactory(workspace=workspace).user_id,
    }
    few = make_document(workspace, pointing(things, 1), publish=False)
    many = make_document(workspace, pointing(things, 5), publish=False)
    with CaptureQueriesContext(connection) as once:
        assert services.problems_of(few) == []
    with django_assert_num_queries(len(once)):
        assert services.problems_of(many) == []


def test_a_document_of_every_kind_is_read_back_as_it_was_written(workspace):
    document = every_kind(workspace)
    sequence = make_document(workspace, document, publish=False)
    assert shown(sequence) == document
    assert services.problems_of(sequence) == []

    services.replace_steps(sequence, steps=shown(sequence))
    assert shown(sequence) == document
    services.publish(sequence)
    copy = services.create_sequence(workspace=workspace, name="Copy")
    services.copy_steps(sequence, to=copy)
    assert shown(copy) == document


@pytest.mark.parametrize(
    ("step", "path", "sentence"),
    [
        ({"kind": "dance"}, "kind", "no step of the kind “dance”"),
        ({"kind": "wait", "wait": "PT0S"}, "wait", "from one second to two years"),
        ({"kind": "wait", "wait": "soon"}, "wait", "a duration like P3D"),
        ({"kind": "wait", "wait": "P1D", "until": {"weekdays": [1]}}, "until", "not both"),
        ({"kind": "wait", "until": {"weekdays": [7]}}, "until.weekdays", "0 .Monday. to 6"),
        ({"kind": "wait", "until": {"weekdays": [1], "time": "9am"}}, "until.time", "a time like"),
        ({"kind": "wait", "until": {"field": "nope"}}, "until.field", "no such date field"),
        ({"kind": "wait", "until": "Monday"}, "until", "an object"),
        ({"kind": "wait", "wait": "P1D", "mood": "good"}, "mood", "Not for a step of this kind"),
        ({"kind": "branch", "on": "weather"}, "on", "one of engagement, field"),
        ({"kind": "branch", "on": "list", "list": 987654}, "list", "no such list"),
        ({"kind": "branch", "on": "segment", "segment": 987654}, "segment", "no such segment"),
        ({"kind": "branch", "on": "segment", "segment": "x"}, "segment", "a whole number"),
        ({"kind": "branch", "on": "field", "field": "nope", "operator": "is", "value": 1}, "field", "no such field"),
        ({"kind": "branch", "on": "engagement", "step": "x", "clicks": False, "replies": False}, "clicks", "Count"),
        ({"kind": "split", "shares": {"a": 50, "b": 40}}, "shares", "add up to 100"),
        ({"kind": "split", "shares": {"a": 100}}, "shares", "2 to 10 lanes"),
        ({"kind": "split", "shares": {"a.b": 50, "c": 50}}, "shares", "small letters"),
        ({"kind": "split", "shares": {"a": 50, "b": 50}, "lanes": {"z": [MAIL]}}, "lanes", "no lane “z”"),
        ({"kind": "action", "do": "explode"}, "do", "one of add_to_list"),
        ({"kind": "action", "do": "set_field", "field": "nope", "value": 1}, "field", "no such field"),
        ({"kind": "wait_for", "event": "x" * 101, "timeout": "P1D"}, "event", "at most 100"),
        ({"kind": "wait_for", "event": "x", "where": {"a": [1]}, "timeout": "P1D"}, "where", "compared with"),
        ({"kind": "branch", "on": "event", "event": "x", "at_least": 0}, "at_least", "from 1 to 1,000"),
        ({"kind": "goal", "lanes": {"yes": [MAIL]}}, "lanes", "it has none"),
        ({"kind": "jump", "to": "hello", "key": "a b"}, "key", "letters, digits"),
        ({"kind": "email", "key": "x", "wait": "P1D"}, "wait", "An email has no wait"),
        ("hello", "", "an object"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence_that_names_the_step(workspace, step, path, sentence):
    sequence = services.create_sequence(workspace=workspace, name="S")
    inside = {"kind": "split", "shares": {"a": 50, "b": 50}, "lanes": {"b": [MAIL, step]}}
    with pytest.raises(StepError, match=sentence) as error:
        services.replace_steps(sequence, steps=[MAIL, inside])
    where = "steps.1.lanes.b.1"
    assert f"{where}.{path}" if path else where in error.value.fields
    if path not in ("", "key"):
        assert error.value.message.startswith("Step 2, b 2 (")


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"kind": "wait"}, "incomplete"),
        ({"kind": "branch"}, "incomplete"),
        ({"kind": "branch", "on": "list"}, "incomplete"),
        ({"kind": "split"}, "incomplete"),
        ({"kind": "action"}, "incomplete"),
        ({"kind": "jump"}, "incomplete"),
        ({"kind": "email"}, "no_content"),
        ({"kind": "wait_for"}, "incomplete"),
        ({"kind": "branch", "on": "event"}, "incomplete"),
        ({"kind": "goal", "where": {"a": 1}}, "incomplete"),
        ({"kind": "jump", "to": "gone"}, "jump_nowhere"),
        ({"kind": "jump", "to": "hello"}, "endless_loop"),
        ({"kind": "branch", "on": "engagement", "step": "gone"}, "no_such_email"),
        ({"kind": "branch", "on": "engagement", "step": "last"}, "email_later"),
    ],
)
def test_what_a_draft_may_lack_is_told_and_keeps_it_from_being_published(workspace, step, code):
    last = {**MAIL, "key": "last"}
    sequence = make_document(workspace, [MAIL, {"key": "it", **step}, last], publish=False)
    problem = services.problems_of(sequence)[0]
    assert (problem.key, problem.code) == ("it", code)
    with pytest.raises(StepError) as error:
        services.publish(sequence)
    assert error.value.message == f"Step 2 ({step['kind']}): {problem.message}"


def test_a_list_that_was_deleted_keeps_the_draft_from_being_published(workspace):
    list_ = contacts.create_list(workspace=workspace, name="Customers")
    sequence = make_document(workspace, [MAIL, {"kind": "branch", "on": "list", "list": list_.pk}], publish=False)
    contacts.delete_list(list_)
    assert [problem.code for problem in services.problems_of(sequence)] == ["gone"]


def test_lists_and_segments_that_a_running_sequence_needs_can_not_be_deleted(workspace):
    list_ = contacts.create_list(workspace=workspace, name="Customers")
    segment = contacts.create_segment(workspace=workspace, name="All", definition={})
    steps = [
        MAIL,
        {"kind": "action", "do": "add_to_list", "list": list_.pk},
        {"kind": "branch", "on": "segment", "segment": segment.pk},
    ]
    sequence = make_document(workspace, steps)
    with pytest.raises(SequenceError, match="“Customers” is used by a step of “Sequence”"):
        contacts.delete_list(list_)
    with pytest.raises(SequenceError, match="“All”"):
        contacts.delete_segment(segment)
    services.close(sequence)
    contacts.delete_list(list_)
    contacts.delete_segment(segment)


def test_an_email_names_its_template_and_version(workspace):
    template = make_template(workspace)
    number = template.current_version.number
    sequence = make_document(workspace, [{"kind": "email", "template": template.pk}], publish=False)
    assert (shown(sequence)[0]["template"], shown(sequence)[0]["template_version"]) == (template.pk, number)
    services.replace_steps(sequence, steps=shown(sequence))
    assert shown(sequence)[0]["template"] == template.pk
    for wrong in (987654, "x", make_template(WorkspaceFactory()).pk):
        with pytest.raises(StepError, match="has no template"):
            services.replace_steps(sequence, steps=[{"kind": "email", "template": wrong}])


def test_lists_of_another_workspace_are_unknown(workspace):
    theirs = contacts.create_list(workspace=WorkspaceFactory(), name="Theirs")
    with pytest.raises(StepError, match="no such list"):
        make_document(workspace, [MAIL, {"kind": "branch", "on": "list", "list": theirs.pk}])


def nested(depth):
    steps: list[Any] = [MAIL]
    for level in range(depth):
        branch = {"kind": "split", "shares": {"a": 50, "b": 50}, "lanes": {"a": steps, "b": [{"kind": "exit"}]}}
        steps = [branch, {"kind": "wait", "wait": timedelta(hours=level + 1)}]
    return steps


def test_twenty_steps_and_six_levels_are_fine_and_the_limits_are_told(workspace):
    sequence = make_document(workspace, nested(6) + [{**MAIL, "key": ""} for _ in range(20)])
    assert len(selectors.steps_of(sequence.live_version)) > 20
    draft = services.create_sequence(workspace=workspace, name="S")
    with override_settings(MAX_SEQUENCE_NESTING=5), pytest.raises(StepError, match="nested too deep"):
        services.replace_steps(draft, steps=nested(6))
    with override_settings(MAX_SEQUENCE_STEPS=18), pytest.raises(StepError, match="at most 18"):
        services.replace_steps(draft, steps=nested(6))


def test_a_step_is_added_to_a_lane_changed_and_removed_with_what_it_holds(workspace):
    split = {"kind": "split", "key": "s", "shares": {"a": 50, "b": 50}, "lanes": {"a": [MAIL]}}
    sequence = make_document(workspace, [split, {**MAIL, "key": "end"}], publish=False)
    services.add_step(sequence, kind="goal", key="g", lane="s.b")
    assert [step["key"] for step in shown(sequence)[0]["lanes"]["b"]] == ["g"]
    with pytest.raises(StepError, match="no such lane"):
        services.add_step(sequence, kind="goal", lane="s.z")

    step = selectors.steps_of(selectors.draft_version(sequence)).get(key="s")
    services.update_step(step, shares={"a": 50, "c": 50})
    assert shown(sequence)[0]["lanes"].keys() == {"a", "c"}
    assert {row.key for row in selectors.steps_of(selectors.draft_version(sequence))} == {"s", "hello", "end"}
    services.remove_step(step)
    assert [step["key"] for step in shown(sequence)] == ["end"]


@pytest.fixture
def api(workspace):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


def test_the_api_takes_a_document_shows_it_and_says_what_is_wrong(workspace, api):
    document = every_kind(workspace)
    made = api.post("/api/v1/campaigns/", {"kind": "drip", "steps": document}, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["steps"] == document
    again = api.patch(f"/api/v1/campaigns/{made.json()['id']}/", {"steps": made.json()["steps"]}, format="json")
    assert again.json()["steps"] == document

    sequence = Sequence.objects.get()
    assert api.get(f"/api/v1/sequences/{sequence.pk}/steps/").json() == document
    assert api.get(f"/api/v1/sequences/{sequence.pk}/problems/").json() == []
    document[-1] = {"key": "j1", "kind": "jump", "to": "gone"}
    api.patch(f"/api/v1/campaigns/{made.json()['id']}/", {"steps": document}, format="json")
    (problem,) = api.get(f"/api/v1/sequences/{sequence.pk}/problems/").json()
    assert (problem["key"], problem["code"], problem["field"]) == ("j1", "jump_nowhere", "to")

    document[5]["lanes"]["no"][0]["lanes"]["a"].append({"kind": "email", "template": 987654})
    refused = api.patch(f"/api/v1/campaigns/{made.json()['id']}/", {"steps": document}, format="json")
    assert refused.status_code == 422
    assert "steps.5.lanes.no.0.lanes.a.1.template" in refused.content.decode()


def test_decisions_are_shown_and_those_of_other_workspaces_are_not_there(workspace, mailbox, at_nine, api):
    split = {"kind": "split", "key": "s", "split_key": "x", "shares": {"a": 50, "b": 50}}
    sequence = make_document(workspace, [split, MAIL])
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=at_nine)
    enrolment = Enrolment.objects.get()
    (decision,) = api.get(f"/api/v1/enrolments/{enrolment.pk}/decisions/").json()
    assert (decision["step_key"], decision["lane"] in "ab", "bucket" in decision["inputs"]) == ("s", True, True)

    foreign = APIClient()
    foreign.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory().secret}")
    for path in (f"enrolments/{enrolment.pk}/decisions", f"sequences/{sequence.pk}/problems"):
        assert foreign.get(f"/api/v1/{path}/").status_code == 404


def test_the_admin_shows_lanes_and_decisions_and_stops_ways(workspace, mailbox, at_nine, admin_client):
    split = {"kind": "split", "key": "s", "split_key": "x", "shares": {"a": 50, "b": 50}, "lanes": {"a": [MAIL]}}
    sequence = make_document(workspace, [split, {"kind": "wait", "wait": "P1D"}])
    enrol(sequence, make_contacts(workspace, 1), mailbox)
    services.advance_due(now=at_nine)
    enrolment = Enrolment.objects.get()
    page = admin_client.get(f"/admin/sequences/version/{sequence.live_version_id}/change/").content.decode()
    assert "s.a" in page
    assert "bucket" in admin_client.get(f"/admin/sequences/enrolment/{enrolment.pk}/change/").content.decode()
    chosen = {"action": "stop", "_selected_action": [enrolment.pk]}
    admin_client.post("/admin/sequences/enrolment/", chosen)
    enrolment.refresh_from_db()
    assert enrolment.reason == "manual"
