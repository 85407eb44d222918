"""Editing while it runs: a draft beside the live version, and publishing it.

Publishing flips the live version in one short transaction and notes how it is to reach the people on their way (`Publication`).
They are brought over in chunks, each its own transaction with its position, by the caller for a moment and then by a task; the
engine brings over whom it meets before their turn.  Last, what is still queued of an older copy is sent as the new one.
Lock order: draft, sequence, then as the engine's: enrolments, messages, counters.
"""

import time
from collections.abc import Sequence as Items
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Max

from abtests import selectors as tests
from core import bus, clock
from delivery import selectors as delivery_reads
from delivery import services as delivery
from delivery.models import Mailing
from sequences import engine, selectors, transfer
from sequences.engine.rows import event_fields
from sequences.events import EditOpened
from sequences.exceptions import PublishedMeanwhileError, SequenceError, StepError
from sequences.mailings import step_mailings
from sequences.models import Policy, Publication, Sequence, Step, StepKind, Version
from sequences.services import checking, drafts, experiments, history, planning, threads, waking
from team.services import audit_as_workspace

CHUNK = 5_000
# How long the caller of a publication works on it itself; a task does the rest.
AT_ONCE_SECONDS = 1.5
# A task gives its worker back after this many seconds.
WORK_SECONDS = 20.0
# What no email takes over from a version of a test.
UNTESTED: dict[str, Any] = {"response_bounds": [], "response_link": "", "from_name": ""}
EDITABLE = (Sequence.State.RUNNING, Sequence.State.PAUSED)


@transaction.atomic
def open_draft(sequence: Sequence) -> Version:
    """Return the draft, made of what is live (with the same keys) if there is none.

    Raises SequenceError unless the sequence is under way or a draft itself, or when whoever uses it refuses (`EditOpened`).
    """
    state, live_id = _lock(sequence)
    draft = selectors.draft_version(sequence)
    if draft is not None:
        return draft
    if state not in EDITABLE or live_id is None:
        raise SequenceError("Only a sequence that is under way can be edited; this one has ended.")
    bus.announce(EditOpened(sequence.workspace_id, sequence.pk))
    return _draft_from(sequence, live_id)


@transaction.atomic
def discard_draft(sequence: Sequence) -> None:
    """Throw the changes away.  Raises SequenceError when there are none, or nothing was published yet."""
    draft = drafts.lock_draft(sequence)
    if not sequence.versions.filter(published_at__isnull=False).exists():
        raise SequenceError("Nothing was published yet; delete the campaign instead.")
    used = planning.tests_of(draft)
    draft.delete()
    planning.drop_unused(used)


@transaction.atomic
def restore_version(sequence: Sequence, *, number: int, replace: bool = False) -> Version:
    """Return a new draft with the steps of an older version, to be published like any change.

    Raises SequenceError when there is no such published version, or when there is a draft already and it is not to be replaced.
    """
    draft = selectors.draft_version(sequence)
    if draft is not None and not replace:
        raise SequenceError("There is a draft with changes already; publish or discard it first.", code="draft_exists")
    source = sequence.versions.filter(number=number, published_at__isnull=False).first()
    if source is None:
        raise SequenceError(f"Version {number} was never published.", code="no_such_version")
    if draft is not None:
        discard_draft(sequence)
    draft = open_draft(sequence)
    draft.steps.all().delete()
    _copy(source, draft)
    history.note_edit(draft, f"restored version {number}")
    return draft


@dataclass(frozen=True, slots=True)
class Change:
    """A draft that is about to be published: what it is, what it came from, and the mail that it changes."""

    draft: Version
    live: Version
    steps: list[Step]
    older: list[int]


def require_change(sequence: Sequence, draft: Version) -> Change:
    """Return what publishing the draft means.

    Raises SequenceError when nothing is live, StepError when a step is incomplete or an email can't be sent.
    """
    live = Version.objects.filter(pk__in=Sequence.objects.filter(pk=sequence.pk).values("live_version")).first()
    if live is None:
        raise SequenceError("Nothing is live yet: launch the campaign.")
    steps = selectors.steps_in_order(draft)
    checking.require_publishable(sequence.workspace_id, steps)
    checking.require_mail(steps)
    older = transfer.older_versions(draft)
    return Change(draft, live, steps, older)


