"""What people do by hand to those on their way: move, let skip a wait, stop, start again; and taking it back.

Each deed locks the sequence against a change of its state, then the enrolments in the order of their ids, waiting for an engine
that holds one of them.  Whoever stands elsewhere by then than the page showed (`seen`) is passed over, with a reason.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from core import clock
from core.exceptions import InvalidInput
from delivery import services as delivery
from delivery.models import MessageState
from sequences import engine
from sequences.engine import rows
from sequences.engine.places import Decided, Target
from sequences.exceptions import SequenceError
from sequences.graph import Graph, Node, is_email
from sequences.kinds.branches import NO, EngagementBranch
from sequences.kinds.events import TIMEOUT, WaitFor
from sequences.kinds.waits import CalendarPause, Pause, UntilDate, UntilWeekday
from sequences.models import OPEN_STATES, EnrolmentState, Intervened, Intervention, Sequence, Version
from sequences.services import waking
from team.services import audit_as_workspace

MOST_AT_ONCE = 10_000
Deed = Intervention.Deed

# Why somebody was passed over.
GONE = "They are not in this sequence any more."
MOVED_ON = "They have moved on since the page was loaded."
ENDED = "Their way has ended; start it again instead."
NOT_WAITING = "They stand at no wait."
IN_THE_POST = "They wait for their email to leave, not for a time."
NO_SUCH_STEP = "Their version of the steps has no such step."
SUPPRESSED = "Their address is suppressed: no mail may go to them."


class Standing(NamedTuple):
    """Where one enrolment stands, locked."""

    id: int
    contact_id: int
    version_id: int
    step_key: str
    rotation: int
    state: int
    reason: str
    entered_at: datetime
    due_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether they are still on the way."""
        return self.state in OPEN_STATES

    @property
    def stamp(self) -> str:
        """What `seen` is compared with: the step, the round and the state."""
        return stamp_of(self.step_key, self.rotation, self.state)


class Put(NamedTuple):
    """Where somebody is put: a target, the version that it is of, and the lane that was taken by hand."""

    target: Target
    version_id: int
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: the deed as it was noted, how many people it changed, and who was passed over (a sentence by id)."""

    intervention: Intervention
    changed: int
    passed_over: Mapping[int, str] = field(default_factory=dict)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why people were passed over, and how many for each reason."""
        return Counter(self.passed_over.values()).most_common()


type Decide = Callable[[Standing, Mapping[int, Graph]], Put | str]


def stamp_of(step_key: str, rotation: int, state: int) -> str:
    """Return a mark of where an enrolment stands, by which a stale page is known."""
    return f"{step_key}:{rotation}:{int(state)}"


def move_people(
    *, sequence: Sequence, enrolment_ids: Items[int], to: str, seen: Mapping[int, str] | None = None
) -> Done:
    """Put people (at most 10,000) on the step `to` of their version, or of the live one if theirs has none, as if they came now.

    Mail that waits for them is cancelled.  Backwards, or to where they stand, begins a new round, so that emails are sent anew.
    Raises SequenceError when nobody could be moved, or the sequence is closed.
    """
    now = clock.now()

    def decide(standing: Standing, ways: Mapping[int, Graph]) -> Put | str:
        if not standing.is_open:
            return ENDED
        version_id = standing.version_id if ways[standing.version_id].get(to) else _live(sequence)
        node = ways[version_id].get(to)
        if node is None:
            return NO_SUCH_STEP
        here = ways[version_id].get(standing.step_key)
        forward = here is not None and node.number > here.number
        return Put(_arrive(node, standing.rotation + (0 if forward else 1), now), version_id)

    return _intervene(sequence, Deed.MOVE, enrolment_ids, seen, decide, to=to)


def skip_waits(*, sequence: Sequence, enrolment_ids: Items[int], seen: Mapping[int, str] | None = None) -> Done:
    """Let people go on from the wait at which they stand, now.  Who waits for an event goes by the timeout, for engagement by *no*.

    Raises SequenceError when nobody stood at a wait, or the sequence is closed.
    """
    now = clock.now()

    def decide(standing: Standing, ways: Mapping[int, Graph]) -> Put | str:
        if not standing.is_open:
            return ENDED
        graph = ways[standing.version_id]
        node = graph[standing.step_key]
        match node.settings:
            case Pause() | CalendarPause() | UntilWeekday() | UntilDate():
                lane, key = "", node.next_key
            case WaitFor():
                lane, key = TIMEOUT, node.lanes[TIMEOUT]
            case EngagementBranch():
                lane, key = NO, node.lanes[NO]
            case _:
                return IN_THE_POST if is_email(node) else NOT_WAITING
        if key is not None:
            return Put(_arrive(graph[key], standing.rotation, now), standing.version_id, lane)
        end = Target(node.key, standing.rotation, EnrolmentState.COMPLETED, now, None)
        return Put(end, standing.version_id, lane)

    return _intervene(sequence, Deed.SKIP, enrolment_ids, seen, decide)


