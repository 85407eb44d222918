"""What becomes of those on their way when a change is published: each rule of the semantics by its own test."""

from datetime import timedelta

import pytest
from django.db import connection

from contacts import services as contact_services
from core import bus, clock
from delivery import selectors as delivery
from delivery.models import Batch, Message, MessageFields, MessageState
from sequences import selectors, services
from sequences.events import WaysEnded
from sequences.exceptions import PublishedMeanwhileError, SequenceError, StaleDraftError, StepError
from sequences.models import Decision, Enrolment, EnrolmentState, Policy, Publication
from sequences.services import publishing
from templates_lib import services as template_services
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.templates_lib import make_template
from tests.integration.sequences.world import accept_together as accept
from tests.integration.sequences.world import finish, messages_of, queued, standing
from tracking.custom import NewEvent
from tracking.models import CustomEvent
from tracking.services import record_custom_events

DAY = timedelta(days=1)
ACTIVE, COMPLETED, STOPPED, HELD = EnrolmentState


def mail(key, subject=""):
    return {"key": key, "kind": "email", "subject": subject or key.upper(), "source": SOURCE}


def wait(key, days):
    return {"key": key, "kind": "wait", "wait": f"P{days}D"}


def edit(sequence, steps, policy=Policy.MIGRATE, *, at=None):
    """Open a draft, give it the steps, publish it."""
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=steps)
    sequence.refresh_from_db()
    return services.publish_changes(sequence, policy=policy)


def preview(sequence, steps, policy=Policy.MIGRATE):
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=steps)
    return services.preview_publish(sequence, policy=policy)


def begin(workspace, mailbox, steps, count, at):
    """Enrol people, and have the first email accepted."""
    ids = make_contacts(workspace, count)
    sequence = make_document(workspace, steps)
    enrol(sequence, ids, mailbox)
    services.advance_due(now=at)
    accept(messages_of(sequence, "A"), at)
    return sequence, ids


def later(moment):
    return clock.simulated(moment)


def run(sequence, moment):
    """It is `moment`: the engine runs, all mail is accepted."""
    with later(moment):
        services.advance_due(now=moment)
        accept(Message.objects.filter(state=MessageState.QUEUED), moment)
        services.advance_due(now=moment)


def places(sequence):
    rows = Enrolment.objects.filter(sequence=sequence).values_list(
        "contact_id", "step_key", "due_at", "version__number"
    )
    return {contact: rest for contact, *rest in rows}


@pytest.fixture
def ends(monkeypatch):
    """What is announced of ways that ended."""
    told: list[WaysEnded] = []
    monkeypatch.setitem(bus._decision_handlers, WaysEnded, [told.append])
    return told


STEPS = [mail("a"), wait("w", 4), mail("b"), wait("x", 2), mail("c")]


def test_a_draft_is_a_copy_of_what_is_live_with_the_same_keys_and_changes_nothing(workspace, mailbox, at_nine):
    sequence, ids = begin(workspace, mailbox, STEPS, 1, at_nine)
    draft = services.open_draft(sequence)
    assert services.open_draft(sequence).pk == draft.pk
    assert selectors.diff_versions(sequence.live_version, draft).is_empty
    services.replace_steps(sequence, steps=[mail("a"), wait("w", 1), mail("z")])
    assert selectors.shown_version(sequence) == sequence.live_version
    run(sequence, at_nine + 4 * DAY)
    assert queued(sequence)[-1] == (ids[0], "B")

    services.discard_draft(sequence)
    assert selectors.draft_version(sequence) is None
    with pytest.raises(SequenceError):
        services.discard_draft(sequence)


