"""Hits become events: judged, counted once, and earlier verdicts corrected.

What comes out depends only on the set of hits, neither on their order nor on how they are cut into chunks: a first time is a
minimum, a count is a sum, and the rules for bursts are symmetric in time and look as far back into the store as they reach.
Lock order: the store, messages by id, counters.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contacts import services as contacts
from contacts.models import TrackingMode
from core import clock, facts
from delivery import selectors as delivery_selectors
from delivery import services as delivery
from tracking import bursts, store
from tracking.bursts import Click, Span
from tracking.events import HitsRecorded
from tracking.hits import Hit, micros, moment
from tracking.models import EventKind, Verdict
from tracking.partitions import ensure_months, month_of
from tracking.store import Candidate, Pair, Reach, Row
from tracking.verdicts import HONEYPOT, judge

# Hits of contacts who are tracked in totals only count for no message.
NO_MESSAGE = 0


@dataclass(slots=True)
class _Chunk:
    """What is known about the hits that are being taken in."""

    messages: dict[int, delivery.TrackedMessage]
    links: dict[int, delivery.TrackedLink]
    rows: list[Row] = field(default_factory=list)
    # Stored events that turn out to be a machine's, with their new reasons; those that counted as people's.
    reclassed: list[tuple[Candidate, str]] = field(default_factory=list)

    @property
    def taken_back(self) -> list[Candidate]:
        return [event for event, _ in self.reclassed if event.human]


def ingest(hits: Iterable[Hit]) -> int:
    """Take hits into the event store, in the caller's transaction, and return how many events were new.

    A hit that is in the store is not taken again. Hits on messages or links that are gone, or of contacts who are not to be
    tracked, become no events.
    """
    store.lock()
    fresh = _unseen(hits)
    if not fresh:
        return 0
    chunk = _Chunk(
        messages=delivery.lock_messages({hit.message_id for hit in fresh}),
        links=delivery_selectors.tracked_links({hit.link_id for hit in fresh if hit.is_click}),
    )
    known = [
        hit for hit in fresh if hit.message_id in chunk.messages and (not hit.is_click or hit.link_id in chunk.links)
    ]
    by_mode: dict[TrackingMode, list[Hit]] = defaultdict(list)
    for hit in known:
        by_mode[chunk.messages[hit.message_id].mode].append(hit)
    individual = by_mode[TrackingMode.INDIVIDUAL]
    found = _find_spans(chunk, individual)
    chunk.rows = [_row(chunk, hit, found.get(hit.message_id, ())) for hit in individual]
    chunk.rows += [_anonymous_row(chunk, hit) for hit in by_mode[TrackingMode.AGGREGATE]]
    if not chunk.rows:
        return 0
    _find_reclassed(chunk, found)
    _write(chunk)
    return len(chunk.rows)


def _unseen(hits: Iterable[Hit]) -> list[Hit]:
    """Return the hits that are not in the store, each once."""
    by_id = {hit.id: hit for hit in hits}
    if not by_id:
        return []
    moments = [hit.at for hit in by_id.values()]
    known = store.known_ids(by_id, moment(min(moments)), moment(max(moments)))
    return [hit for hit in by_id.values() if hit.id not in known]


def _find_spans(chunk: _Chunk, hits: Sequence[Hit]) -> dict[int, list[Span]]:
    """Return by message the spans in which its hits, new and stored, are a machine's."""
    by_message: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_message[hit.message_id].append(hit)
    clicks: dict[int, list[Click]] = {
        message_id: [Click(hit.at, hit.link_id, chunk.links[hit.link_id].is_honeypot) for hit in group if hit.is_click]
        for message_id, group in by_message.items()
    }
    # Only a message with a click in the ledger has one in the store.
    reaches = [
        Reach(message_id, min(hit.at for hit in group) - bursts.REACH, max(hit.at for hit in group) + bursts.REACH)
        for message_id, group in by_message.items()
        if chunk.messages[message_id].clicked_any_at is not None
    ]
    for stored in store.clicks_within(reaches):
        clicks[stored.message_id].append(Click(stored.at, stored.link_id, stored.reason == HONEYPOT.code))
    links_in: dict[int, int] = {}
    found: dict[int, list[Span]] = {}
    for message_id, group in clicks.items():
        distinct = bursts.MOST_DISTINCT
        if len({click.link_id for click in group if not click.is_honeypot}) == bursts.LEAST_DISTINCT:
            distinct = bursts.threshold(_count_links(links_in, chunk.messages[message_id].mailing_id))
        if len(group) >= bursts.LEAST_DISTINCT or any(click.is_honeypot for click in group):
            found[message_id] = bursts.spans(group, distinct=distinct)
    return {message_id: spans for message_id, spans in found.items() if spans}


def _count_links(known: dict[int, int], mailing_id: int) -> int:
    if mailing_id not in known:
        known[mailing_id] = delivery_selectors.count_links(mailing_id, at_most=bursts.MOST_DISTINCT)
    return known[mailing_id]


