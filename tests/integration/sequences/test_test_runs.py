"""A test run: every email of one way, to the team, minutes apart, through the ledger and over SMTP."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from core import clock
from delivery import services as delivery
from delivery.models import Mailbox, Message, MessageState
from sequences.models import Enrolment
from tests.factories.sequences import SOURCE, make_contacts, make_document, make_mailbox
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.experiments import planned

API = "/api/v1/sequences/"


def email(key, **fields):
    return {"key": key, "kind": "email", "source": SOURCE, "subject": key.title(), **fields}


STEPS = [
    email("hello", subject="Hello {{ firstName }}"),
    {"key": "days", "kind": "wait", "wait": "P3D"},
    {"key": "click", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {"yes": [email("thanks")]}},
    email("last"),
]


@pytest.fixture
def member(workspace):
    return MembershipFactory(workspace=workspace, role="editor", user__email="ada@drumbeat.example")


@pytest.fixture
def api(workspace, member, at_nine):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


def run(api, sequence, **data):
    return api.post(f"{API}{sequence.pk}/test-run/", {"to": ["ada@drumbeat.example"], **data}, format="json")


@pytest.mark.django_db(transaction=True)
def test_every_email_of_the_way_arrives_in_its_turn_and_is_counted_nowhere(api, workspace, smtp_sink):
    mailbox = make_mailbox(workspace, port=smtp_sink.port)
    sequence = make_document(workspace, STEPS)
    started = run(api, sequence, mailbox=mailbox.pk, person={"first_name": "Grace"}, outcomes={"click": "yes"})
    assert started.status_code == 200, started.json()
    assert [row["due_at"] for row in started.json()["messages"]] == [
        "2026-03-02T09:00:00Z", "2026-03-02T09:01:00Z", "2026-03-02T09:02:00Z",
    ]  # fmt: skip
    delivery.dispatch_due()
    assert [mail.message["Subject"] for mail in smtp_sink.messages] == ["[Test 1/3] Hello Grace"]
    with clock.simulated(START + timedelta(minutes=2)):
        delivery.dispatch_due()
    assert [mail.message["Subject"] for mail in smtp_sink.messages][1:] == ["[Test 2/3] Thanks", "[Test 3/3] Last"]
    progress = api.get(f"{API}{sequence.pk}/test-run/", {"run": started.json()["run"]}).json()
    assert (progress["sent"], progress["waiting"], progress["next_at"]) == (3, 0, None)
    assert set(Message.objects.values_list("is_test", flat=True)) == {True}
    assert not Enrolment.objects.exists()


def test_a_run_is_stopped_and_what_has_not_left_never_leaves(api, workspace, mailbox):
    sequence = make_document(workspace, STEPS, publish=False)
    (contact_id,) = make_contacts(workspace, 1)
    started = run(api, sequence, mailbox=mailbox.pk, contact=contact_id, gap="PT5M").json()
    assert (started["waiting"], started["next_at"]) == (2, "2026-03-02T09:00:00Z")
    stopped = api.post(f"{API}{sequence.pk}/test-run/stop/", {"run": started["run"]}, format="json").json()
    assert (stopped["waiting"], stopped["sent"]) == (0, 0)
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.CANCELLED}
    again = api.post(f"{API}{sequence.pk}/test-run/stop/", {"run": started["run"]}, format="json")
    assert again.status_code == 200


@pytest.mark.parametrize(
    "data, status, field",
    [
        ({"to": ["eve@elsewhere.example"]}, 422, "to"),
        ({"to": ["no address"]}, 422, "to.0"),
        ({"to": [f"a{number}@drumbeat.example" for number in range(6)]}, 422, "to"),
        ({"gap": "P2D"}, 422, "gap"),
        ({"outcomes": {"click": "maybe"}}, 422, "outcomes.click"),
    ],
)
def test_what_makes_no_sense_sends_nothing(api, workspace, mailbox, data, status, field):
    sequence = make_document(workspace, STEPS)
    answer = run(api, sequence, mailbox=mailbox.pk, **data)
    assert (answer.status_code, list(answer.json()["errors"])) == (status, [field])
    assert not Message.objects.exists()


def test_without_a_mailbox_or_with_a_paused_one_nothing_is_sent(api, workspace, mailbox):
    sequence = make_document(workspace, STEPS)
    assert list(run(api, sequence).json()["errors"]) == ["mailbox"]
    Mailbox.objects.update(status=Mailbox.Status.PAUSED)
    assert run(api, sequence, mailbox=mailbox.pk).status_code == 409
    assert not Message.objects.exists()


def test_an_email_without_content_is_named(api, workspace, mailbox):
    sequence = make_document(workspace, [email("one"), email("two", source="")], publish=False)
    answer = run(api, sequence, mailbox=mailbox.pk)
    assert (answer.status_code, answer.json()["detail"]) == (422, "Email 2 has no content yet.")
    assert not Message.objects.exists()


def test_runs_of_other_sequences_and_workspaces_are_not_there(api, workspace, mailbox):
    sequence, other = make_document(workspace, STEPS), make_document(workspace, STEPS)
    started = run(api, sequence, mailbox=mailbox.pk).json()
    assert api.get(f"{API}{other.pk}/test-run/", {"run": started["run"]}).status_code == 404
    assert api.get(f"{API}{sequence.pk}/test-run/").status_code == 404
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=WorkspaceFactory()).secret}")
    assert stranger.get(f"{API}{sequence.pk}/test-run/", {"run": started["run"]}).status_code == 404
    assert run(stranger, sequence).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_an_email_under_test_every_version_is_sent_marked_by_its_letter(api, workspace):
    sequence, _ = planned(workspace, STEPS)
    started = run(api, sequence, mailbox=make_mailbox(workspace).pk, outcomes={"click": "no"})
    assert started.status_code == 200, started.json()
    subjects = Message.objects.order_by("due_at").values_list("mailing__subject", flat=True)
    assert list(subjects) == ["[Test 1/3, A] Hello {{ firstName }}", "[Test 2/3, B] Two", "[Test 3/3] Last"]
