"""Reads of sequences, scoped to a workspace."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, Max, Model, OuterRef, Q, QuerySet

from abtests.models import Experiment
from core.exceptions import InvalidInput, NotFound
from sequences import document, words
from sequences.differences import VersionDiff, compare
from sequences.mailings import STEP_MAILINGS, StepMailing, sent_by_a_step, step_mailings
from sequences.models import (
    OPEN_STATES,
    Decision,
    Enrolment,
    Intervention,
    OutboxItem,
    Publication,
    Sequence,
    Step,
    StepComment,
    Version,
)
from sequences.outbox import signing
from sequences.presets import PRESETS, Preset
from team.models import User, Workspace

__all__ = ["STEP_MAILINGS", "StepMailing", "sent_by_a_step", "step_mailings"]


def sequences_in(workspace: Workspace) -> QuerySet[Sequence]:
    """Return the workspace's sequences, newest first."""
    return Sequence.objects.filter(workspace=workspace).select_related("live_version").order_by("-id")


def sequence_in(workspace: Workspace, sequence_id: int) -> Sequence:
    """Return one sequence with its campaign.  Raises NotFound when it isn't there or is another workspace's."""
    found = sequences_in(workspace).select_related("workspace", "campaign").filter(pk=sequence_id).first()
    if found is None:
        raise NotFound("There is no such sequence.")
    return found


def owner_of(sequence: Sequence) -> Model:
    """Return what is shared when a sequence is shared: the campaign that contacts enter by, or the sequence itself."""
    owner: Model = getattr(sequence, "campaign", sequence)
    return owner


def enrolments_in(workspace: Workspace) -> QuerySet[Enrolment]:
    """Return the workspace's enrolments with their contacts, newest first."""
    return Enrolment.objects.filter(sequence__workspace=workspace).select_related("contact").order_by("-id")


def enrolment_in(workspace: Workspace, enrolment_id: int) -> Enrolment:
    """Return one enrolment with its contact, sequence and mailbox.  Raises NotFound, also for those of other workspaces."""
    found = enrolments_in(workspace).select_related("contact", "sequence__workspace", "mailbox").filter(pk=enrolment_id)
    if (enrolment := found.first()) is None:
        raise NotFound("There is no such enrolment.")
    return enrolment


def intervention_in(sequence: Sequence, intervention_id: int) -> Intervention:
    """Return one deed by hand in a sequence.  Raises NotFound."""
    found = Intervention.objects.filter(sequence=sequence, pk=intervention_id).select_related("sequence").first()
    if found is None:
        raise NotFound("There is no such deed.")
    return found


def labels_in(sequence: Sequence, also: Iterable[str] = ()) -> dict[str, str]:
    """Return what to call the live version's steps, in their order, and behind them those of the keys `also` that are gone."""
    live = steps_in_order(sequence.live_version) if sequence.live_version else []
    labels = words.labels_of(live)
    lost = [key for key in also if key not in labels]
    if lost:
        older = Step.objects.filter(version__sequence=sequence, key__in=lost, version__published_at__isnull=False)
        labels |= words.labels_of(older.select_related("template_version").order_by("version__number"))
    return labels | {key: "A step that is gone" for key in lost if key not in labels}


def decisions_of(enrolment: Enrolment) -> QuerySet[Decision]:
    """Return what was decided about an enrolment, oldest first."""
    return Decision.objects.filter(enrolment=enrolment).order_by("id")


def outbox_of(enrolment: Enrolment) -> QuerySet[OutboxItem]:
    """Return what the enrolment's actions told others, and what came of it, oldest first."""
    return OutboxItem.objects.filter(enrolment=enrolment).order_by("id")


def webhook_secret(workspace: Workspace) -> str:
    """Return the secret by which receivers check that a webhook is the workspace's (Standard Webhooks)."""
    return signing.secret_of(workspace.pk)


def draft_version(sequence: Sequence) -> Version | None:
    """Return the version that is being edited, if there is one."""
    return sequence.versions.filter(published_at=None).first()


@dataclass(frozen=True, slots=True)
class Reach:
    """What an undo would take back and a redo would do again, for people; empty: nothing."""

    undo: str = ""
    redo: str = ""


