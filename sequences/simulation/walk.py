"""The walk itself: one person, one step after the other, each left at its own moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from abtests.models import Variant
from contacts.exceptions import InvalidSegment
from delivery.models import MessageState
from delivery.selectors import Foresight
from sequences import words
from sequences.engine import questions
from sequences.engine.walk import engagement
from sequences.exceptions import CannotAskError
from sequences.graph import Graph, Node
from sequences.kinds import flow
from sequences.kinds.branches import (
    NO,
    UNDELIVERED,
    YES,
    EngagementBranch,
    FieldBranch,
    ListBranch,
    SegmentBranch,
)
from sequences.kinds.events import HAPPENED, TIMEOUT, EventBranch, Goal, WaitFor
from sequences.kinds.splits import Split
from sequences.kinds.waits import CalendarPause, Pause, UntilDate, UntilWeekday
from sequences.models import Step
from sequences.simulation import asking
from sequences.simulation.imagined import Events, Sending, fits, ways_of
from sequences.simulation.outcomes import Outcomes
from sequences.simulation.persons import Person
from sequences.simulation.story import Basis, Hold, Mail, Route, Stage, Story
from sequences.simulation.versions import Tested, kept

# A loop goes on for ever: so many stages, or so long a time, show how it goes.
MOST_STAGES = 120
LONGEST = timedelta(days=1_100)
FAR = datetime(9000, 1, 1, tzinfo=UTC)

type Write = Callable[[Step, Person, Variant | None], tuple[str, str, str]]
"""Returns subject, preheader and what keeps an email (or a version of it) from being made for the person ("" for nothing)."""


@dataclass
class _Walk:
    graph: Graph
    steps: Mapping[str, Step]
    labels: Mapping[str, str]
    names: words.Names
    workspace_id: int
    person: Person
    outcomes: Outcomes
    foresight: Foresight
    write: Write
    exit_filter: Mapping[str, Any] = field(default_factory=dict)
    tested: Mapping[str, Tested] = field(default_factory=dict)
    versions: dict[str, Route] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    sent: dict[str, Sending] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    warnings: list[str] = field(default_factory=list)

    def tell(self, start: datetime) -> tuple[str, datetime]:
        """Go as far as the way goes; return how it ends, and when."""
        node, at, rotation = self.graph.first, start, 0
        while node is not None:
            if len(self.stages) >= MOST_STAGES or at - start > LONGEST:
                return "cut", at
            if isinstance(node.settings, flow.Email) and self._is_filtered_out(node, at):
                return "exit_filter", at
            stage, key = self._stage(node, at, rotation)
            self.stages.append(stage)
            match node.settings:
                case flow.Exit():
                    return "exit", at
                case Goal(match=None):
                    return "goal", at
                case flow.Jump(to):
                    rotation += self.graph[to].number <= node.number
            at = stage.at
            if self._reaches_a_goal(at):
                return "goal", at
            node = None if key is None else self.graph[key]
        return "completed", at

    def _is_filtered_out(self, node: Node, at: datetime) -> bool:
        """Tell whether the sequence's exit filter takes the person out before an email goes."""
        if not self.exit_filter:
            return False
        try:
            return asking.matches(self.workspace_id, self.exit_filter, self.person, at)
        except InvalidSegment as error:
            self.warnings.append(f"The exit filter can’t be asked: {error.message}")
            return False

    def _reaches_a_goal(self, at: datetime) -> bool:
        """Tell whether an event that was assumed to happen by now is a goal, wherever in the sequence that stands."""
        goals = [node.settings.match for node in self.graph if isinstance(node.settings, Goal) and node.settings.match]
        return any(fits(match, goal) and moment <= at for match, moment in self.events.happened for goal in goals)

    def _stage(self, node: Node, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        """Return what happens at a step, and the key of the next."""
        match node.settings:
            case flow.Email() as email:
                return self._email(node, email, at, rotation)
            case Pause() | CalendarPause() | UntilWeekday() | UntilDate():
                return self._wait(node, at, rotation)
            case flow.Exit() | Goal(match=None):
                return self._made(node, at, rotation, None), None
            case flow.Jump(to):
                return self._made(node, at, rotation, at), to
            case Goal():
                why = "Whoever reaches it leaves the sequence at once."
                return self._made(node, at, rotation, at, why=why), node.next_key
        return self._question(node, at, rotation)

    def _question(self, node: Node, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        match node.settings:
            case FieldBranch() | SegmentBranch() | ListBranch():
                return self._ask(node, node.settings, at, rotation)
            case EngagementBranch():
                return self._engagement(node, node.settings, at, rotation)
            case EventBranch():
                return self._events(node, node.settings, at, rotation)
            case WaitFor():
                return self._wait_for(node, node.settings, at, rotation)
            case Split():
                return self._split(node, node.settings, at, rotation)
        self.person.undergo(node.settings)
        return self._made(node, at, rotation, at), node.next_key

    def _made(self, node: Node, at: datetime, rotation: int, left_at: datetime | None, **more: Any) -> Stage:
        step = self.steps[node.key]
        depth = len(_lanes_above(self.steps, step))
        return Stage(node.key, step.kind, self.labels[node.key], rotation, depth, at, left_at, **more)

    def _email(self, node: Node, email: flow.Email, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        back_at = max(at, self.person.away_until or at)
        if email.expires_after is not None and back_at > at + email.expires_after:
            why = "It is skipped: it would be of no use any more when they are back, as an automatic reply said."
            return self._made(node, at, rotation, at + email.expires_after, why=why), node.next_key
        away = [Hold("away", "They are away, as an automatic reply said.", back_at)] if back_at > at else []
        tested = self.tested.get(node.key)
        route = self._version(node.key, tested, rotation) if tested else None
        version = tested.versions[route.lane] if tested and route else None
        goes_at = tested.goes_at(route.lane, at, back_at, self.person.zone) if tested and route else back_at
        if email.expires_after is not None and goes_at > at + email.expires_after:
            why = "It is skipped: it would be of no use any more at the hour of its version."
            return self._made(node, at, rotation, at + email.expires_after, why=why, route=route), node.next_key
        if version is not None and goes_at > back_at:
            away.append(Hold("version_hour", f"Its version leaves at {version.send_at:%H:%M} by their clock.", goes_at))
        departure = self.foresight.departure(goes_at)
        subject, preheader, problem = self.write(self.steps[node.key], self.person, version)
        holds = (*away, *(Hold(each.reason, each.sentence, each.until) for each in departure.held))
        if departure.never:
            problem = "The sending hours and rules leave it no time to leave at all."
        self.sent[node.key] = Sending(departure.at)
        mail = Mail(subject, preheader, at, departure.at, holds, problem, version.from_name if version else "")
        return self._made(node, at, rotation, departure.at, mail=mail, route=route), node.next_key

    def _version(self, key: str, tested: Tested, rotation: int) -> Route:
        """Return which version of an email they get: the same whenever they come by."""
        if key in self.versions:
            return kept(self.versions[key])
        self.versions[key] = tested.route(self.person.contact_id, key, rotation, self.outcomes)
        return self.versions[key]

    def _wait(self, node: Node, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        zone = self.person.zone
        match node.settings:
            case Pause(duration=duration):
                over_at, why = at + duration, f"{words.duration_words(duration)} of 24-hour days."
            case CalendarPause(duration=duration) as wait:
                over_at, why = (
                    wait.over_at(at, zone),
                    f"{words.duration_words(duration)} by the calendar in {zone.key}.",
                )
            case UntilWeekday() as wait:
                over_at, why = wait.over_at(at, zone), f"By the clocks of {zone.key}."
            case UntilDate(field=key) as wait:
                value = self.person.attributes.get(key)
                over_at = wait.over_at(at, zone, value)
                why = f"{key} is {value}." if value else f"They have no date in {key}: they go on at once."
                if value and over_at == at:
                    why = f"{key} is {value}, which is past: they go on at once."
            case _:
                raise AssertionError(node.settings)
        if at.astimezone(zone).utcoffset() != over_at.astimezone(zone).utcoffset():
            why += f" The clocks of {zone.key} change on the way."
        return self._made(node, at, rotation, over_at, why=why), node.next_key

    def _ask(
        self, node: Node, branch: FieldBranch | SegmentBranch | ListBranch, at: datetime, rotation: int
    ) -> tuple[Stage, str | None]:
        try:
            found = asking.answer(self.workspace_id, branch, self.person, at)
        except (CannotAskError, InvalidSegment) as error:
            self.warnings.append(f"{self.labels[node.key]}: {error.message} People are held here until that is mended.")
            return self._routed(node, at, rotation, at, NO, Basis.ASSUMED, "What it asks about is gone.")
        usual = YES if found.holds else NO
        lane, basis = self.outcomes.pick(node.key, rotation, tuple(node.lanes), usual=usual, known=True)
        if isinstance(branch, FieldBranch):
            value = "empty" if found.value in (None, "") else f"“{found.value}”"
            sentence = f"“{branch.field.removeprefix('custom.')}” is {value}."
        else:
            what = "the segment" if isinstance(branch, SegmentBranch) else "the list"
            sentence = f"They are {'' if found.holds else 'not '}in {what}."
        return self._routed(node, at, rotation, at, lane, basis, sentence)

    def _engagement(
        self, node: Node, branch: EngagementBranch, at: datetime, rotation: int
    ) -> tuple[Stage, str | None]:
        sending = self.sent.get(branch.step)
        name = self.names.email(branch.step)
        if sending is None:
            return self._routed(node, at, rotation, at, UNDELIVERED, Basis.KNOWN, f"{name} is not sent on this way.")
        reacted_at = sending.reaction_to(branch)
        usual = YES if reacted_at else NO
        lane, basis = self.outcomes.pick(node.key, rotation, tuple(node.lanes), usual=usual, known=bool(reacted_at))
        if reacted_at is not None:  # they have reacted on this way already, which no later choice can take back
            lane, basis = YES, Basis.KNOWN
        if lane == UNDELIVERED:
            return self._routed(node, at, rotation, at, lane, basis, f"{name} bounced.")
        if lane == YES and reacted_at is None:
            after = self.outcomes.reaction(node.key, rotation, branch.window)
            reacted_at = sending.react(branch, after)
        if lane == YES and reacted_at is None:
            lane, basis = NO, Basis.KNOWN
        if lane == NO:
            reacted_at = None
            sending.stay_quiet(branch)
        # The engine's own rule says when the lane is left, told what was assumed.
        hits = {way: reacted_at if way in ways_of(branch) else None for way in ("clicked", "replied", "opened")}
        sent = questions.Sent(MessageState.ACCEPTED, sending.accepted_at, None, *hits.values())
        choice = engagement(branch, sent, at, FAR)
        if reacted_at is not None:
            sentence = f"They react {words.duration_words(reacted_at - sending.accepted_at)} after {name} left."
        else:
            sentence = f"No reaction within {words.duration_words(branch.window)} and 15 minutes after {name} left."
        return self._routed(node, at, rotation, choice.at, lane, basis, sentence, happens_at=reacted_at)

    def _events(self, node: Node, branch: EventBranch, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        contact_id = self.person.contact_id
        counts = questions.event_counts(branch, [contact_id], [at]) if contact_id else {}
        count = counts.get((contact_id, at), 0) + self.events.count(branch, at)
        enough = count >= branch.at_least
        lane, basis = self.outcomes.pick(node.key, rotation, (YES, NO), usual=YES if enough else NO, known=enough)
        sentence = f"{count or 'No'} such event{'' if count == 1 else 's'} by then."
        return self._routed(node, at, rotation, at, lane, basis, sentence)

    def _wait_for(self, node: Node, wait: WaitFor, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        contact_id = self.person.contact_id
        known = questions.first_events(wait, [contact_id], [at]) if contact_id else {}
        event = known.get((contact_id, at))
        imagined = self.events.first(wait, at)
        moments = [moment for moment in (event and event.at, imagined) if moment]
        happens_at = min(moments, default=None)
        usual = HAPPENED if happens_at else TIMEOUT
        lane, basis = self.outcomes.pick(
            node.key, rotation, (HAPPENED, TIMEOUT), usual=usual, known=happens_at is not None
        )
        if imagined is not None:  # it happens on this way already
            lane, basis = HAPPENED, Basis.KNOWN
        if lane == TIMEOUT:
            why = f"The event does not happen within {words.duration_words(wait.timeout)}."
            return self._routed(node, at, rotation, at + wait.timeout, lane, basis, why)
        if happens_at is None:
            happens_at = at + self.outcomes.reaction(node.key, rotation, wait.timeout)
            self.events.add(wait.match, happens_at)
        why = f"The event happens after {words.duration_words(happens_at - at)}."
        return self._routed(node, at, rotation, happens_at, lane, basis, why, happens_at=happens_at)

    def _split(self, node: Node, split: Split, at: datetime, rotation: int) -> tuple[Stage, str | None]:
        bucket = split.bucket(self.person.contact_id)
        real = bool(self.person.contact_id)
        lane, basis = self.outcomes.pick(
            node.key, rotation, split.lanes, usual=split.lane(bucket), known=real, shares=dict(split.shares)
        )
        shares = ", ".join(f"{words.lane_label(name)} {share} %" for name, share in split.shares)
        return self._routed(node, at, rotation, at, lane, basis, f"By lot: {shares}.")

    def _routed(
        self,
        node: Node,
        at: datetime,
        rotation: int,
        left_at: datetime,
        lane: str,
        basis: Basis,
        sentence: str,
        happens_at: datetime | None = None,
    ) -> tuple[Stage, str | None]:
        options = tuple((name, words.lane_label(name)) for name in node.lanes)
        route = Route(lane, basis, sentence, options, happens_at)
        return self._made(node, at, rotation, left_at, route=route), node.lanes[lane]


def simulate(
    *,
    graph: Graph,
    steps: Sequence[Step],
    workspace_id: int,
    person: Person,
    start: datetime,
    outcomes: Outcomes,
    foresight: Foresight,
    write: Write,
    exit_filter: Mapping[str, Any] | None = None,
    tested: Mapping[str, Tested] | None = None,
) -> Story:
    """Tell the way of a person who enters at `start` and goes through the steps of a version (with their templates).

    Reads what branches ask about, writes nothing; the person is changed by the actions on its way.
    """
    names = words.names_for(steps)
    by_key = {step.key: step for step in steps}
    walk = _Walk(
        graph=graph,
        steps=by_key,
        labels={step.key: words.label_of(step, names) for step in steps},
        names=names,
        workspace_id=workspace_id,
        person=person,
        outcomes=outcomes,
        foresight=foresight,
        write=write,
        exit_filter=exit_filter or {},
        tested=tested or {},
    )
    ending, ended_at = walk.tell(start)
    return Story(start, person.zone.key, tuple(walk.stages), ending, ended_at, tuple(dict.fromkeys(walk.warnings)))


def _lanes_above(steps: Mapping[str, Step], step: Step) -> list[str]:
    """Return the keys of the steps whose lanes this one stands in, the outermost last."""
    above: list[str] = []
    key = step.lane.rpartition(".")[0]
    while key:
        above.append(key)
        key = steps[key].lane.rpartition(".")[0]
    return above
