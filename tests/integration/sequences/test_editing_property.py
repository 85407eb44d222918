"""Random sequences, edited at random while they run, with workers that die: nobody is lost, and the preview was right."""

from collections import defaultdict
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import clock
from delivery.models import Message, MessageState
from sequences import selectors, services
from sequences.exceptions import SequenceError, StepError
from sequences.models import Enrolment, EnrolmentState, Step
from sequences.services import publishing
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept_together

HOUR = timedelta(hours=1)
PEOPLE = 6
EDITS_AT = (3, 7, 11)
# The longest way: twelve steps of at most six hours, and as much again for what is left of steps that went.
TICKS = 12 * 6 * 2


class Author:
    """Draws documents without loops, and changes them."""

    def __init__(self, draw):
        self.draw = draw
        self.count = 0

    def step(self, depth=0):
        key = f"s{self.count}"
        self.count += 1
        kinds = ["email", "email", "wait", "wait", "until", "wait_for"] + ["split"] * (2 if depth < 2 else 0)
        match self.draw(st.sampled_from(kinds)):
            case "email":
                return {"key": key, "kind": "email", "subject": f"Mail {key}", "source": SOURCE}
            case "wait":
                return {"key": key, "kind": "wait", "wait": self.hours()}
            case "until":
                return {"key": key, "kind": "wait", "wait": self.hours(), "calendar": True}
            case "wait_for":
                lanes = {"happened": [], "timeout": self.lane(depth + 1, 1)}
                return {"key": key, "kind": "wait_for", "event": "paid", "timeout": self.hours(), "lanes": lanes}
        lanes = {"a": self.lane(depth + 1, 2), "b": self.lane(depth + 1, 2)}
        return {"key": key, "kind": "split", "split_key": "k", "shares": {"a": 50, "b": 50}, "lanes": lanes}

    def hours(self):
        return f"PT{self.draw(st.integers(1, 6))}H"

    def lane(self, depth, most):
        return [self.step(depth) for _ in range(self.draw(st.integers(0, most)))]

    def document(self):
        first = {"key": "first", "kind": "email", "subject": "First", "source": SOURCE}
        return [first, *self.lane(0, 5)]

    def edited(self, document):
        """Return the document with up to four changes: steps removed, moved, added, given other settings or another kind."""
        steps = deepcopy(document)
        for _ in range(self.draw(st.integers(1, 4))):
            lanes = list(every_lane(steps))
            lane = self.draw(st.sampled_from(lanes))
            match self.draw(st.sampled_from(["add", "remove", "move", "change", "kind"])):
                case "add":
                    lane.insert(self.draw(st.integers(0, len(lane))), self.step(2))
                case "remove" if lane:
                    lane.pop(self.draw(st.integers(0, len(lane) - 1)))
                case "move" if lane:
                    step = lane.pop(self.draw(st.integers(0, len(lane) - 1)))
                    target = self.draw(st.sampled_from(list(every_lane(steps))))
                    target.insert(self.draw(st.integers(0, len(target))), step)
                case "change" if lane:
                    step = self.draw(st.sampled_from(lane))
                    if step["kind"] == "wait":
                        step["wait"] = self.hours()
                    elif step["kind"] == "email":
                        step["subject"] += "!"
                case "kind" if lane:
                    place = self.draw(st.integers(0, len(lane) - 1))
                    lane[place] = {**self.step(2), "key": lane[place]["key"]}
        return steps


def every_lane(steps):
    yield steps
    for step in steps:
        for lane in step.get("lanes", {}).values():
            yield from every_lane(lane)


def publish(sequence, steps, draw):
    """Publish; the worker may die after any chunk, and the engine may run before another goes on."""
    services.open_draft(sequence)
    services.replace_steps(sequence, steps=steps)
    try:
        seen = services.preview_publish(sequence)
        publication = services.publish_changes(sequence, revision=seen.revision)
    except (StepError, SequenceError):
        services.discard_draft(sequence)
        return False
    dies = draw(st.booleans())
    if dies:
        services.advance_due(now=clock.now())
    services.continue_publications()
    publication.refresh_from_db()
    assert publication.moved_at is not None
    if not dies:
        assert publication.moved == seen.people == seen.moves + seen.exits
    sequence.refresh_from_db()
    return True


def check(sequence):
    """Whoever is on the way stands on a step of the version that is live."""
    keys = set(Step.objects.filter(version=sequence.live_version).values_list("key", flat=True))
    open_ = Enrolment.objects.filter(sequence=sequence, state=EnrolmentState.ACTIVE)
    assert set(open_.values_list("version_id", flat=True)) <= {sequence.live_version_id}
    assert set(open_.values_list("step_key", flat=True)) <= keys


def walk(draw):
    workspace = WorkspaceFactory(time_zone="UTC")
    author = Author(draw)
    document = author.document()
    sequence = make_document(workspace, document)
    people = make_contacts(workspace, PEOPLE)
    mailbox = make_mailbox(workspace)
    ended: dict[int, int] = defaultdict(int)
    for tick in range(TICKS):
        now = START + tick * HOUR
        with clock.simulated(now):
            if tick < PEOPLE:
                enrol(sequence, [people[tick]], mailbox)
            services.advance_due(now=now)
            if tick % 2:  # servers take an hour
                accept_together(Message.objects.filter(mailing__in=selectors.mailing_ids(sequence), state=0), now)
            if tick in EDITS_AT:
                changed = author.edited(document)
                if publish(sequence, changed, draw):
                    document = changed
                    check(sequence)
        # Nobody who has come to the end is written to any more.
        for contact in Enrolment.objects.filter(sequence=sequence, state=EnrolmentState.COMPLETED).values_list(
            "contact_id", flat=True
        ):
            count = Message.objects.filter(contact=contact).count()
            assert ended.setdefault(contact, count) == count
        if len(ended) == PEOPLE and tick > max(EDITS_AT):
            break
    assert set(Enrolment.objects.filter(sequence=sequence).values_list("state", flat=True)) == {
        EnrolmentState.COMPLETED
    }
    keys = [tuple(key.split(":")[:2]) for key in Message.objects.values_list("key", flat=True)]
    assert len(keys) == len(set(keys))
    states = set(Message.objects.filter(mailing__in=selectors.mailing_ids(sequence)).values_list("state", flat=True))
    assert states <= {MessageState.ACCEPTED, MessageState.CANCELLED, MessageState.QUEUED}


@pytest.mark.slow
@pytest.mark.django_db
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_nobody_is_lost_by_any_edit(data):
    with pytest.MonkeyPatch.context() as patch, transaction.atomic(), clock.simulated(START):
        patch.setattr(publishing, "CHUNK", 2)
        patch.setattr(publishing, "AT_ONCE_SECONDS", data.draw(st.sampled_from([-1.0, 5.0])))
        walk(data.draw)
        transaction.set_rollback(True)