def _row(chunk: _Chunk, hit: Hit, spans: Sequence[Span]) -> Row:
    message = chunk.messages[hit.message_id]
    reason = judge(hit, is_honeypot=hit.is_click and chunk.links[hit.link_id].is_honeypot)
    if reason.verdict != Verdict.MACHINE and spans:
        reason = bursts.reason_at(hit.at, spans) or reason
    return Row(
        id=hit.id,
        occurred_at=hit.occurred_at,
        kind=EventKind.CLICKED.value if hit.is_click else EventKind.OPENED.value,
        verdict=reason.verdict.value,
        reason=reason.code,
        workspace_id=message.workspace_id,
        mailing_id=message.mailing_id,
        message_id=message.id,
        contact_id=message.contact_id,
        link_id=hit.link_id or None,
        ip=hit.ip or None,
        user_agent=hit.user_agent,
    )


def _anonymous_row(chunk: _Chunk, hit: Hit) -> Row:
    """Return an event that counts for its mailing and link, and leads to nobody."""
    return _row(chunk, hit, ())._replace(message_id=None, contact_id=None, ip=None, user_agent="")


def _find_reclassed(chunk: _Chunk, found: dict[int, list[Span]]) -> None:
    reaches = [Reach(message_id, span.low, span.high) for message_id, spans in found.items() for span in spans]
    for event in store.candidates([reach for reach in reaches if _has_events(chunk.messages[reach.message_id])]):
        reason = bursts.reason_at(micros(event.occurred_at), found[event.message_id])
        if reason is not None and reason.code != event.reason:
            chunk.reclassed.append((event, reason.code))


def _has_events(message: delivery.TrackedMessage) -> bool:
    return message.opened_any_at is not None or message.clicked_any_at is not None


def _write(chunk: _Chunk) -> None:
    """Write events, corrections, ledger, contacts and the fact, in the order of locks."""
    taken_back = chunk.taken_back
    pairs = _Pairs(chunk, taken_back)
    if chunk.reclassed:
        store.reclass([event for event, _ in chunk.reclassed], [reason for _, reason in chunk.reclassed])
    ensure_months({month_of(row.occurred_at) for row in chunk.rows})
    store.insert(chunk.rows)
    pairs.compare()
    delivery.record_engagement(_ledger_hits(chunk, taken_back, pairs), firsts=_exact_firsts(chunk, taken_back))
    _tell_contacts(chunk, taken_back)
    _record_facts(chunk)


class _Pairs:
    """Whether each link was clicked in each message, before this chunk and with it: by anyone, by a person."""

    def __init__(self, chunk: _Chunk, taken_back: Sequence[Candidate]) -> None:
        """Look the state before up; `compare` looks at the state after."""
        self._messages = chunk.messages
        self._after: dict[tuple[int, int], tuple[bool, bool]] = {}
        self.changes: dict[tuple[int, int], tuple[int, int]] = {}
        for row in chunk.rows:
            if row.message_id is not None and row.link_id is not None:
                _, by_person = self._after.get((row.message_id, row.link_id), (True, False))
                self._after[row.message_id, row.link_id] = (True, by_person or row.verdict != Verdict.MACHINE)
        self._lost = {(event.message_id, event.link_id) for event in taken_back if event.link_id is not None}
        pairs = {*self._after, *self._lost}
        self._before = store.clicked([self._pair(*pair) for pair in pairs if self._messages[pair[0]].clicked_any_at])

    def compare(self) -> None:
        """Set `changes`: by (message, link), how many messages more had it clicked by a person, and by anyone."""
        lost = store.clicked([self._pair(*pair) for pair in self._lost])
        for pair in {*self._after, *self._lost}:
            any_before, human_before = self._before.get(pair, (False, False))
            any_new, human_new = self._after.get(pair, (False, False))
            any_after, human_after = lost.get(pair) or (any_before or any_new, human_before or human_new)
            self.changes[pair] = (human_after - human_before, any_after - any_before)

    def _pair(self, message_id: int, link_id: int) -> Pair:
        return Pair(message_id, link_id, self._messages[message_id].created_at)


def _ledger_hits(chunk: _Chunk, taken_back: Sequence[Candidate], pairs: _Pairs) -> list[delivery.Hit]:
    """Return what the ledger counts: each new event once; for each one taken back, a person's less and a machine's more."""
    changes = dict(pairs.changes)
    hits: list[delivery.Hit] = []

    def add(message_id: int | None, at: datetime, human: bool, link_id: int | None, sign: int, mailing_id: int) -> None:
        first_human, first_any = changes.pop((message_id or NO_MESSAGE, link_id or 0), (0, 0))
        hits.append(
            delivery.Hit(message_id or NO_MESSAGE, mailing_id, at, human, link_id, sign, first_human, first_any)
        )

    for row in chunk.rows:
        add(row.message_id, row.occurred_at, row.verdict != Verdict.MACHINE, row.link_id, 1, row.mailing_id)
    for event in taken_back:
        mailing_id = chunk.messages[event.message_id].mailing_id
        add(event.message_id, event.occurred_at, True, event.link_id, -1, mailing_id)
        add(event.message_id, event.occurred_at, False, event.link_id, 1, mailing_id)
    return hits