def test_a_changed_delay_counts_from_when_they_came(workspace, mailbox, at_nine):
    sequence, (person, _) = begin(workspace, mailbox, STEPS, 2, at_nine)
    longer = [mail("a"), wait("w", 6), mail("b"), wait("x", 2), mail("c")]
    with later(at_nine + DAY):
        seen = preview(sequence, longer)
        assert (seen.people, seen.moves, seen.waits, seen.overdue, seen.exits) == (2, 2, 2, 0, 0)
        (step,) = seen.steps
        assert (step.key, step.fate, step.wait, step.first_due_at) == ("w", "wait", 6 * DAY, at_nine + 6 * DAY)
        (changed,) = seen.diff.changed
        assert [(field.name, field.before, field.after) for field in changed.fields] == [
            ("wait", "P4DT00H00M00S", "P6DT00H00M00S")
        ]
        publication = services.publish_changes(sequence, policy=Policy.MIGRATE, revision=seen.revision)
    assert (publication.people, publication.moved) == (2, 2)
    assert publication.finished_at is not None
    assert places(sequence)[person] == ["w", at_nine + 6 * DAY, 2]
    run(sequence, at_nine + 5 * DAY)
    assert len(queued(sequence)) == 2
    run(sequence, at_nine + 6 * DAY)
    assert queued(sequence)[2:] == [(person, "B"), (_, "B")]


def test_who_is_overdue_by_a_shorter_delay_goes_at_once_and_waits_on_from_the_acceptance(workspace, mailbox, at_nine):
    sequence, (person,) = begin(workspace, mailbox, STEPS, 1, at_nine)
    moment = at_nine + 3 * DAY
    with later(moment):
        shorter = [mail("a"), wait("w", 1), mail("b"), wait("x", 2), mail("c")]
        assert preview(sequence, shorter).overdue == 1
        services.publish_changes(sequence)
    run(sequence, moment)
    assert queued(sequence)[-1] == (person, "B")
    # The gap before the next email is whole: it counts from the acceptance, not from when B would have been due.
    assert places(sequence)[person] == ["x", moment + 2 * DAY, 2]


def test_an_inserted_step_is_for_those_who_can_still_reach_it(workspace, mailbox, at_nine):
    sequence, ids = begin(workspace, mailbox, STEPS, 3, at_nine)
    late, later_, done = ids
    Enrolment.objects.filter(contact=done).update(state=COMPLETED, step_key="c", due_at=None)
    Enrolment.objects.filter(contact=later_).update(step_key="x", due_at=at_nine + 2 * DAY)
    inserted = [mail("a"), wait("w", 4), mail("n"), mail("b"), wait("x", 2), mail("c")]
    with later(at_nine + DAY):
        seen = preview(sequence, inserted)
        assert [(skip.key, skip.people, skip.why) for skip in seen.skipped] == [("n", 1, "passed")]
        assert (seen.people, seen.skips) == (2, 1)
        services.publish_changes(sequence)
    for day in range(1, 12):
        run(sequence, at_nine + day * DAY)
    sent = {contact: [subject for whose, subject in queued(sequence) if whose == contact] for contact in ids}
    assert sent == {late: ["A", "N", "B", "C"], later_: ["A", "C"], done: ["A"]}


def test_completed_people_never_come_back_by_an_appended_step(workspace, mailbox, at_nine):
    sequence, _ids = begin(workspace, mailbox, [mail("a"), wait("w", 1), mail("b")], 2, at_nine)
    run(sequence, at_nine + DAY)
    assert {state for state, _ in standing(sequence).values()} == {COMPLETED}
    with later(at_nine + 2 * DAY):
        edit(sequence, [mail("a"), wait("w", 1), mail("b"), mail("c")])
    run(sequence, at_nine + 9 * DAY)
    assert [subject for _, subject in queued(sequence)] == ["A", "A", "B", "B"]


def test_who_waits_in_a_step_that_is_deleted_serves_the_rest_and_goes_to_the_next_and_its_numbers_stay(
    workspace, mailbox, at_nine
):
    sequence, ids = begin(workspace, mailbox, STEPS, 500, at_nine)
    before = delivery.totals(selectors.mailing_ids(sequence)).accepted
    with later(at_nine + DAY):
        seen = preview(sequence, [mail("a"), mail("b"), wait("x", 2), mail("c")])
        (step,) = seen.steps
        assert (step.key, step.fate, step.to, step.people) == ("w", "leave", "b", 500)
        assert (step.first_due_at, step.overdue) == (at_nine + 4 * DAY, 0)
        services.publish_changes(sequence)
    run(sequence, at_nine + 3 * DAY)
    assert len(queued(sequence)) == 500
    run(sequence, at_nine + 4 * DAY)
    assert len(queued(sequence)) == 1000
    assert delivery.totals(selectors.mailing_ids(sequence)).accepted >= before
    assert places(sequence)[ids[0]] == ["x", at_nine + 6 * DAY, 2]