def publish_changes(
    sequence: Sequence, *, policy: str = Policy.MIGRATE, revision: int | None = None, by: str = ""
) -> Publication:
    """Make the draft the live version, and bring people to it by the policy; return how far that is.

    `revision` is the draft's that was seen: StaleDraftError when it was changed since, PublishedMeanwhileError when it was published.  Raises SequenceError unless the
    sequence is under way and the last change has reached everybody, StepError when the draft can't be published.  Large
    sequences are brought over by a task; `continue_publications` goes on from wherever a worker stopped.
    """
    if policy not in Policy.values:
        message = f"Choose one of {', '.join(Policy.values)}."
        raise StepError("There is no such policy.", fields={"policy": [message]})
    publication = _flip(sequence, policy, revision, by)
    if publication.finished_at is None:
        _work(publication, seconds=AT_ONCE_SECONDS)
        publication.refresh_from_db()
        if publication.finished_at is None:
            waking.wake_publisher()
    return publication


def continue_publications(*, seconds: float = WORK_SECONDS) -> int:
    """Go on with every publication that has not reached everybody, oldest first; return how many are done now."""
    done = 0
    for publication in Publication.objects.filter(finished_at=None).order_by("pk")[:100]:
        _work(publication, seconds=seconds)
        done += Publication.objects.filter(pk=publication.pk, finished_at__isnull=False).exists()
    return done


@transaction.atomic
def _flip(sequence: Sequence, policy: str, revision: int | None, by: str) -> Publication:
    draft = Version.objects.select_for_update().filter(sequence=sequence, published_at=None).first()
    if draft is None:
        raise PublishedMeanwhileError("There are no changes to publish; somebody has published or discarded them.")
    history.require_revision(draft, revision)
    change = require_change(sequence, draft)
    state, _ = _lock(sequence)
    if state not in EDITABLE:
        raise SequenceError("Only a sequence that is under way can be edited; this one has ended.")
    if Publication.objects.filter(version__sequence=sequence, moved_at=None).exists():
        raise SequenceError(
            "The last change is still on its way to people; wait until it has reached them.", code="moving"
        )
    if selectors.diff_versions(change.live, draft).is_empty:
        raise SequenceError("Nothing was changed, so there is nothing to publish.", code="unchanged")
    now = clock.now()
    _make_mailings(change)
    Version.objects.filter(pk=draft.pk).update(published_at=now)
    planning.drop_unused(planning.tests_of(draft))
    Sequence.objects.filter(pk=sequence.pk).update(live_version=draft)
    sequence.live_version = draft
    leaves_alone = policy == Policy.FINISH_OLD
    return Publication.objects.create(
        version=draft,
        policy=policy,
        by=by[:200],
        people=transfer.rows.count_open(sequence.pk),
        published_at=now,
        moved_at=now if leaves_alone else None,
        finished_at=now if leaves_alone else None,
    )


def _make_mailings(change: Change) -> None:
    """Give each email its mailing: one that the step had in an earlier version, if it says the same; else a new one like it.

    Tests that are new begin, those of emails that have none any more end.
    """
    earlier: dict[str, list[Mailing]] = {}
    used = Step.objects.filter(version__in=change.older, mailing__isnull=False).select_related("mailing")
    for step in used.order_by("-version__number"):
        if step.mailing:
            earlier.setdefault(step.key, []).append(step.mailing)
    model = next(mailing for mailings in earlier.values() for mailing in mailings)
    for step in change.steps:
        if step.kind == StepKind.EMAIL:
            content = threads.mailed_content(step, change.steps)
            own = earlier.get(step.key, [])
            same = (mailing for mailing in own if all(getattr(mailing, name) == text for name, text in content.items()))
            made_from = own[0] if own else model
            if step.experiment is None:
                step.mailing = next(same, None) or delivery.revise_mailing(made_from, **content, **UNTESTED)
            else:
                # What counts for a test was sent while it ran: the control is a mailing of its own.
                step.mailing = tests.control_of(step.experiment) or delivery.revise_mailing(made_from, **content)
            step.save(update_fields=["mailing"])
            if step.experiment is not None:
                experiments.start_experiment(step, step.mailing)
    for experiment in experiments.left_behind(change.live, change.steps):
        experiments.end_experiment(experiment)