def reach_of(draft: Version) -> Reach:
    """Return how far the draft's history goes in either direction."""
    last = draft.edits.order_by("-revision").only("undo_to", "redo_to", "undoes").first()
    if last is None:
        return Reach()
    there = dict(
        draft.edits.filter(revision__in=[at for at in (last.undo_to, last.redo_to) if at is not None]).values_list(
            "revision", "undoes"
        )
    )
    return Reach(
        undo=last.undoes if last.undo_to in there else "",
        redo=there.get(last.redo_to, "") if last.redo_to is not None else "",
    )


def edits_since(draft: Version, revision: int) -> list[str]:
    """Return what was done to the draft after a revision, oldest first: "Ada Lovelace added a wait"."""
    edits = list(draft.edits.filter(revision__gt=revision).order_by("revision").values_list("actor", "what"))
    names = _names_of(actor for actor, _ in edits)
    return [f"{names.get(actor, 'Somebody')} {what}" for actor, what in edits if what]


def _names_of(actors: Iterable[str]) -> dict[str, str]:
    ids = {actor: int(actor.removeprefix("user:")) for actor in actors if re.fullmatch(r"user:[0-9]+", actor)}
    users = User.objects.in_bulk(ids.values())
    return {actor: str(users[pk]) for actor, pk in ids.items() if pk in users}


def presets() -> list[Preset]:
    """Return the sequences of our own to start from."""
    return list(PRESETS.values())


def preset_called(slug: str) -> Preset:
    """Return one of them.  Raises InvalidInput when there is none of the name."""
    if slug not in PRESETS:
        raise InvalidInput("There is no such sequence to start from.")
    return PRESETS[slug]


def comments_of(sequence: Sequence, key: str) -> list[StepComment]:
    """Return what was said about a step, oldest first, with who said it."""
    return list(sequence.comments.filter(step_key=key).select_related("author", "resolved_by"))


def comment_in(sequence: Sequence, comment_id: int) -> StepComment:
    """Return one comment.  Raises NotFound when the sequence has no such comment."""
    comment = sequence.comments.select_related("author").filter(pk=comment_id).first()
    if comment is None:
        raise NotFound("There is no such comment.")
    return comment


def open_comments(sequence: Sequence) -> dict[str, int]:
    """Return how many comments wait for an answer, by the step's key."""
    counted = sequence.comments.filter(resolved_at=None).order_by("step_key").values_list("step_key")
    return dict(counted.annotate(Count("pk")))


def shown_version(sequence: Sequence) -> Version | None:
    """Return what contacts go through: the live version, or the draft as long as nothing was published."""
    return sequence.live_version or draft_version(sequence)


def edited_version(sequence: Sequence) -> Version | None:
    """Return what an editor works on: the draft, or what is live when nothing is being changed."""
    return draft_version(sequence) or sequence.live_version


def versions_of(sequence: Sequence) -> QuerySet[Version]:
    """Return the sequence's versions, the newest first, with how they were published."""
    return Version.objects.filter(sequence=sequence).select_related("publication").order_by("-number")


def version_in(sequence: Sequence, number: int) -> Version:
    """Return one version by its number.  Raises NotFound."""
    found = versions_of(sequence).filter(number=number).first()
    if found is None:
        raise NotFound("There is no such version.")
    return found


def diff_versions(before: Version, after: Version) -> VersionDiff:
    """Return what differs between two versions of a sequence, step by step."""
    first, second = (list(steps_of(version)) for version in (before, after))
    return compare(document_of(first), document_of(second), labels=words.labels_of(first) | words.labels_of(second))


def latest_publication(sequence: Sequence) -> Publication | None:
    """Return the last change that was published, with how far it is."""
    return Publication.objects.filter(version__sequence=sequence).select_related("version").first()


def steps_of(version: Version) -> QuerySet[Step]:
    """Return a version's steps in their order, with the templates they use."""
    return version.steps.select_related("template_version__template", "mailing", "experiment").order_by(
        "lane", "position"
    )


def steps_in_order(version: Version) -> list[Step]:
    """Return a version's steps in the order of its document: a lane's steps behind the step that it belongs to."""
    return list(document.in_order(steps_of(version)))


