"""Bringing people from older versions to a published one, by set-based SQL and safe to repeat.

A publication moves everybody chunk by chunk (`sequences.services.publishing`); whoever the engine meets before their turn is brought
over first (`bring_over`), so that from the publication's moment on nobody takes a step of an older version.
Lock order as the engine's: enrolments, messages, counters; nobody waits for a sequence's row with enrolments locked.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from core import bus
from delivery import services as delivery
from sequences.events import WaysEnded
from sequences.graph import Graph
from sequences.models import Policy, Publication, Version
from sequences.transfer import rows
from sequences.transfer.plans import Fate, Passage, ahead, passages, sent_again
from sequences.transfer.rows import Plan

# Why an enrolment was stopped by a publication, and its mail cancelled (`delivery.reasons`).
EDITED = "edited"

__all__ = [
    "EDITED", "Fate", "Passage", "Plan", "ahead", "bring_over", "older_versions", "passages", "plan_of", "rows",
    "sent_again", "under_way",
]  # fmt: skip


def under_way(sequence_ids: Collection[int]) -> dict[int, Publication]:
    """Return the publications of these sequences that have not reached everybody yet, by sequence.

    Read from a partial index that is empty as a rule.
    """
    moving = Publication.objects.filter(
        finished_at=None, moved_at=None, version__sequence__in=sequence_ids
    ).select_related("version")
    return {publication.version.sequence_id: publication for publication in moving}


def older_versions(version: Version) -> list[int]:
    """Return the published versions of the sequence besides this one."""
    others = Version.objects.filter(sequence=version.sequence_id, published_at__isnull=False).exclude(pk=version.pk)
    return list(others.order_by("number").values_list("pk", flat=True))


def plan_of(version_id: int, ways: Mapping[int, Graph], older: Iterable[int]) -> Plan:
    """Return the plan that brings people from the older versions to this one."""
    to = ways[version_id]
    return Plan(
        version_id,
        [(before, passage) for before in older if before in ways for passage in passages(ways[before], to).values()],
    )


def bring_over(publication: Publication, plan: Plan, ids: Collection[int], now: datetime) -> int:
    """Do to these enrolments what the publication does to everybody in an older version; return how many it concerned."""
    if publication.policy == Policy.MIGRATE:
        moved = rows.move(plan, ids, now)
        if moved.ended:
            bus.announce(WaysEnded(tuple(moved.ended), "completed"))
        return moved.people
    ended = rows.end(plan.versions, ids, EDITED)
    if ended:
        if waiting := rows.waiting_mail(ended):
            delivery.cancel_messages(message_ids=waiting, reason=EDITED)
        bus.announce(WaysEnded(tuple(ended), EDITED))
    return len(ended)
