"""Sequences with emails under test, for tests."""

from datetime import datetime
from typing import Any

from abtests.models import Assignment, Experiment, Variant
from delivery.models import Mailbox, Message
from sequences import services
from sequences.models import Sequence, Step
from team.models import Workspace
from tests.factories import sequences as make

EMAIL = {"key": "hello", "kind": "email", "subject": "One", "source": make.SOURCE}
LAST = {"key": "last", "kind": "email", "subject": "Last", "source": make.SOURCE}
DAY = {"key": "day", "kind": "wait", "wait": "P1D"}


def planned(workspace: Workspace, steps: list[Any], *, key: str = "hello", **arm: Any) -> tuple[Sequence, Experiment]:
    """Make a sequence whose email `key` is to be tested against what `arm` says, the subject "Two" by default."""
    sequence = make.make_document(workspace, steps, publish=False)
    return sequence, plan(sequence, key=key, **arm)


def plan(sequence: Sequence, *, key: str = "hello", **arm: Any) -> Experiment:
    """Put a test to an email of the draft."""
    experiment = services.add_experiment(sequence, key=key)
    Variant.objects.filter(experiment=experiment, name="B").update(**(arm or {"subject": "Two"}))
    return experiment


def under_test(
    workspace: Workspace, steps: list[Any], *, key: str = "hello", **arm: Any
) -> tuple[Sequence, Experiment]:
    """Do the same and publish it."""
    sequence, experiment = planned(workspace, steps, key=key, **arm)
    services.publish(sequence)
    experiment.refresh_from_db()
    return sequence, experiment


def live_step(sequence: Sequence, key: str = "hello") -> Step:
    """Return a step of the live version."""
    sequence.refresh_from_db()
    return Step.objects.get(version=sequence.live_version_id, key=key)


def draft_step(sequence: Sequence, key: str = "hello") -> Step:
    """Return a step of the draft."""
    return Step.objects.get(version__sequence=sequence, version__published_at=None, key=key)


def subjects() -> dict[int, str]:
    """Return the subject that each contact was sent last."""
    found = Message.objects.select_related("mailing").order_by("pk")
    return {message.contact_id or 0: message.mailing.subject for message in found}


def drawn(experiment: Experiment) -> dict[int, str]:
    """Return each contact's subject by the arm that was kept."""
    found = Assignment.objects.filter(experiment=experiment).select_related("variant")
    return {each.contact_id: each.variant.subject or "One" for each in found}


def enter(sequence: Sequence, contacts: list[int], mailbox: Mailbox, at: datetime, *, at_once: bool = False) -> None:
    """Let contacts enter, and the engine run once."""
    services.enrol_contacts(
        sequence=sequence,
        contact_ids=contacts,
        mailbox_ids=[mailbox.pk] * len(contacts),
        due_at=at,
        now=at,
        send_at_once=at_once,
    )
    services.advance_due(now=at)
