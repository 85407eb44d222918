"""Moving groups of people through a version's steps, until each rests, waits for a message or is at an end.

Those who stand at the same step since the same moment are one party; a round takes every party one step further, and asks
one question for all parties at one step.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Sequence as Items
from datetime import datetime, timedelta
from typing import NamedTuple

from contacts.exceptions import InvalidSegment
from sequences.engine import deeds, questions, rows
from sequences.engine.places import Decided, Due, Email, Running, Target
from sequences.engine.versions import INSTANT, LAST, Versions
from sequences.exceptions import CannotAskError
from sequences.graph import Graph, Node
from sequences.kinds import flow
from sequences.kinds.actions import Action
from sequences.kinds.branches import (
    GRACE,
    NO,
    UNDELIVERED,
    YES,
    Branch,
    EngagementBranch,
    FieldBranch,
    ListBranch,
    SegmentBranch,
)
from sequences.kinds.events import HAPPENED, TIMEOUT, EventBranch, Goal, WaitFor
from sequences.kinds.splits import Split
from sequences.kinds.waits import CalendarPause, Pause, UntilDate, UntilWeekday, Wait
from sequences.models import EnrolmentState

logger = logging.getLogger(__name__)

# A loop of waits that are all long over is caught up with in pieces, so that no batch takes for ever.
MOST_ROUNDS = 500
ASK_AGAIN = timedelta(minutes=30)


class Place(NamedTuple):
    """A step, since when, in which rotation."""

    version_id: int
    step_key: str
    entered_at: datetime
    rotation: int


class Party(NamedTuple):
    place: Place
    members: list[Due]


class Choice(NamedTuple):
    """What a question led to for one member: a lane and when it is left for it, or when to ask again."""

    lane: str | None
    at: datetime
    inputs: str = ""


class Walk:
    """One batch's walk.  Afterwards `moves`, `outgoing` and `decisions` say what is to be written."""

    def __init__(
        self,
        graphs: Mapping[int, Graph],
        sequences: Mapping[int, Running],
        now: datetime,
        *,
        revised: Collection[int] = (),
    ) -> None:
        self._graphs = graphs
        self._sequences = sequences
        self._now = now
        self._revised = revised
        self._standing: dict[Place, list[Due]] = defaultdict(list)
        self.moves: dict[Target, list[int]] = defaultdict(list)
        self.outgoing: dict[Email, list[Due]] = defaultdict(list)
        self.decisions: list[Decided] = []

    def run(self, people: Iterable[Due]) -> None:
        """Move everybody as far as they get."""
        for due in people:
            self._standing[Place(due.version_id, due.step_key, due.entered_at, due.rotation)].append(due)
        for _ in range(MOST_ROUNDS):
            if not self._standing:
                return
            standing, self._standing = self._standing, defaultdict(list)
            by_step: dict[tuple[int, str], list[Party]] = defaultdict(list)
            for place, members in standing.items():
                by_step[place.version_id, place.step_key].append(Party(place, members))
            for (version_id, key), parties in by_step.items():
                self._pass(self._graphs[version_id][key], parties)
        for place, members in self._standing.items():
            self._rest(Party(place, members), place.entered_at)

    def _pass(self, node: Node, parties: list[Party]) -> None:
        """Take all parties at one step as far as that step lets them."""
        match node.settings:
            case flow.Email() as email:
                self._mail(node, email, parties)
            case Pause() | CalendarPause() | UntilWeekday() | UntilDate():
                self._pass_wait(node, node.settings, parties)
            case (
                EngagementBranch()
                | FieldBranch()
                | SegmentBranch()
                | ListBranch()
                | EventBranch()
                | Split()
                | WaitFor()
            ):
                self._route(node, node.settings, parties)
            case flow.Jump(to):
                self._jump(node, to, parties)
            case Goal():
                self._pass_goal(node, node.settings, parties)
            case flow.Exit():
                self._end(node, parties, EnrolmentState.COMPLETED, "exit")
            case action:
                self._act(node, action, parties)

    def _pass_wait(self, node: Node, wait: Wait, parties: list[Party]) -> None:
        if not isinstance(wait, Pause):
            self._wait_by_the_wall(node, wait, parties)
            return
        for party in parties:
            self._wait(node, party, party.place.entered_at + wait.duration)

    def _route(self, node: Node, question: Branch | Split | WaitFor, parties: list[Party]) -> None:
        match question:
            case EngagementBranch():
                self._ask_engagement(node, question, parties)
            case Split():
                self._split(node, question, parties)
            case WaitFor():
                self._wait_for(node, question, parties)
            case EventBranch():
                self._count_events(node, question, parties)
            case _:
                self._ask_contacts(node, question, parties)

    # Ways on

    def _go(self, party: Party, key: str | None, at: datetime) -> None:
        """Leave the step at `at` for the step `key`, or for the end."""
        place = party.place
        if key is not None:
            self._standing[Place(place.version_id, key, at, place.rotation)] += party.members
            return
        target = Target(place.step_key, place.rotation, EnrolmentState.COMPLETED, at, None)
        self.moves[target] += [due.id for due in party.members]

    def _rest(self, party: Party, due_at: datetime, reason: str = "") -> None:
        """Stay at the step until `due_at`."""
        place = party.place
        target = Target(place.step_key, place.rotation, EnrolmentState.ACTIVE, place.entered_at, due_at, reason)
        self.moves[target] += [due.id for due in party.members]

    def _wait(self, node: Node, party: Party, over_at: datetime) -> None:
        if over_at > self._now:
            self._rest(party, over_at)
        else:
            self._go(party, node.next_key, over_at)

    def _skip_sent(self, node: Node, parties: list[Party]) -> list[Party]:
        """Let who was sent the email in this rotation already go on: the steps were put in another order.  Return the others."""
        arrived = [party for party in parties if party.place.entered_at <= self._now]
        if not arrived or arrived[0].place.version_id not in self._revised:
            return parties
        people = [(due.id, party.place.rotation) for party in arrived for due in party.members]
        ids, rotations = [pk for pk, _ in people], [rotation for _, rotation in people]
        before = rows.sent_before(self._workspace_of(arrived), node.key, ids, rotations)
        if not before:
            return parties
        left: list[Party] = []
        for place, members in parties:
            had = [due for due in members if due.id in before]
            if had:
                self._go(Party(place, had), node.next_key, place.entered_at)
            if len(had) < len(members):
                left.append(Party(place, [due for due in members if due.id not in before]))
        return left

    def _mail(self, node: Node, email: flow.Email, parties: list[Party]) -> None:
        """Send the email to who is there, unless it is too late, they are away, or the exit filter lets them go first."""
        going: list[Party] = []
        for party in self._skip_sent(node, parties):
            place, now = party.place, self._now
            if place.entered_at > now:
                self._rest(party, place.entered_at)
            elif email.expires_after is not None and now > place.entered_at + email.expires_after:
                self._skip(node, party, place.entered_at + email.expires_after)
            elif any(due.away_until is not None for due in party.members):
                going += self._without_the_away(party, email)
            else:
                going.append(party)
        leaving = self._through_the_exit(node, going)
        if node.experiment_id is not None:
            self._send_versions(node, email, node.experiment_id, list(leaving))
            return
        for party in leaving:
            self._send(node, party, node.mailing_id)

    def _skip(self, node: Node, party: Party, expired_at: datetime) -> None:
        """Go on without the email, from when it was of no use any more."""
        inputs = json.dumps({"skipped": "expired", "since": party.place.entered_at.isoformat()})
        rotation = party.place.rotation
        self.decisions += [Decided(due.id, node.key, rotation, "", inputs, expired_at) for due in party.members]
        self._go(party, node.next_key, expired_at)

    def _without_the_away(self, party: Party, email: flow.Email) -> Iterable[Party]:
        """Let who is away stay until they are back, or until the email is of no use any more."""
        here: list[Due] = []
        expires_at = _expires_at(email, party.place.entered_at)
        for due in party.members:
            if due.away_until is not None and due.away_until > self._now:
                self._rest(Party(party.place, [due]), min(due.away_until, expires_at), "away")
            else:
                here.append(due)
        return [Party(party.place, here)] if here else []

    def _through_the_exit(self, node: Node, parties: Items[Party]) -> Iterable[Party]:
        """Return who is left when those whom the sequence's exit filter matches have gone."""
        if not parties:
            return parties
        running = self._sequences[parties[0].members[0].sequence_id]
        if not running.exit_filter:
            return parties
        ids = [due.contact_id for party in parties for due in party.members]
        try:
            leaving = questions.matching(running.workspace_id, running.exit_filter, ids, self._now)
        except InvalidSegment as error:
            logger.warning(
                "The exit filter before step %s can't be asked, %s people wait: %s", node.key, len(ids), error
            )
            for party in parties:
                self._rest(party, self._now + ASK_AGAIN, "cannot_ask")
            return []
        staying: list[Party] = []
        for place, members in parties:
            gone = [due for due in members if due.contact_id in leaving]
            if gone:
                self._end(node, [Party(place, gone)], EnrolmentState.STOPPED, "exit_filter")
            staying.append(Party(place, [due for due in members if due.contact_id not in leaving]))
        return [party for party in staying if party.members]

    def _send_versions(self, node: Node, email: flow.Email, experiment_id: int, parties: Items[Party]) -> None:
        """Send each contact its version of an email under test, at its hour; who has none yet waits for the test."""
        if not parties:
            return
        ids = [due.contact_id for party in parties for due in party.members]
        versions = Versions(experiment_id, ids, self._now)
        for party in parties:
            entered_at = party.place.entered_at
            going, resting = versions.sort(party.members, entered_at, _expires_at(email, entered_at))
            for rest, members in resting.items():
                self._rest(Party(party.place, members), rest.until, rest.reason)
            for version, members in going.items():
                self._send(node, Party(party.place, members), version.mailing_id, version.stratum)

    def _send(self, node: Node, party: Party, mailing_id: int | None, stratum: int = 0) -> None:
        """Send the email.  Nothing waits for the acceptance of the last one; else the acceptance sets the next due_at."""
        place = party.place
        state = EnrolmentState.ACTIVE if node.next_key is not None else EnrolmentState.COMPLETED
        self.moves[Target(node.key, place.rotation, state, place.entered_at, None)] += [due.id for due in party.members]
        if mailing_id is not None:
            self.outgoing[Email(mailing_id, node.key, place.rotation, stratum)] += party.members

    def _end(self, node: Node, parties: Items[Party], state: EnrolmentState, reason: str) -> None:
        for party in parties:
            target = Target(node.key, party.place.rotation, state, party.place.entered_at, None, reason)
            self.moves[target] += [due.id for due in party.members]

    def _jump(self, node: Node, to: str, parties: Items[Party]) -> None:
        """Go on elsewhere; backwards begins a new rotation, so that emails on the way are sent anew."""
        for party in parties:
            place = party.place
            back = self._graphs[place.version_id][to].number <= node.number
            turned = place._replace(rotation=place.rotation + 1) if back else place
            self._go(Party(turned, party.members), to, place.entered_at)

    # Questions

    def _wait_by_the_wall(
        self, node: Node, wait: CalendarPause | UntilWeekday | UntilDate, parties: Items[Party]
    ) -> None:
        field = wait.field if isinstance(wait, UntilDate) else ""
        clocks = questions.local_clocks([due.contact_id for party in parties for due in party.members], field)
        for party in parties:
            entered_at = party.place.entered_at
            over: dict[datetime, list[Due]] = defaultdict(list)
            # Thousands share a zone and a date.
            known: dict[questions.Local, datetime] = {}
            for due in party.members:
                local = clocks[due.contact_id]
                if local not in known:
                    known[local] = (
                        wait.over_at(entered_at, local.zone, local.value)
                        if isinstance(wait, UntilDate)
                        else wait.over_at(entered_at, local.zone)
                    )
                over[known[local]].append(due)
            for over_at, members in over.items():
                self._wait(node, Party(party.place, members), over_at)

    def _choose(self, node: Node, parties: Items[Party], choose: Callable[[Party, Due], Choice]) -> None:
        """Send each member into the lane that `choose` names, and keep what it was chosen by."""
        for party in parties:
            place = party.place
            routed: dict[tuple[str | None, datetime], list[Due]] = defaultdict(list)
            for due in party.members:
                lane, at, inputs = choose(party, due)
                routed[lane, at].append(due)
                if lane is not None:
                    self.decisions.append(Decided(due.id, node.key, place.rotation, lane, inputs, at))
            for (lane, at), members in routed.items():
                group = Party(place, members)
                if lane is None:
                    self._rest(group, at)
                else:
                    self._go(group, node.lanes[lane], at)

    def _ask_contacts(
        self, node: Node, branch: FieldBranch | SegmentBranch | ListBranch, parties: Items[Party]
    ) -> None:
        ids = [due.contact_id for party in parties for due in party.members]
        try:
            found = questions.answers(self._workspace_of(parties), branch, ids, self._now)
        except (CannotAskError, InvalidSegment) as error:
            # Nobody is routed by a question that can't be asked: it may be mended.
            logger.warning("Step %s can't ask, and holds %s people: %s", node.key, len(ids), error)
            for party in parties:
                self._rest(party, self._now + ASK_AGAIN, "cannot_ask")
            return
        nobody = questions.Answer(holds=False)
        texts: dict[questions.Answer, str] = {}

        def choose(party: Party, due: Due) -> Choice:
            answer = found.get(due.contact_id, nobody)
            if answer not in texts:
                texts[answer] = json.dumps(_inputs_of(branch, answer))
            return Choice(YES if answer.holds else NO, party.place.entered_at, texts[answer])

        self._choose(node, parties, choose)

    def _ask_engagement(self, node: Node, branch: EngagementBranch, parties: Items[Party]) -> None:
        people = [(due.id, party.place.rotation) for party in parties for due in party.members]
        ids, rotations = [pk for pk, _ in people], [rotation for _, rotation in people]
        found = questions.sent_messages(self._workspace_of(parties), branch.step, ids, rotations)
        self._choose(
            node, parties, lambda party, due: engagement(branch, found[due.id], party.place.entered_at, self._now)
        )

    def _pass_goal(self, node: Node, goal: Goal, parties: Items[Party]) -> None:
        """Reaching a goal without an event is the goal; one with an event is reached before anybody gets here, or not at all."""
        if goal.match is None:
            self._end(node, parties, EnrolmentState.STOPPED, "goal")
            return
        for party in parties:
            self._go(party, node.next_key, party.place.entered_at)

    def _wait_for(self, node: Node, wait: WaitFor, parties: Items[Party]) -> None:
        people = [(due.contact_id, party.place.entered_at) for party in parties for due in party.members]
        found = questions.first_events(wait, *map(list, zip(*people, strict=True)))

        def choose(party: Party, due: Due) -> Choice:
            entered_at = party.place.entered_at
            event = found.get((due.contact_id, entered_at))
            if event is not None:
                return Choice(HAPPENED, event.at, f'{{"event_id": {event.id}}}')
            over_at = entered_at + wait.timeout
            return Choice(TIMEOUT if over_at <= self._now else None, over_at, '{"event_id": null}')

        self._choose(node, parties, choose)

    def _count_events(self, node: Node, branch: EventBranch, parties: Items[Party]) -> None:
        people = [(due.contact_id, party.place.entered_at) for party in parties for due in party.members]
        counts = questions.event_counts(branch, *map(list, zip(*people, strict=True)))

        def choose(party: Party, due: Due) -> Choice:
            entered_at = party.place.entered_at
            count = counts[due.contact_id, entered_at]
            return Choice(YES if count >= branch.at_least else NO, entered_at, f'{{"at_least": {count}}}')

        self._choose(node, parties, choose)

    def _split(self, node: Node, split: Split, parties: Items[Party]) -> None:
        def choose(party: Party, due: Due) -> Choice:
            bucket = split.bucket(due.contact_id)
            return Choice(split.lane(bucket), party.place.entered_at, f'{{"bucket": {bucket}}}')

        self._choose(node, parties, choose)

    def _act(self, node: Node, action: Action, parties: Items[Party]) -> None:
        """Have it done, and keep what was done: a decision without a lane."""
        performers = [
            deeds.Performer(due, party.place.rotation, party.place.entered_at)
            for party in parties
            for due in party.members
        ]
        kept = deeds.carry_out(self._workspace_of(parties), node.key, action, performers, self._now)
        self.decisions += [
            Decided(due.id, node.key, rotation, "", kept[due.id], at) for due, rotation, at in performers
        ]
        for party in parties:
            self._go(party, node.next_key, party.place.entered_at)

    def _workspace_of(self, parties: Items[Party]) -> int:
        """Return the workspace of people at one step, who share a version and so a sequence."""
        return self._sequences[parties[0].members[0].sequence_id].workspace_id


