"""The engine: claims what is due and moves it, by set-based SQL.

Lock order: enrolments, contacts, messages, counters.  The engine never waits for a sequence's row: what belongs to a
sequence whose state changes this very moment is left to the next run.  So whoever changes a state may lock enrolments after
the sequence.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from datetime import datetime

from django.db import transaction

from core import bus
from delivery import services as delivery
from delivery.models import Mailing
from sequences import transfer
from sequences.document import graph_of
from sequences.engine import questions, rows
from sequences.engine.places import Due, Email, Running, Target, message_key, stopped
from sequences.engine.walk import Walk
from sequences.events import WaysEnded
from sequences.graph import Graph, is_email
from sequences.kinds.events import Goal
from sequences.models import OPEN_STATES, EnrolmentState, Sequence, Step

CLAIM = 10_000

__all__ = ["CLAIM", "advance_batch", "graphs", "message_key"]


def advance_batch(*, now: datetime, limit: int = CLAIM) -> int:
    """Move up to `limit` due enrolments in one transaction; return how many, 0 when all that is due is held by others.

    A worker killed in here leaves no trace; the message's key makes a second run harmless in any case.
    """
    with transaction.atomic():
        claimed, sequences = _claim(now, limit)
        if not claimed:
            return 0
        removed = rows.removed_mailboxes({due.mailbox_id for due in claimed})
        ways = graphs({due.version_id for due in claimed})
        waited = {due.contact_id for due in claimed if not is_email(ways[due.version_id][due.step_key])}
        suppressed = rows.suppressed(waited)
        arrived = _arrived(claimed, ways)
        walk = Walk(ways, sequences, now, revised=rows.revised(ways))
        walking: list[Due] = []
        for due in claimed:
            state = sequences[due.sequence_id].state
            if state != Sequence.State.RUNNING or due.mailbox_id in removed:
                walk.moves[_set_aside(due, state)].append(due.id)
            elif due.contact_id in suppressed:
                walk.moves[stopped(due, "suppressed")].append(due.id)
            elif due.id in arrived:
                walk.moves[stopped(due, "goal")].append(due.id)
            else:
                walking.append(due)
        walk.run(walking)
        rows.write_moves(walk.moves)
        _announce_ends(walk.moves)
        rows.write_decisions(walk.decisions)
        _queue(walk.outgoing, now)
        return len(claimed)


def _claim(now: datetime, limit: int) -> tuple[list[Due], dict[int, Running]]:
    """Claim what is due.  Whom a change that was published has not reached yet is brought over first, and claimed anew."""
    claimed = rows.claim(now, limit)
    if not claimed:
        return [], {}
    sequences = rows.lock_sequences({due.sequence_id for due in claimed})
    moving = transfer.under_way(sequences)
    stale = {
        publication: [due.id for due in claimed if due.sequence_id == pk and due.version_id != publication.version_id]
        for pk, publication in moving.items()
    }
    for publication, ids in stale.items():
        if ids:
            older = transfer.older_versions(publication.version)
            plan = transfer.plan_of(publication.version_id, graphs([publication.version_id, *older]), older)
            transfer.bring_over(publication, plan, ids, now)
    if any(stale.values()):
        claimed = rows.claim(now, limit)
        sequences |= rows.lock_sequences({due.sequence_id for due in claimed} - sequences.keys())
    return [due for due in claimed if due.sequence_id in sequences], sequences


def _announce_ends(moves: Mapping[Target, Items[int]]) -> None:
    """Tell of those whose way has ended, by how it did."""
    ended: dict[str, list[int]] = defaultdict(list)
    for target, enrolment_ids in moves.items():
        if target.state not in OPEN_STATES:
            ended[target.reason or "completed"] += enrolment_ids
    for outcome, enrolment_ids in ended.items():
        bus.announce(WaysEnded(tuple(enrolment_ids), outcome))


def graphs(version_ids: Iterable[int]) -> dict[int, Graph]:
    """Return the way through each published version."""
    steps: dict[int, list[Step]] = defaultdict(list)
    found = Step.objects.filter(version__in=list(version_ids)).order_by("version", "lane", "position")
    for step in found.only(
        "version_id", "key", "lane", "position", "kind", "wait", "config", "mailing_id", "experiment_id"
    ):
        steps[step.version_id].append(step)
    return {version_id: graph_of(own) for version_id, own in steps.items()}


def _arrived(claimed: Items[Due], ways: Mapping[int, Graph]) -> set[int]:
    """Return who has reached a goal of their version whose fact has not been handled yet."""
    found: set[int] = set()
    for version_id, graph in ways.items():
        goals = [node.settings.match for node in graph if isinstance(node.settings, Goal) and node.settings.match]
        if goals:
            found |= questions.goals_reached(goals, [due.id for due in claimed if due.version_id == version_id])
    return found


def _set_aside(due: Due, sequence_state: str) -> Target:
    """Stop who falls due in a closed sequence; hold who does in a paused one, or whose mailbox is to be replaced."""
    if sequence_state == Sequence.State.CLOSED:
        return stopped(due, "closed")
    return Target(due.step_key, due.rotation, EnrolmentState.HELD, due.entered_at, due.due_at)


def _queue(outgoing: Mapping[Email, Items[Due]], now: datetime) -> None:
    """Hand the emails to delivery, mailing by mailing in the order of their ids, as their counters are locked."""
    mailings = Mailing.objects.in_bulk([email.mailing_id for email in outgoing])
    for email, group in sorted(outgoing.items()):
        mailing = mailings[email.mailing_id]
        delivery.queue_messages(
            mailing=mailing,
            contact_ids=[due.contact_id for due in group],
            mailbox_ids=[due.mailbox_id for due in group if due.mailbox_id is not None],
            keys=[message_key(due.id, email.step_key, email.rotation) for due in group],
            due_at=now,
            now=now,
            fields=rows.event_fields([due.id for due in group]) if mailing.own_fields else None,
            stratum=email.stratum,
        )