def test_mail_of_a_deleted_email_that_is_still_queued_is_taken_back_and_its_people_go_on_now(
    workspace, mailbox, at_nine
):
    sequence, _ids = begin(workspace, mailbox, STEPS, 3, at_nine)
    moment = at_nine + 4 * DAY
    with later(moment):
        services.advance_due(now=moment)
        accept(messages_of(sequence, "B")[:1], moment)
        seen = preview(sequence, [mail("a"), wait("w", 4), wait("x", 2), mail("c")])
        assert [(step.key, step.fate, step.people) for step in seen.steps] == [("b", "leave", 2), ("x", "stay", 1)]
        services.publish_changes(sequence)
    states = [message.state for message in messages_of(sequence, "B")]
    assert states == [MessageState.ACCEPTED, MessageState.CANCELLED, MessageState.CANCELLED]
    assert set(messages_of(sequence, "B")[1:][0].reason.split()) == {"edited"}
    assert {place[0] for place in places(sequence).values()} == {"x"}
    assert {state for state, _ in standing(sequence).values()} == {ACTIVE}
    # The fact that the mail was cancelled comes later, and stops nobody: they stand elsewhere.
    finish([], MessageState.CANCELLED, moment)
    assert {state for state, _ in standing(sequence).values()} == {ACTIVE}
    run(sequence, moment + 2 * DAY)
    assert [subject for _, subject in queued(sequence)].count("C") == 3


def test_emails_that_were_sent_in_this_round_are_skipped_when_the_order_changes(workspace, mailbox, at_nine):
    sequence, _ids = begin(workspace, mailbox, STEPS, 2, at_nine)
    run(sequence, at_nine + 4 * DAY)
    turned = [mail("c"), wait("x", 2), mail("b"), wait("w", 4), mail("a")]
    with later(at_nine + 5 * DAY):
        seen = preview(sequence, turned)
        assert [(skip.key, skip.people, skip.why) for skip in sorted(seen.skipped, key=lambda skip: skip.key)] == [
            ("a", 2, "sent"), ("b", 2, "sent"),
        ]  # fmt: skip
        services.publish_changes(sequence)
    for day in range(5, 20):
        run(sequence, at_nine + day * DAY)
    # They stood at x, behind which come b and a, which they had; c stands before it.
    assert [subject for _, subject in queued(sequence)] == ["A", "A", "B", "B"]
    assert {state for state, _ in standing(sequence).values()} == {COMPLETED}

    more = make_contacts(workspace, 1, prefix="new")
    with later(at_nine + 20 * DAY):
        enrol(sequence, more, mailbox)
    for day in range(20, 30):
        run(sequence, at_nine + day * DAY)
    assert [subject for whose, subject in queued(sequence) if whose == more[0]] == ["C", "B", "A"]


def test_still_queued_messages_get_the_new_copy_and_what_has_left_keeps_the_old(workspace, mailbox, at_nine):
    sequence, ids = begin(workspace, mailbox, STEPS, 3, at_nine)
    moment = at_nine + 4 * DAY
    with later(moment):
        services.advance_due(now=moment)
        accept(messages_of(sequence, "B")[:1], moment)
        seen = preview(sequence, [mail("a"), wait("w", 4), mail("b", "Better"), wait("x", 2), mail("c")])
        assert seen.replaced_messages == 3
        assert seen.moves == 3
        services.publish_changes(sequence)
    old, new = (messages_of(sequence, subject) for subject in ("B", "Better"))
    assert [message.contact_id for message in old] == ids[:1]
    assert [message.contact_id for message in new] == ids[1:]
    assert set(Batch.objects.filter(message_ids__contains=[new[0].pk]).values_list("mailing_id", flat=True)) == {
        new[0].mailing_id
    }
    counts = delivery.totals_by_mailing([old[0].mailing_id, new[0].mailing_id])
    assert (counts[old[0].mailing_id].queued, counts[new[0].mailing_id].queued) == (1, 2)
    accept(new, moment)
    assert {place[0] for place in places(sequence).values()} == {"x"}