def _expires_at(email: flow.Email, entered_at: datetime) -> datetime:
    """Return the first moment at which the email is skipped for who came at `entered_at`."""
    return LAST if email.expires_after is None else entered_at + email.expires_after + INSTANT


def engagement(branch: EngagementBranch, sent: questions.Sent, entered_at: datetime, now: datetime) -> Choice:
    """Return the lane by what became of the named email: *yes* as soon as it is known, *no* when the window and grace are over.

    A lane is left at the moment that decided it, or on arrival if that was earlier.
    """
    accepted_at = sent.delivered_at
    if accepted_at is None:
        state = None if sent.state is None else int(sent.state)
        inputs = {"message_state": state, "bounced_at": _text(sent.bounced_at)}
        return Choice(UNDELIVERED, entered_at, json.dumps(inputs))
    counted = ((branch.clicks, sent.clicked_at), (branch.replies, sent.replied_at), (branch.opens, sent.opened_at))
    moments = [at for counts, at in counted if counts and at is not None]
    first = min(moments, default=None)
    closes_at = accepted_at + branch.window
    inputs = {"accepted_at": _text(accepted_at), "closes_at": _text(closes_at), "engaged_at": _text(first)}
    if first is not None and first <= closes_at:
        return Choice(YES, max(entered_at, min(first, now)), json.dumps(inputs))
    if now >= closes_at + GRACE:
        return Choice(NO, max(entered_at, closes_at + GRACE), json.dumps(inputs))
    return Choice(None, closes_at + GRACE)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _inputs_of(branch: FieldBranch | SegmentBranch | ListBranch, answer: questions.Answer) -> dict[str, object]:
    match branch:
        case FieldBranch():
            return branch.condition() | {"found": answer.value, "holds": answer.holds}
        case SegmentBranch(segment=segment_id):
            return {"segment": segment_id, "holds": answer.holds}
        case ListBranch(list=list_id):
            return {"list": list_id, "holds": answer.holds}
