"""Actions that concern others: tags, fields, webhooks, mails to the team, other sequences."""

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest
from django.core import mail as outgoing
from django.db import connection

from contacts import services as contacts
from contacts.models import Contact
from core import clock, facts, posting
from sequences import selectors, services
from sequences.exceptions import StepError
from sequences.models import Decision, Enrolment, EnrolmentState, OutboxItem, OutboxState, Sequence
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.integration.contacts.conftest import api_client
from tests.integration.sequences.world import queued, standing
from tests.integration.webhook_receiver import Receiver

MAIL = {"kind": "email", "subject": "Hello", "source": SOURCE}
DAY = timedelta(days=1)


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    made = Receiver()
    yield made
    made.close()


def come_by(workspace, mailbox, action, count=1, **columns):
    """Publish a sequence of the action and an email, and let contacts come by; return the sequence and the contacts."""
    people = make_contacts(workspace, count)
    if columns:
        Contact.objects.filter(pk__in=people).update(**columns)
    sequence = make_document(workspace, [{"kind": "action", "key": "act", **action}, MAIL])
    enrol(sequence, people, mailbox)
    services.advance_due(now=clock.now())
    assert len(queued(sequence)) == count
    return sequence, people


def test_tags_are_put_on_and_taken_off_whoever_comes_by(workspace, mailbox, at_nine):
    _, people = come_by(workspace, mailbox, {"do": "add_tag", "tag": "VIP "}, 2, tags=["old"])
    assert list(Contact.objects.values_list("tags", flat=True)) == [["old", "vip"]] * 2
    sequence = make_document(workspace, [{"kind": "action", "do": "remove_tag", "tag": "vip"}, MAIL])
    enrol(sequence, people[:1], mailbox)
    services.advance_due(now=at_nine)
    assert list(Contact.objects.order_by("pk").values_list("tags", flat=True)) == [["old"], ["old", "vip"]]


def test_a_field_that_is_set_leaves_a_trace_of_what_was_there(workspace, mailbox, at_nine):
    contacts.create_field(workspace=workspace, label="Plan")
    action = {"do": "set_field", "field": "plan", "value": "pro"}
    sequence, _ = come_by(workspace, mailbox, action, attributes={"plan": "free"})
    decision = Decision.objects.get(enrolment__sequence=sequence)
    assert (decision.lane, decision.decided_at) == ("", at_nine)
    assert decision.inputs == {"do": "set_field", "field": "plan", "value": "pro", "changed": True, "before": "free"}


def test_a_webhook_tells_of_the_contact_and_is_signed(workspace, mailbox, at_nine, receiver):
    action = {"do": "webhook", "url": receiver.url, "data": {"deal": 7}}
    sequence, (person,) = come_by(workspace, mailbox, action, attributes={"plan": "pro"}, tags=["vip"])
    assert receiver.requests == []  # the engine itself calls nobody
    assert services.deliver_outbox(now=at_nine) == 1

    ((path, headers, body),) = receiver.requests
    assert path == "/hook?a=1"
    content = json.loads(body)
    assert content["type"] == "sequence.step"
    assert content["data"]["data"] == {"deal": 7}
    assert content["data"]["sequence"] == {"id": sequence.pk, "name": "Sequence"}
    assert (content["data"]["contact"]["id"], content["data"]["contact"]["attributes"]) == (person, {"plan": "pro"})
    key = b64decode(selectors.webhook_secret(workspace).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()
    item = OutboxItem.objects.get()
    assert (item.state, item.status, item.attempts, item.finished_at) == (OutboxState.DONE, 200, 1, at_nine)
    assert services.deliver_outbox(now=at_nine + DAY) == 0


def test_a_webhook_that_fails_is_tried_again_and_its_end_is_shown(workspace, mailbox, at_nine, receiver):
    receiver.answer = 500
    sequence, _ = come_by(workspace, mailbox, {"do": "webhook", "url": receiver.url})
    now = at_nine
    for tries in range(1, 11):
        assert services.deliver_outbox(now=now) == 1
        assert services.deliver_outbox(now=now) == 0
        item = OutboxItem.objects.get()
        assert item.attempts == tries
        now = item.due_at
    assert item.state == OutboxState.FAILED
    assert now - at_nine > DAY
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1
    enrolment = Enrolment.objects.get(sequence=sequence)
    (shown,) = api_client(workspace).get(f"/api/v1/enrolments/{enrolment.pk}/outbox/").data
    assert (shown["state"], shown["status"], shown["error"]) == ("failed", 500, "The answer was 500. said so")
    assert services.retry_items(item_ids=[item.pk]) == 1
    receiver.answer = 204
    services.deliver_outbox(now=at_nine)
    assert OutboxItem.objects.get().state == OutboxState.DONE


@pytest.mark.parametrize(("answer", "state"), [(410, OutboxState.FAILED), (302, OutboxState.WAITING)])
def test_gone_is_final_and_redirects_are_not_followed(workspace, mailbox, at_nine, receiver, answer, state):
    receiver.answer = answer
    come_by(workspace, mailbox, {"do": "webhook", "url": receiver.url})
    services.deliver_outbox(now=at_nine)
    assert OutboxItem.objects.get().state == state
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("drips", [False, True])
def test_a_webhook_that_hangs_is_cut_off_and_holds_up_nothing(
    workspace, mailbox, at_nine, receiver, monkeypatch, drips
):
    monkeypatch.setattr(posting.post, "__kwdefaults__", {"timeout": 0.5})
    receiver.answer, receiver.drips = 0, drips
    other = Receiver()
    sequence, _ = come_by(workspace, mailbox, {"do": "webhook", "url": receiver.url}, 40)
    come_by_other = make_document(workspace, [{"kind": "action", "do": "webhook", "url": other.url}, MAIL])
    enrol(come_by_other, make_contacts(workspace, 1, prefix="other"), mailbox)
    services.advance_due(now=at_nine)

    started = time.monotonic()
    assert services.deliver_outbox(now=at_nine) < 10  # the others wait: each would hang as well
    assert time.monotonic() - started < 8
    assert len(other.requests) == 1
    hanging = OutboxItem.objects.filter(enrolment__sequence=sequence)
    assert not hanging.filter(due_at__lte=at_nine).exists()
    assert hanging.filter(error="No answer within 0.5 seconds.").exists()
    assert {state for state, _ in standing(sequence).values()} == {EnrolmentState.COMPLETED}
    other.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:1/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://[64:ff9b::7f00:1]:1/",
        "http://0.0.0.0:1/",
        "http://2130706433:1/",
    ],
)
def test_a_webhook_never_goes_into_the_private_network(settings, url):
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    with pytest.raises(posting.PostError, match=r"private network|can't be resolved"):
        posting.post(url, b"{}", {})


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "http://", "javascript:alert(1)", "https://user:pass@example.com/", "https://a b/", 7]
)
def test_what_is_no_address_is_refused(workspace, url):
    with pytest.raises(StepError) as refused:
        make_document(workspace, [{"kind": "action", "do": "webhook", "url": url}], publish=False)
    assert list(refused.value.fields) == ["steps.0.url"]