def test_a_new_copy_knows_the_event_that_let_them_in_though_the_old_did_not_ask(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    record_custom_events(workspace.pk, [NewEvent(person, "order", at_nine, properties={"number": "A-7"})])
    sequence = make_document(workspace, [mail("a"), wait("w", 1), mail("b")])
    services.enrol_contacts(
        sequence=sequence, contact_ids=[person], mailbox_ids=[mailbox.pk], due_at=at_nine,
        event_ids=[CustomEvent.objects.get().pk],
    )  # fmt: skip
    services.advance_due(now=at_nine)
    assert not MessageFields.objects.exists()
    edit(sequence, [mail("a", "Your order {{ event.number }}"), wait("w", 1), mail("b")])
    assert MessageFields.objects.get().fields["event"]["number"] == "A-7"


def test_what_a_worker_holds_gets_the_new_copy_as_soon_as_it_comes_back(workspace, mailbox, at_nine):
    sequence, _ = begin(workspace, mailbox, STEPS, 2, at_nine)
    moment = at_nine + 4 * DAY
    with later(moment):
        services.advance_due(now=moment)
        held = Batch.objects.get(mailing=messages_of(sequence, "B")[0].mailing)
        Batch.objects.filter(pk=held.pk).update(state=Batch.State.LEASED, lease_owner="w")
        publication = edit(sequence, [mail("a"), wait("w", 4), mail("b", "Better"), wait("x", 2), mail("c")])
        assert (publication.moved_at, publication.finished_at) == (moment, None)
        assert len(messages_of(sequence, "B")) == 2
        Batch.objects.filter(pk=held.pk).update(state=Batch.State.QUEUED, lease_owner="")
        assert services.continue_publications() == 1
    assert len(messages_of(sequence, "Better")) == 2


def test_those_who_finish_the_old_steps_stay_and_newcomers_take_the_new(workspace, mailbox, at_nine):
    sequence, (old,) = begin(workspace, mailbox, STEPS, 1, at_nine)
    steps = [mail("a", "New A"), wait("w", 1), mail("b", "New B")]
    with later(at_nine + DAY):
        seen = preview(sequence, steps, Policy.FINISH_OLD)
        assert (seen.people, seen.stays_behind, seen.moves, seen.exits) == (1, 1, 0, 0)
        publication = services.publish_changes(sequence, policy=Policy.FINISH_OLD)
        assert publication.finished_at is not None
        (new,) = make_contacts(workspace, 1, prefix="new")
        sequence.refresh_from_db()
        enrol(sequence, [new], mailbox)
    for day in range(1, 10):
        run(sequence, at_nine + day * DAY)
    sent = queued(sequence)
    assert [subject for whose, subject in sent if whose == old] == ["A", "B", "C"]
    assert [subject for whose, subject in sent if whose == new] == ["New A", "New B"]


def test_an_exit_ends_the_way_of_all_and_cancels_what_is_queued_for_them(workspace, mailbox, at_nine, ends):
    sequence, _ids = begin(workspace, mailbox, STEPS, 3, at_nine)
    moment = at_nine + 4 * DAY
    with later(moment):
        services.advance_due(now=moment)
        accept(messages_of(sequence, "B")[:1], moment)
        seen = preview(sequence, [mail("a"), wait("w", 1), mail("b")], Policy.EXIT)
        assert (seen.people, seen.exits, seen.moves) == (3, 3, 0)
        services.publish_changes(sequence, policy=Policy.EXIT)
    assert set(Enrolment.objects.values_list("state", "reason")) == {(STOPPED, "edited")}
    assert [(len(told.enrolment_ids), told.outcome) for told in ends] == [(3, "edited")]
    states = [message.state for message in messages_of(sequence, "B")]
    assert states == [MessageState.ACCEPTED, MessageState.CANCELLED, MessageState.CANCELLED]


def branch(**lanes):
    return {"key": "q", "kind": "branch", "on": "engagement", "step": "a", "window": "P3D", "lanes": lanes}


def test_who_stands_in_a_lane_that_vanished_goes_to_what_is_left_of_it_or_behind_the_branch(
    workspace, mailbox, at_nine
):
    steps = [mail("a"), branch(no=[wait("w", 5), mail("n")], yes=[], undelivered=[]), mail("end")]
    sequence, ids = begin(workspace, mailbox, steps, 2, at_nine)
    closed = at_nine + 3 * DAY + timedelta(minutes=15)
    run(sequence, closed)
    assert {place[0] for place in places(sequence).values()} == {"w"}
    with later(closed + DAY):
        edit(sequence, [mail("a"), mail("end")])
    assert places(sequence)[ids[0]] == ["end", closed + 5 * DAY, 2]


def test_a_lane_that_is_unwrapped_keeps_its_people(workspace, mailbox, at_nine):
    steps = [mail("a"), branch(no=[wait("w", 5), mail("n")], yes=[], undelivered=[]), mail("end")]
    sequence, ids = begin(workspace, mailbox, steps, 2, at_nine)
    closed = at_nine + 3 * DAY + timedelta(minutes=15)
    run(sequence, closed)
    with later(closed + DAY):
        edit(sequence, [mail("a"), wait("w", 5), mail("n"), mail("end")])
    assert places(sequence)[ids[0]] == ["w", closed + 5 * DAY, 2]
    run(sequence, closed + 5 * DAY)
    assert [subject for whose, subject in queued(sequence) if whose == ids[0]] == ["A", "N", "END"]


def test_a_step_that_moved_to_another_lane_takes_its_people_along(workspace, mailbox, at_nine):
    steps = [mail("a"), wait("w", 4), branch(yes=[], no=[mail("n")], undelivered=[]), mail("end")]
    sequence, _ids = begin(workspace, mailbox, steps, 1, at_nine)
    moved = [mail("a"), branch(yes=[wait("w", 4)], no=[mail("n")], undelivered=[]), mail("end")]
    with later(at_nine + DAY):
        publication = edit(sequence, moved)
    (told,) = selectors.diff_versions(selectors.version_in(sequence, 1), publication.version).moved
    assert (told.key, told.lane) == ("w", "q.yes")
    run(sequence, at_nine + 4 * DAY)
    assert [subject for _, subject in queued(sequence)] == ["A", "END"]


def test_a_branch_that_became_something_else_lets_its_people_go_on_when_they_would_have(workspace, mailbox, at_nine):
    steps = [mail("a"), branch(yes=[], no=[mail("n")], undelivered=[]), mail("end")]
    sequence, ids = begin(workspace, mailbox, steps, 1, at_nine)
    services.advance_due(now=at_nine)
    closed = at_nine + 3 * DAY + timedelta(minutes=15)
    split = {"key": "q", "kind": "split", "split_key": "s", "shares": {"a": 50, "b": 50}, "lanes": {"a": [mail("p")]}}
    with later(at_nine + DAY):
        edit(sequence, [mail("a"), split, mail("end")])
    assert places(sequence)[ids[0]] == ["q", closed, 2]
    run(sequence, closed)
    assert Decision.objects.get().lane in ("a", "b")
    assert queued(sequence)[-1] == (ids[0], "END")


def test_a_wait_for_an_event_that_became_a_plain_wait_counts_from_when_they_came(workspace, mailbox, at_nine):
    steps = [mail("a"), {"key": "f", "kind": "wait_for", "event": "paid", "timeout": "P9D"}, mail("b")]
    sequence, ids = begin(workspace, mailbox, steps, 1, at_nine)
    services.advance_due(now=at_nine)
    assert places(sequence)[ids[0]][1] == at_nine + 9 * DAY
    with later(at_nine + DAY):
        edit(sequence, [mail("a"), wait("f", 2), mail("b")])
        services.advance_due(now=at_nine + DAY)
    assert places(sequence)[ids[0]] == ["f", at_nine + 2 * DAY, 2]


def test_whoever_waits_for_an_email_that_is_the_last_one_now_is_complete(workspace, mailbox, at_nine, ends):
    sequence, ids = begin(workspace, mailbox, STEPS, 1, at_nine)
    moment = at_nine + 4 * DAY
    with later(moment):
        services.advance_due(now=moment)
        seen = preview(sequence, [mail("a"), wait("w", 4), mail("b")])
        assert (seen.moves, seen.exits) == (0, 1)
        services.publish_changes(sequence)
    assert ends == [WaysEnded((Enrolment.objects.get().pk,), "completed")]
    assert standing(sequence) == {ids[0]: (COMPLETED, None)}
    assert queued(sequence)[-1] == (ids[0], "B")


def test_a_paused_sequence_is_edited_and_holds_everybody_until_it_goes_on(workspace, mailbox, at_nine):
    sequence, ids = begin(workspace, mailbox, STEPS, 2, at_nine)
    services.pause(sequence)
    moment = at_nine + 5 * DAY
    with later(moment):
        services.advance_due(now=moment)
        assert {state for state, _ in standing(sequence).values()} == {HELD}
        edit(sequence, [mail("a"), wait("w", 7), mail("b")])
        assert standing(sequence)[ids[0]] == (HELD, at_nine + 7 * DAY)
        services.resume(sequence)
    run(sequence, moment)
    assert len(queued(sequence)) == 2
    run(sequence, at_nine + 7 * DAY)
    assert len(queued(sequence)) == 4


def test_an_older_version_is_published_again_as_a_new_one(workspace, mailbox, at_nine):
    sequence, ids = begin(workspace, mailbox, STEPS, 1, at_nine)
    with later(at_nine + DAY):
        edit(sequence, [mail("a"), wait("w", 9), mail("b", "Worse")])
        services.restore_version(sequence, number=1)
        with pytest.raises(SequenceError, match="draft"):
            services.restore_version(sequence, number=1)
        services.restore_version(sequence, number=1, replace=True)
        services.publish_changes(sequence)
    sequence.refresh_from_db()
    assert sequence.live_version.number == 3
    first = selectors.version_in(sequence, 1)
    assert selectors.diff_versions(first, sequence.live_version).is_empty
    # What says the same is the same mailing, so its numbers go on.
    assert {step.mailing_id for step in first.steps.all()} == {
        step.mailing_id for step in sequence.live_version.steps.all()
    }
    assert places(sequence)[ids[0]] == ["w", at_nine + 4 * DAY, 3]


def test_whom_the_engine_meets_before_their_turn_is_brought_over_first(workspace, mailbox, at_nine, monkeypatch):
    sequence, _ids = begin(workspace, mailbox, STEPS, 4, at_nine)
    moment = at_nine + 4 * DAY
    monkeypatch.setattr(publishing, "_work", lambda publication, seconds: None)  # the worker was killed at once
    with later(moment):
        publication = edit(sequence, [mail("a"), wait("w", 4), mail("b", "Better"), wait("x", 2), mail("c")])
        assert publication.is_moving
        with pytest.raises(SequenceError, match="still on its way"):
            edit(sequence, [mail("a"), wait("w", 1), mail("b", "Best")])
        services.advance_due(now=moment)
    assert [subject for _, subject in queued(sequence)] == ["A"] * 4 + ["Better"] * 4


def test_a_publication_killed_half_way_goes_on_where_it_stopped_and_a_second_run_changes_nothing(
    workspace, mailbox, at_nine, monkeypatch
):
    sequence, _ids = begin(workspace, mailbox, STEPS, 7, at_nine)
    monkeypatch.setattr(publishing, "CHUNK", 2)
    monkeypatch.setattr(publishing, "AT_ONCE_SECONDS", -1.0)
    with later(at_nine + DAY):
        publication = edit(sequence, [mail("a"), wait("w", 6), mail("b")])
        assert (publication.moved, publication.finished_at) == (2, None)
        assert services.continue_publications(seconds=-1) == 0
        assert services.continue_publications() == 1
        assert services.continue_publications() == 0
    publication.refresh_from_db()
    assert (publication.moved, publication.people) == (7, 7)
    assert set(map(tuple, places(sequence).values())) == {("w", at_nine + 6 * DAY, 2)}


def test_of_two_who_publish_the_same_draft_one_is_told(workspace, mailbox, at_nine):
    sequence, _ = begin(workspace, mailbox, STEPS, 1, at_nine)
    seen = preview(sequence, [mail("a"), wait("w", 1), mail("b")])
    services.publish_changes(sequence, revision=seen.revision)
    with pytest.raises(PublishedMeanwhileError):
        services.publish_changes(sequence, revision=seen.revision)
    assert Publication.objects.count() == 1


def test_a_draft_that_was_changed_since_its_preview_is_not_published(workspace, mailbox, at_nine):
    sequence, _ = begin(workspace, mailbox, STEPS, 1, at_nine)
    seen = preview(sequence, [mail("a"), wait("w", 1), mail("b")])
    services.replace_steps(sequence, steps=[mail("a"), mail("b")])
    with pytest.raises(StaleDraftError):
        services.publish_changes(sequence, revision=seen.revision)


def test_what_can_not_be_published_leaves_everything_as_it_was(workspace, mailbox, at_nine):
    sequence, _ = begin(workspace, mailbox, STEPS, 1, at_nine)
    broken = {"key": "b", "kind": "email", "subject": "B", "source": "<p>{{ unsubscribeUrl }} {% if x %}</p>"}
    for steps, sentence in (
        ([mail("a"), {"key": "w", "kind": "wait"}, mail("b")], "Step 2"),
        ([mail("a"), wait("w", 1), broken], "Step 3 .email."),
        ([mail("a"), {"key": "b", "kind": "email", "subject": "B", "source": "<p>Hello</p>"}], "unsubscribe"),
        ([wait("w", 1)], "no email"),
    ):
        with pytest.raises(StepError, match=sentence):
            preview(sequence, steps)
        with pytest.raises(StepError, match=sentence):
            services.publish_changes(sequence)
    services.discard_draft(sequence)
    services.open_draft(sequence)
    with pytest.raises(SequenceError, match="Nothing was changed"):
        services.publish_changes(sequence)
    sequence.refresh_from_db()
    assert sequence.live_version.number == 1


def test_a_template_that_is_put_away_stays_in_the_steps_that_use_it(workspace, mailbox, at_nine):
    template = make_template(workspace)
    steps = [{"key": "a", "kind": "email", "template": template.pk, "subject": "A"}, wait("w", 4), mail("b")]
    sequence, _ = begin(workspace, mailbox, steps, 1, at_nine)
    services.open_draft(sequence)
    template_services.archive_template(template)
    services.replace_steps(sequence, steps=[*steps, wait("x", 1), mail("c")])
    assert services.publish_changes(sequence).moved == 1


def test_a_list_that_was_deleted_meanwhile_keeps_the_draft_from_being_published(workspace, mailbox, at_nine):
    list_ = contact_services.create_list(workspace=workspace, name="Customers")
    sequence, _ = begin(workspace, mailbox, STEPS, 1, at_nine)
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=[*STEPS, {"kind": "action", "do": "add_to_list", "list": list_.pk}])
    contact_services.delete_list(list_)
    with pytest.raises(StepError, match="no such list"):
        services.publish_changes(sequence)


def test_a_preview_of_many_costs_a_handful_of_statements(workspace, mailbox, at_nine, django_assert_max_num_queries):
    sequence, _ = begin(workspace, mailbox, STEPS, 300, at_nine)
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=[mail("a"), wait("w", 1), mail("b"), wait("x", 2), mail("c")])
    with django_assert_max_num_queries(20):
        services.preview_publish(sequence)
    assert connection.vendor == "postgresql"