def document_of(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return a version's steps as one document (`sequences.document`)."""
    return document.document_of(steps)


def steps_by_sequence(sequence_ids: Collection[int]) -> dict[int, list[Step]]:
    """Return the steps of each sequence's shown version, in one query."""
    steps = (
        Step.objects.filter(version__sequence__in=sequence_ids)
        .select_related("version__sequence", "template_version__template", "mailing")
        .order_by("lane", "position")
    )
    found: dict[int, list[Step]] = {sequence_id: [] for sequence_id in sequence_ids}
    for step in steps:
        version = step.version
        if version.pk == version.sequence.live_version_id or version.sequence.live_version_id is None:
            found[version.sequence_id].append(step)
    return found


def mailing_ids(sequence: Sequence) -> list[int]:
    """Return the mailings that the sequence's published steps send, those of all versions of a test included."""
    return mailing_ids_by_sequence([sequence.pk])[sequence.pk]


def mailing_ids_by_sequence(sequence_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the mailings of each sequence, in one query."""
    found: dict[int, dict[int, None]] = {sequence_id: {} for sequence_id in sequence_ids}
    for each in step_mailings(sequence_ids=sequence_ids):
        # A step that says the same in several versions has one mailing in all of them.
        found[each.sequence_id][each.mailing_id] = None
    return {sequence_id: list(ids) for sequence_id, ids in found.items()}


def mailing_ids_by_step(sequence: Sequence) -> dict[str, list[int]]:
    """Return the mailings that each step has sent in any version, in the order of the versions."""
    found: dict[str, dict[int, None]] = {}
    for each in step_mailings(sequence_ids=[sequence.pk]):
        found.setdefault(each.key, {})[each.mailing_id] = None
    return {key: list(ids) for key, ids in found.items()}


def last_mailing_ids(sequence: Sequence) -> list[int]:
    """Return the mailings of the last email (of the newest version): who was sent one of them has finished."""
    every = step_mailings(sequence_ids=[sequence.pk])
    return list(dict.fromkeys(each.mailing_id for each in every if each.key == every[-1].key))


def experiment_steps(sequence: Sequence) -> list[Step]:
    """Return the emails with an A/B test of the version that an editor works on, in the order of its document."""
    version = edited_version(sequence)
    steps = version.steps.select_related("experiment", "template_version__template") if version else []
    return [step for step in document.in_order(steps) if step.experiment_id is not None]


def experiment_step(experiment: Experiment) -> Step | None:
    """Return the email that a test belongs to, of the newest version that has it, with its version and sequence."""
    steps = Step.objects.filter(experiment=experiment).select_related("version__sequence", "template_version__template")
    return steps.order_by("version__number").last()


def starts_in(workspace_id: int, *, draft_of: int) -> list[tuple[int, int]]:
    """Return (sequence, started sequence) for each step that starts another: of what is live, and of all of one sequence."""
    steps = Step.objects.filter(version__sequence__workspace=workspace_id, config__do="start_sequence")
    counted = steps.filter(Q(version=F("version__sequence__live_version")) | Q(version__sequence=draft_of))
    return list(counted.values_list("version__sequence_id", "config__sequence"))


def sequences_by_mailing(ids: Collection[int]) -> dict[int, int]:
    """Return the sequence that each mailing belongs to; mailings of others are left out."""
    return {each.mailing_id: each.sequence_id for each in step_mailings(mailing_ids=ids)}


def open_counts(sequence_ids: Collection[int]) -> dict[int, int]:
    """Return how many people are on the way through each of the sequences: one read of the index of open enrolments."""
    on_the_way = Enrolment.objects.filter(sequence__in=sequence_ids, state__in=OPEN_STATES)
    counted = on_the_way.order_by("sequence_id").values_list("sequence_id").annotate(Count("pk"))
    return dict.fromkeys(sequence_ids, 0) | dict(counted)


def open_sequences(sequence_ids: Collection[int]) -> set[int]:
    """Return which of the sequences still have somebody on the way: one probe of the index of open enrolments each."""
    on_the_way = Enrolment.objects.filter(sequence=OuterRef("pk"), state__in=OPEN_STATES)
    sequences = Sequence.objects.filter(pk__in=sequence_ids).filter(Exists(on_the_way))
    return set(sequences.values_list("pk", flat=True))


def away_until(sequence: Sequence, contact_id: int) -> datetime | None:
    """Return until when a contact who is on the way gets no email, as an automatic reply said; None for who isn't away."""
    open_ = Enrolment.objects.filter(sequence=sequence, contact=contact_id, state__in=OPEN_STATES)
    found: datetime | None = open_.aggregate(last=Max("away_until"))["last"]
    return found