def _work(publication: Publication, *, seconds: float) -> None:
    """Bring people over, then the mail, until it is done or the time is up; another worker at the same one does no harm."""
    started = time.monotonic()
    older = transfer.older_versions(publication.version)
    plan = transfer.plan_of(publication.version_id, engine.graphs([publication.version_id, *older]), older)
    while _move_chunk(publication.pk, plan, clock.now()):
        if time.monotonic() - started > seconds:
            return
    _move_mail(publication, older)


@transaction.atomic
def _move_chunk(publication_id: int, plan: transfer.Plan, now: datetime) -> bool:
    """Bring the next chunk over; False when there is none, or another worker is at it."""
    locked = Publication.objects.select_for_update(skip_locked=True, of=("self",)).select_related("version__sequence")
    publication = locked.filter(pk=publication_id, moved_at=None).first()
    if publication is None:
        return False
    sequence = publication.version.sequence
    audit_as_workspace(sequence.workspace_id)
    chunk = transfer.rows.next_chunk(sequence.pk, plan.versions, publication.position, CHUNK)
    own = Publication.objects.filter(pk=publication_id)
    if chunk is None:
        own.update(moved_at=now, moved=F("people"))  # those whom the engine brought over, too
        return False
    moved = transfer.bring_over(publication, plan, chunk.ids, now)
    own.update(position=chunk.last_contact_id, moved=F("moved") + moved)
    if moved:
        waking.wake_engine()
    return True


def _move_mail(publication: Publication, older: list[int]) -> None:
    """Let what is queued of an older copy be sent as the new one, and take back what is queued of steps that are gone."""
    if Publication.objects.filter(pk=publication.pk, moved_at=None).exists():
        return
    now = {step.key: step.mailing_id for step in publication.version.steps.filter(mailing__isnull=False)}
    kept = {each.mailing_id for each in step_mailings(version_ids=[publication.version_id])}
    left: set[int] = set()
    for key, mailing_id, control_id in _mailings(older):
        by = now.get(key)
        # What a version of a test says stays as long as the email itself does.
        if mailing_id in kept or by == control_id:
            continue
        if by is None:
            while delivery.withdraw_waiting(mailing_id=mailing_id, reason=transfer.EDITED):
                pass
        else:
            left.add(mailing_id)
            while delivery.replace_waiting(mailing_id=mailing_id, by=by, fields_of=_fields_of):
                pass
    left -= kept
    if not delivery_reads.unfinished_mailings(left):
        Publication.objects.filter(pk=publication.pk, finished_at=None).update(finished_at=clock.now())


def _fields_of(keys: Items[str]) -> list[dict[str, Any] | None]:
    """Return what let each enrolment in (event.*), by the keys of its messages."""
    return event_fields([int(key.removeprefix("e").split(":")[0]) for key in keys])


def _mailings(version_ids: list[int]) -> list[tuple[str, int, int | None]]:
    """Return the mailings of the versions, each with its step's key and the step's own mailing."""
    steps = Step.objects.filter(version__in=version_ids, mailing__isnull=False)
    places = steps.values_list("version_id", "key", "mailing_id")
    own = {(version_id, key): mailing_id for version_id, key, mailing_id in places}
    every = step_mailings(version_ids=version_ids)
    return list(dict.fromkeys((each.key, each.mailing_id, own[each.version_id, each.key]) for each in every))


def _draft_from(sequence: Sequence, source_id: int) -> Version:
    last = sequence.versions.aggregate(last=Max("number"))["last"]
    draft = Version.objects.create(sequence=sequence, number=last + 1)
    _copy(Version.objects.get(pk=source_id), draft)
    return draft


def _copy(source: Version, draft: Version) -> None:
    names = ("key", "lane", "position", "kind", "experiment_id", *drafts.STEP_FIELDS)
    Step.objects.bulk_create(
        Step(version=draft, **{name: getattr(step, name) for name in names}) for step in selectors.steps_of(source)
    )


def _lock(sequence: Sequence) -> tuple[str, int | None]:
    audit_as_workspace(sequence.workspace_id)
    locked = Sequence.objects.select_for_update().filter(pk=sequence.pk).values_list("state", "live_version_id")
    state, live_id = locked.get()
    return state, live_id
