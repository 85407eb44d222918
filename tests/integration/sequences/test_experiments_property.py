"""Whatever workers, crashes and repetitions there are: each contact has exactly one version of an email under test, for good."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from threading import Lock

import pytest
from django.db import transaction

from abtests import services as abtests
from abtests.models import Assignment, Experiment, ExperimentBatch
from core import clock
from delivery.models import Mailbox, Message
from sequences import engine, services
from sequences.models import Enrolment, Sequence
from team.models import Workspace
from tests.factories import sequences as make
from tests.integration.sequences.experiments import EMAIL, enter, planned
from tests.integration.sequences.test_races import together

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 120
ROUNDS = 3
HOUR = timedelta(hours=1)
STEPS = [EMAIL, {"key": "hour", "kind": "wait", "wait": "PT1H"}, {"kind": "jump", "to": "hello"}]


class KilledError(Exception):
    """A worker ends in the middle of its transaction."""


class Crashes:
    """Kills some transactions of the engine right before their end, which ones by the seed; only so many, so that it comes to an end."""

    def __init__(self, random: Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self._random, self._lock, self.left, self.count = random, Lock(), 12, 0
        self._queue = engine._queue
        monkeypatch.setattr(engine, "_queue", self._queue_or_die)

    def _queue_or_die(self, *given: object) -> None:
        self._queue(*given)  # type: ignore[arg-type]  # as it was given
        with self._lock:
            dies = self.left > 0 and self._random.random() < 0.5
            self.left -= dies
            self.count += dies
        if dies:
            raise KilledError


def worker(now: datetime, limit: int) -> Callable[[], None]:
    """Return a worker that is started again whenever it was killed."""

    def work() -> None:
        while True:
            try:
                services.advance_due(now=now, limit=limit)
            except KilledError:
                continue
            return

    return work


def entrance(sequence: Sequence, contacts: list[int], mailbox: Mailbox, at: datetime) -> Callable[[], None]:
    """Return one who lets people enter and sends to them at once: killed the first time, then for good."""

    def come_in() -> None:
        for is_killed in (True, False):
            try:
                with transaction.atomic():
                    enter(sequence, contacts, mailbox, at, at_once=True)
                    if is_killed:
                        raise KilledError
            except KilledError:
                continue

    return come_in


def come_by_again(at: datetime) -> None:
    """Have what was sent be accepted, and everybody's hour be over."""
    Message.objects.update(state=1)
    Enrolment.objects.update(step_key="hour", entered_step_at=at - HOUR, due_at=at)


def versions(experiment: Experiment) -> dict[int, int]:
    """Return each contact's version, of which there is one."""
    rows = list(Assignment.objects.filter(experiment=experiment).values_list("contact_id", "variant__mailing_id"))
    assert len(rows) == len(dict(rows))
    return dict(rows)


@pytest.mark.parametrize("seed", range(4))
def test_each_contact_gets_one_version_however_often_whoever_asks_and_whoever_dies(
    workspace: Workspace, mailbox: Mailbox, at_nine: datetime, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    sequence, experiment = planned(workspace, STEPS)
    for letter in "CDE"[: random.randrange(4)]:
        abtests.add_variant(experiment, subject=f"Version {letter}")
    services.publish(sequence)
    arms = experiment.variants.count()
    contacts = make.make_contacts(workspace, PEOPLE)
    random.shuffle(contacts)
    early, late = contacts[: PEOPLE // 2], contacts[PEOPLE // 2 :]
    mailboxes = [mailbox.pk] * len(early)
    services.enrol_contacts(
        sequence=sequence, contact_ids=early, mailbox_ids=mailboxes, due_at=at_nine, now=at_nine, send_at_once=False
    )
    crashes = Crashes(random, monkeypatch)
    kept: dict[int, int] = {}
    for number in range(ROUNDS):
        now = at_nine + number * HOUR
        with clock.simulated(now):
            if number:
                come_by_again(now)
            # The shares change while people come by, as in a test that sends more of what works.
            weights = [random.random() for _ in range(arms)]
            part, _ = ExperimentBatch.objects.get_or_create(
                experiment=experiment, number=number, defaults={"release_at": now}
            )
            ExperimentBatch.objects.filter(pk=part.pk).update(released_at=now, weights=weights)
            workers = [worker(now, random.choice([7, 20, 50])) for _ in range(4)]
            if not number:  # two at once let the same people in
                workers += [entrance(sequence, late, mailbox, now) for _ in range(2)]
            together(*workers)
            worker(now, 50)()  # what somebody who was killed had claimed
        found = versions(experiment)
        assert kept.items() <= found.items(), "nobody's version changes"
        kept = found
    assert crashes.count > 0
    assert set(kept) == set(contacts)
    sent = list(Message.objects.values_list("contact_id", "mailing_id"))
    assert Counter(contact for contact, _ in sent) == dict.fromkeys(contacts, ROUNDS)
    assert set(sent) == set(kept.items()), "and all they were sent is their version"