def stop_people(*, sequence: Sequence, enrolment_ids: Items[int], seen: Mapping[int, str] | None = None) -> Done:
    """End people's way where they stand, and cancel the mail that waits for them.

    Raises SequenceError when nobody was on the way, or the sequence is closed.
    """

    def decide(standing: Standing, ways: Mapping[int, Graph]) -> Put | str:
        if not standing.is_open:
            return "Their way has ended already."
        target = Target(
            standing.step_key, standing.rotation, EnrolmentState.STOPPED, standing.entered_at, None, "manual"
        )
        return Put(target, standing.version_id)

    return _intervene(sequence, Deed.STOP, enrolment_ids, seen, decide)


def restart_people(*, sequence: Sequence, enrolment_ids: Items[int], seen: Mapping[int, str] | None = None) -> Done:
    """Let people begin anew at the first step of the live version, in a new round; also those whose way has ended.

    Raises SequenceError when nobody could begin, or the sequence is closed.
    """
    now = clock.now()

    def decide(standing: Standing, ways: Mapping[int, Graph]) -> Put | str:
        first = ways[_live(sequence)].first
        if first is None:
            return NO_SUCH_STEP
        return Put(_arrive(first, standing.rotation + 1, now), _live(sequence))

    return _intervene(sequence, Deed.RESTART, enrolment_ids, seen, decide)


@transaction.atomic
def undo_intervention(intervention: Intervention) -> int:
    """Put everybody back who stands where the deed has put them; return how many.

    They go on in a new round, as mail of this one may have been made; an email whose message was cancelled is sent after all.
    Raises SequenceError when it was undone before, when everybody has moved on, or the sequence is closed.
    """
    sequence = intervention.sequence
    _lock_open(sequence)
    now = clock.now()
    undone = Intervention.objects.filter(pk=intervention.pk, undone_at=None).update(undone_at=now)
    if not undone:
        raise SequenceError("This was taken back already.", code="undone")
    kept = {row.enrolment_id: row for row in Intervened.objects.filter(intervention=intervention)}
    standing = {row.id: row for row in _lock(sequence, list(kept))}
    unmoved = [pk for pk, row in kept.items() if pk in standing and _is_as_put(standing[pk], row.after)]
    if not unmoved:
        raise SequenceError("It is too late to take this back: everybody has moved on.", code="too_late")
    ways = engine.graphs({kept[pk].before["version"] for pk in unmoved})
    moves: dict[Target, list[int]] = defaultdict(list)
    versions: dict[int, list[int]] = defaultdict(list)
    _cancel_mail([pk for pk in unmoved if standing[pk].is_open], reason="moved")
    for pk in unmoved:
        before = kept[pk].before
        moves[_as_before(before, standing[pk], ways[before["version"]], now)].append(pk)
        if before["version"] != standing[pk].version_id:
            versions[before["version"]].append(pk)
    rows.write_moves(moves)
    _write_versions(versions)
    waking.wake_engine()
    return len(unmoved)


def _as_before(before: Mapping[str, Any], standing: Standing, graph: Graph, now: datetime) -> Target:
    state = EnrolmentState(before["state"])
    entered_at = datetime.fromisoformat(before["entered_at"])
    rotation = max(before["rotation"], standing.rotation) + 1
    if state not in OPEN_STATES:
        return Target(before["step"], rotation, state, entered_at, None, before["reason"])
    due_at = datetime.fromisoformat(before["due_at"]) if before["due_at"] else now
    return Target(graph[before["step"]].key, rotation, EnrolmentState.ACTIVE, entered_at, due_at)


def _is_as_put(standing: Standing, after: Mapping[str, Any]) -> bool:
    return bool(standing.stamp == after["stamp"] and standing.version_id == after["version"])


@transaction.atomic
def _intervene(
    sequence: Sequence,
    deed: Intervention.Deed,
    enrolment_ids: Items[int],
    seen: Mapping[int, str] | None,
    decide: Decide,
    *,
    to: str = "",
) -> Done:
    ids = sorted(set(enrolment_ids))
    if not ids or len(ids) > MOST_AT_ONCE:
        message = f"Choose between one and {MOST_AT_ONCE:,} people."
        raise InvalidInput(message, fields={"enrolments": [message]})
    _lock_open(sequence)
    audit_as_workspace(sequence.workspace_id)
    standing = {row.id: row for row in _lock(sequence, ids)}
    ways = engine.graphs({_live(sequence), *(row.version_id for row in standing.values())})
    suppressed = rows.suppressed({row.contact_id for row in standing.values()}) if deed == Deed.RESTART else set()
    put: dict[int, Put] = {}
    passed_over: dict[int, str] = {}
    for pk in ids:
        found = _judge(pk, standing, seen, suppressed) or decide(standing[pk], ways)
        if isinstance(found, str):
            passed_over[pk] = found
        else:
            put[pk] = found
    if not put:
        raise SequenceError(_refusal(passed_over), code="moved_on" if MOVED_ON in passed_over.values() else None)
    now = clock.now()
    _write(deed, put, standing, now)
    intervention = Intervention.objects.create(sequence=sequence, deed=deed, to_step=to, people=len(put), made_at=now)
    _keep(intervention, put, standing)
    if deed != Deed.STOP:
        waking.wake_engine()
    return Done(intervention, len(put), passed_over)