def test_members_are_told_by_one_mail_for_all_who_come_by_together(workspace, mailbox, at_nine):
    first = MembershipFactory(workspace=workspace, user__email="boss@example.com")
    second = MembershipFactory(workspace=workspace, user__email="sales@example.com")
    action = {"do": "notify", "members": [first.user_id, second.user_id], "message": "Call them!"}
    come_by(workspace, mailbox, action, 25)
    assert outgoing.outbox == []
    services.deliver_outbox(now=at_nine)
    assert sorted(message.to for message in outgoing.outbox) == [["boss@example.com"], ["sales@example.com"]]
    message = outgoing.outbox[0]
    assert message.subject == "Sequence: 25 people came by"
    assert "Call them!" in message.body
    assert "Given0 Family0" in message.body
    assert "And 5 more." in message.body
    assert set(OutboxItem.objects.values_list("state", flat=True)) == {OutboxState.DONE}


def test_who_is_no_member_can_not_be_told(workspace):
    stranger = MembershipFactory(workspace=WorkspaceFactory())
    with pytest.raises(StepError, match="Not all of them are members"):
        make_document(
            workspace,
            [{"kind": "action", "do": "notify", "members": [stranger.user_id], "message": "x"}],
            publish=False,
        )


def test_a_member_who_left_is_passed_over(workspace, mailbox, at_nine):
    member = MembershipFactory(workspace=workspace)
    come_by(workspace, mailbox, {"do": "notify", "members": [member.user_id]})
    member.delete()
    services.deliver_outbox(now=at_nine)
    assert OutboxItem.objects.get().state == OutboxState.FAILED
    assert outgoing.outbox == []


@pytest.fixture
def target(workspace, mailbox) -> Sequence:
    """The sequence of another campaign, which is running: a wait and an email."""
    steps = [{"kind": "wait", "wait": "P1D"}, {**MAIL, "subject": "From the other"}]
    campaign = make_campaign(workspace, name="Other", kind="drip", steps=steps, mailbox=mailbox, contacts=1)
    services.publish(campaign.sequence)
    type(campaign).objects.filter(pk=campaign.pk).update(status="running")
    return campaign.sequence


def test_a_step_starts_another_campaigns_sequence_once(workspace, mailbox, at_nine, target):
    _, people = come_by(workspace, mailbox, {"do": "start_sequence", "sequence": target.pk}, 2)
    assert not Enrolment.objects.filter(sequence=target).exists()
    facts.deliver()
    started = Enrolment.objects.filter(sequence=target)
    assert {enrolment.contact_id for enrolment in started} == set(people)
    assert {(enrolment.entry_key, enrolment.mailbox_id) for enrolment in started} == {("", mailbox.pk)}
    again = make_document(workspace, [{"kind": "action", "do": "start_sequence", "sequence": target.pk}, MAIL])
    enrol(again, people, mailbox)
    services.advance_due(now=at_nine)
    facts.deliver()
    assert Enrolment.objects.filter(sequence=target).count() == 2


