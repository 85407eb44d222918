"""The engine against a slow interpreter of the same rules, with servers that are slow or refuse and workers that die."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from delivery.models import MessageState
from sequences import services
from sequences.models import Enrolment, EnrolmentState
from tests.factories.sequences import make_contacts, make_mailbox, make_sequence
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.world import accept, finish, messages_of, queued

TICK = timedelta(minutes=15)
TICKS = 24
CONTACTS = 2

waits = st.integers(1, 12).map(lambda units: units * timedelta(minutes=7))
emails = st.integers(0, 99).map(lambda number: f"mail {number}")
step_lists = st.lists(st.one_of(emails, waits), min_size=1, max_size=6).filter(
    lambda steps: any(isinstance(step, str) for step in steps)
)


@dataclass(frozen=True)
class Fate:
    """What becomes of one message: it ends `delay` ticks after it was queued, accepted unless `failure` says otherwise."""

    delay: int
    failure: MessageState | None = None


fates = st.builds(
    Fate,
    st.integers(0, 4),
    st.sampled_from(
        [None, None, None, MessageState.FAILED, MessageState.SKIPPED, MessageState.UNKNOWN, MessageState.CANCELLED]
    ),
)


@dataclass(frozen=True)
class Story:
    """One contact's history: what was queued in which tick, and whether it came to the end."""

    sent: tuple[tuple[int, str], ...]
    state: EnrolmentState


def interpret(steps: list[timedelta | str], fate_of, contact: int) -> Story:
    """Tell one contact's story, tick by tick, by the plain rules of the design."""
    sent: list[tuple[int, str]] = []
    place = 0
    # When the contact came to its step; None while it waits for a message to end.
    entered: datetime | None = START
    ends: tuple[datetime, Fate] | None = None
    for tick in range(TICKS):
        now = START + tick * TICK
        while entered is not None and place < len(steps):
            step = steps[place]
            if isinstance(step, timedelta):
                if entered + step > now:
                    break
                entered, place = entered + step, place + 1
                continue
            if entered > now:
                break
            sent.append((tick, step))
            fate = fate_of(contact, place)
            place, entered = place + 1, None
            ends = (now + fate.delay * TICK, fate)
            if place == len(steps):
                return Story(tuple(sent), EnrolmentState.COMPLETED)
        if place == len(steps):
            return Story(tuple(sent), EnrolmentState.COMPLETED)
        if ends is not None and ends[0] <= now:
            if ends[1].failure == MessageState.CANCELLED:
                return Story(tuple(sent), EnrolmentState.STOPPED)
            entered, ends = ends[0], None
    return Story(tuple(sent), EnrolmentState.ACTIVE)


class KilledError(Exception):
    """The worker died between two statements."""


def advance_with_kills(now: datetime, kills: list[int]) -> None:
    """Run the engine; each number in `kills` kills a run at that statement.  Then a run that lives does the rest."""
    while kills:
        left = kills.pop()

        def count_down(execute, sql, params, many, context):
            nonlocal left
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):  # the test's own transaction must live on
                left -= 1
                if left == -1:
                    raise KilledError
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(count_down):
                services.advance_due(now=now, limit=2)
        except KilledError:
            continue
        return
    services.advance_due(now=now, limit=2)


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=step_lists, data=st.data())
def test_the_engine_does_what_the_interpreter_tells(steps, data):
    steps = [f"{step} at {place}" if isinstance(step, str) else step for place, step in enumerate(steps)]
    decided = {
        (contact, place): data.draw(fates, label=f"fate of step {place} of contact {contact}")
        for contact in range(CONTACTS)
        for place, step in enumerate(steps)
        if isinstance(step, str)
    }
    deaths = data.draw(st.lists(st.lists(st.integers(0, 14), max_size=2), max_size=TICKS), label="kills by tick")

    sent: dict[int, list[tuple[int, str]]] = {contact: [] for contact in range(CONTACTS)}
    with clock.simulated(START):
        workspace = WorkspaceFactory()
        contacts = make_contacts(workspace, CONTACTS)
        mailbox = make_mailbox(workspace)
        sequence = make_sequence(workspace, steps)
        services.enrol_contacts(
            sequence=sequence, contact_ids=contacts, mailbox_ids=[mailbox.pk] * CONTACTS, due_at=START
        )
    pending: list[tuple[datetime, int, int, str]] = []
    known = 0
    for tick in range(TICKS):
        now = START + tick * TICK
        with clock.simulated(now):
            advance_with_kills(now, list(deaths[tick]) if tick < len(deaths) else [])
            everything = queued(sequence)
            for contact_id, subject in everything[known:]:
                contact = contacts.index(contact_id)
                sent[contact].append((tick, subject))
                fate = decided[contact, steps.index(subject)]
                pending.append((now + fate.delay * TICK, contact, contact_id, subject))
            known = len(everything)
            for entry in [entry for entry in pending if entry[0] <= now]:
                pending.remove(entry)
                _, contact, contact_id, subject = entry
                message = [m for m in messages_of(sequence, subject) if m.contact_id == contact_id]
                failure = decided[contact, steps.index(subject)].failure
                if failure is None:
                    accept(message, now)
                else:
                    finish(message, failure, now)

    for contact, contact_id in enumerate(contacts):
        state = EnrolmentState(Enrolment.objects.get(sequence=sequence, contact=contact_id).state)
        told = interpret(steps, lambda who, place: decided[who, place], contact)
        assert Story(tuple(sent[contact]), state) == told