def _judge(
    pk: int, standing: Mapping[int, Standing], seen: Mapping[int, str] | None, suppressed: Collection[int]
) -> str:
    if pk not in standing:
        return GONE
    if seen is not None and seen.get(pk, standing[pk].stamp) != standing[pk].stamp:
        return MOVED_ON
    return SUPPRESSED if standing[pk].contact_id in suppressed else ""


def _refusal(passed_over: Mapping[int, str]) -> str:
    sentences = [sentence for sentence, _ in Counter(passed_over.values()).most_common()]
    return sentences[0] if len(sentences) == 1 else f"Nobody was changed. {' '.join(sentences)}"


def _arrive(node: Node, rotation: int, now: datetime) -> Target:
    """Return the place of somebody who comes to the step now."""
    return Target(node.key, rotation, EnrolmentState.ACTIVE, now, node.due_at(now))


def _live(sequence: Sequence) -> int:
    if sequence.live_version_id is None:  # nobody is in a sequence that was never published
        raise SequenceError("The sequence was never published.")
    return int(sequence.live_version_id)


def _lock_open(sequence: Sequence) -> None:
    """Read the sequence's state and live version and keep them from changing until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, live_version_id FROM sequences_sequence WHERE id = %s FOR SHARE", [sequence.pk])
        state, live_version_id = cursor.fetchone()
    if state not in (Sequence.State.RUNNING, Sequence.State.PAUSED):
        raise SequenceError("The sequence is closed: its people stay where they are.", code="closed")
    if live_version_id != sequence.live_version_id:
        sequence.live_version = Version.objects.get(pk=live_version_id)


def _lock(sequence: Sequence, ids: Items[int]) -> list[Standing]:
    # By the primary key; an engine that holds one of them is waited for, and its result is what is read.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, contact_id, version_id, step_key, rotation, state, reason, entered_step_at, due_at
            FROM sequences_enrolment WHERE id = ANY (%s) AND sequence_id = %s ORDER BY id FOR UPDATE
            """,
            [list(ids), sequence.pk],
        )
        return [Standing._make(row) for row in cursor.fetchall()]


def _write(deed: str, put: Mapping[int, Put], standing: Mapping[int, Standing], now: datetime) -> None:
    moves: dict[Target, list[int]] = defaultdict(list)
    versions: dict[int, list[int]] = defaultdict(list)
    decisions: list[Decided] = []
    for pk, (target, version_id, lane) in put.items():
        moves[target].append(pk)
        if version_id != standing[pk].version_id:
            versions[version_id].append(pk)
        if lane:
            row = standing[pk]
            decisions.append(Decided(pk, row.step_key, row.rotation, lane, json.dumps({"by_hand": True}), now))
    _cancel_mail(
        [pk for pk in put if standing[pk].is_open and standing[pk].due_at is None],
        reason="stopped" if deed == Deed.STOP else "moved",
    )
    rows.write_moves(moves)
    _write_versions(versions)
    rows.write_decisions(decisions)


def _write_versions(versions: Mapping[int, Items[int]]) -> None:
    for version_id, ids in versions.items():
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE sequences_enrolment SET version_id = %s WHERE id = ANY (%s)", [version_id, list(ids)]
            )


def _keep(intervention: Intervention, put: Mapping[int, Put], standing: Mapping[int, Standing]) -> None:
    Intervened.objects.bulk_create(
        [
            Intervened(
                intervention=intervention,
                enrolment_id=pk,
                before={
                    "version": row.version_id,
                    "step": row.step_key,
                    "rotation": row.rotation,
                    "state": row.state,
                    "reason": row.reason,
                    "entered_at": row.entered_at.isoformat(),
                    "due_at": row.due_at.isoformat() if row.due_at else None,
                },
                after={
                    "version": placed.version_id,
                    "step": placed.target.step_key,
                    "stamp": stamp_of(placed.target.step_key, placed.target.rotation, placed.target.state),
                },
            )
            for pk, placed in put.items()
            for row in (standing[pk],)
        ],
        batch_size=2_000,
    )


def _cancel_mail(enrolment_ids: Items[int], *, reason: str) -> None:
    """Cancel what waits to be sent to these enrolments (by the index of messages by contact)."""
    if not enrolment_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.id FROM sequences_enrolment e JOIN delivery_message m ON m.contact_id = e.contact_id
            WHERE e.id = ANY (%s) AND m.state = ANY (%s) AND m.key LIKE 'e' || e.id || ':%%'
            """,
            [list(enrolment_ids), [MessageState.QUEUED, MessageState.DEFERRED]],
        )
        waiting = [pk for (pk,) in cursor.fetchall()]
    if waiting:
        delivery.cancel_messages(message_ids=waiting, reason=reason)