def test_a_step_starts_a_sequence_anew_if_it_says_so(workspace, mailbox, at_nine, target):
    action = {"do": "start_sequence", "sequence": target.pk, "again": True}
    _, people = come_by(workspace, mailbox, action)
    facts.deliver()
    second = make_document(workspace, [{"kind": "action", "key": "act", **action}, MAIL])
    enrol(second, people, mailbox)
    services.advance_due(now=at_nine)
    facts.deliver()
    keys = Enrolment.objects.filter(sequence=target).values_list("entry_key", flat=True)
    assert len(keys) == 2
    assert all(key.startswith("start:1:") for key in keys)


def test_a_step_ends_the_way_through_another_sequence_and_cancels_its_mail(workspace, mailbox, at_nine, target):
    people = make_contacts(workspace, 1)
    enrol(target, people, mailbox)
    stopping = make_document(workspace, [{"kind": "action", "do": "stop_sequence", "sequence": target.pk}, MAIL])
    enrol(stopping, people, mailbox)
    services.advance_due(now=at_nine)
    facts.deliver()
    ended = Enrolment.objects.get(sequence=target)
    assert (ended.state, ended.reason) == (EnrolmentState.STOPPED, "stop_step")


def test_sequences_that_start_each_other_in_a_circle_are_refused(workspace):
    first, second = (services.create_sequence(workspace=workspace, name=name) for name in ("First", "Second"))
    services.replace_steps(first, steps=[MAIL, {"kind": "action", "do": "start_sequence", "sequence": second.pk}])
    services.replace_steps(second, steps=[MAIL, {"kind": "action", "do": "start_sequence", "sequence": first.pk}])
    services.publish(first)
    with pytest.raises(StepError, match="“Second” → “First” → “Second”") as refused:
        services.publish(second)
    assert refused.value.code == "circle_of_starts"
    assert services.problems_of(second)[0].code == "circle_of_starts"


def test_a_sequence_can_not_start_itself(workspace):
    sequence = services.create_sequence(workspace=workspace, name="Self")
    services.replace_steps(sequence, steps=[MAIL, {"kind": "action", "do": "start_sequence", "sequence": sequence.pk}])
    with pytest.raises(StepError, match="“Self” → “Self”"):
        services.publish(sequence)


def test_a_circle_that_came_about_all_the_same_comes_to_an_end(workspace, mailbox, at_nine, target):
    action = {"kind": "action", "key": "act", "do": "start_sequence", "sequence": target.pk, "again": True}
    starting = make_document(workspace, [action, MAIL])
    enrol(starting, make_contacts(workspace, 1), mailbox)
    Enrolment.objects.filter(sequence=starting).update(entry_key="start:10:1:act:0")
    services.advance_due(now=at_nine)
    facts.deliver()
    assert not Enrolment.objects.filter(sequence=target).exists()
    assert Decision.objects.get(enrolment__sequence=starting).inputs["refused"] == "too_many_starts"


def test_a_foreign_sequence_can_not_be_started(workspace):
    foreign = services.create_sequence(workspace=WorkspaceFactory(), name="Foreign")
    with pytest.raises(StepError, match="This workspace has no such sequence"):
        make_document(workspace, [{"kind": "action", "do": "start_sequence", "sequence": foreign.pk}], publish=False)


def test_the_outbox_of_a_foreign_workspace_is_not_found(workspace, mailbox, at_nine, receiver):
    sequence, _ = come_by(workspace, mailbox, {"do": "webhook", "url": receiver.url})
    foreign = api_client(WorkspaceFactory())
    assert foreign.get(f"/api/v1/enrolments/{Enrolment.objects.get(sequence=sequence).pk}/outbox/").status_code == 404


def test_the_secret_of_webhooks_is_shown_to_who_may_change_campaigns(workspace):
    shown = api_client(workspace).post("/api/v1/sequences/webhook-secret/")
    assert shown.data == {"secret": selectors.webhook_secret(workspace)}
    token = ApiTokenFactory(workspace=workspace, scopes=["campaigns:read"])
    reader = api_client(workspace)
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {token.secret}")
    assert reader.post("/api/v1/sequences/webhook-secret/").status_code == 403


def test_what_was_told_is_forgotten_with_the_contact_and_after_a_month(workspace, mailbox, at_nine, receiver):
    _, people = come_by(workspace, mailbox, {"do": "webhook", "url": receiver.url}, 2)
    services.deliver_outbox(now=at_nine)
    contacts.delete_contacts(workspace=workspace, contact_ids=people[:1])
    assert OutboxItem.objects.count() == 1
    with clock.simulated(at_nine + 31 * DAY):
        assert services.forget_finished() == 1


def test_an_idle_look_at_the_outbox_costs_little(workspace):
    assert services.deliver_outbox() == 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM sequences_outboxitem WHERE state = 0 AND due_at <= now() ORDER BY due_at"
        )
        assert "outbox_due" in str(cursor.fetchall())