def _exact_firsts(chunk: _Chunk, taken_back: Sequence[Candidate]) -> dict[int, delivery.Firsts]:
    """Return the first times of messages of which something was taken back; the store is asked where a first time was."""
    if not taken_back:
        return {}
    gone = {(event.message_id, event.kind, event.occurred_at) for event in taken_back}
    message_ids = {event.message_id for event in taken_back}
    since = min(chunk.messages[message_id].created_at for message_id in message_ids)
    in_store = store.first_by_people(message_ids, since)
    new: dict[tuple[int | None, int, bool], datetime] = {}
    for row in chunk.rows:
        for by_person in {False, row.verdict != Verdict.MACHINE}:
            key = (row.message_id, row.kind, by_person)
            new[key] = min(new.get(key, row.occurred_at), row.occurred_at)

    def first(message_id: int, kind: EventKind, by_person: bool, before: datetime | None) -> datetime | None:
        if by_person and (message_id, kind.value, before) in gone:
            stored = in_store.get(message_id, store.FirstTimes())
            return stored.opened if kind == EventKind.OPENED else stored.clicked
        moments = [at for at in (before, new.get((message_id, kind.value, by_person))) if at is not None]
        return min(moments, default=None)

    def first_linked(message: delivery.TrackedMessage) -> datetime | None:
        stored = in_store.get(message.id, store.FirstTimes()).linked
        if message.linked_at is None or (message.id, EventKind.CLICKED.value, message.linked_at) in gone:
            return stored
        # Events before it may have been dropped from the store, by retention.
        return min(message.linked_at, stored or message.linked_at)

    return {
        message.id: delivery.Firsts(
            first(message.id, EventKind.OPENED, True, message.opened_at),
            first(message.id, EventKind.OPENED, False, message.opened_any_at),
            first(message.id, EventKind.CLICKED, True, message.clicked_at),
            first(message.id, EventKind.CLICKED, False, message.clicked_any_at),
            first_linked(message),
        )
        for message in (chunk.messages[message_id] for message_id in message_ids)
    }


def _tell_contacts(chunk: _Chunk, taken_back: Sequence[Candidate]) -> None:
    """Move the contacts' last open and click on; where the last one was taken back, ask the store for the one before."""
    opened: dict[int, datetime] = {}
    clicked: dict[int, datetime] = {}
    for row in chunk.rows:
        if row.contact_id is not None and row.verdict != Verdict.MACHINE:
            latest = opened if row.kind == EventKind.OPENED else clicked
            latest[row.contact_id] = max(latest.get(row.contact_id, row.occurred_at), row.occurred_at)
    if opened or clicked:
        contacts.record_engagement(opened=opened, clicked=clicked)
    corrected = {
        contact for event in taken_back if (contact := chunk.messages[event.message_id].contact_id) is not None
    }
    if corrected:
        _correct_contacts(chunk, taken_back, store.last_by_people(corrected))


def _correct_contacts(
    chunk: _Chunk, taken_back: Sequence[Candidate], right: Mapping[int, tuple[datetime | None, datetime | None]]
) -> None:
    opened: list[tuple[int, datetime, datetime | None]] = []
    clicked: list[tuple[int, datetime, datetime | None]] = []
    for event in taken_back:
        contact_id = chunk.messages[event.message_id].contact_id
        if contact_id is not None:
            last_opened, last_clicked = right.get(contact_id, (None, None))
            if event.kind == EventKind.OPENED:
                opened.append((contact_id, event.occurred_at, last_opened))
            else:
                clicked.append((contact_id, event.occurred_at, last_clicked))
    contacts.correct_engagement(opened=opened, clicked=clicked)


def _record_facts(chunk: _Chunk) -> None:
    now = clock.now()
    workspaces: dict[int, HitsRecorded] = {}

    def fact_of(workspace_id: int) -> HitsRecorded:
        return workspaces.setdefault(workspace_id, HitsRecorded(workspace_id, [], [], []))

    for row in chunk.rows:
        fact = fact_of(row.workspace_id)
        fact.event_ids.append(row.id)
        if row.message_id is not None:
            fact.message_ids.append(row.message_id)
    for event, _ in chunk.reclassed:
        fact = fact_of(chunk.messages[event.message_id].workspace_id)
        fact.reclassed_ids.append(event.id)
        fact.message_ids.append(event.message_id)
    for workspace_id, fact in workspaces.items():
        fact.message_ids[:] = sorted(set(fact.message_ids))
        facts.record(fact, workspace_id=workspace_id, occurred_at=now)
