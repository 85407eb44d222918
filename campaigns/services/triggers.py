"""What calls contacts into triggered campaigns: handlers of what other apps announce, and looks at segments and dates."""

import itertools
import logging
import time
from datetime import datetime, timedelta

from django.db import connection, transaction

from campaigns import edges, selectors
from campaigns.admission import Newcomer
from campaigns.models import SIGNED_UP, Outcome, Reentry, Trigger, TriggerKind
from campaigns.services import waking
from campaigns.services.entries import CHUNK, admit, call
from contacts.events import ListEntered
from contacts.exceptions import InvalidSegment
from core import clock
from sequences.events import WaysEnded
from sequences.selectors import STEP_MAILINGS
from tracking.events import CustomEventsRecorded, HitsRecorded

logger = logging.getLogger(__name__)

# A segment is asked so often; one that takes long less often, so that it costs a twentieth of one processor at most.
SEGMENT_EVERY = timedelta(seconds=30)
SEGMENT_SHARE = 20
DATES_EVERY = timedelta(seconds=10)
# Dates that were missed (nothing ran) are made up for this far back.
CATCH_UP = timedelta(hours=24)
# How ways end, as outcomes that triggers name.
OUTCOMES = {"completed": Outcome.COMPLETED, "exit": Outcome.EXITED, "goal": Outcome.GOAL, "replied": Outcome.REPLIED}


@transaction.atomic
def note_custom_events(fact: CustomEventsRecorded) -> None:
    """Handler: these events let their contacts into the live campaigns that they start."""
    with connection.cursor() as cursor:
        # The few live triggers of the workspace by their index, the events by their keys.
        cursor.execute(
            """
            SELECT t.id, v.contact_id, CASE
                WHEN t.reentry <> %s THEN ''
                WHEN jsonb_typeof(v.properties -> t.entry_property) IN ('string', 'number', 'boolean')
                THEN 'key:' || CASE WHEN length(v.properties ->> t.entry_property) <= 200
                    THEN v.properties ->> t.entry_property
                    ELSE encode(sha256(convert_to(v.properties ->> t.entry_property, 'UTF8')), 'hex') END END, v.id
            FROM campaigns_trigger t
            JOIN tracking_customevent v ON v.id = ANY (%s) AND v.occurred_at >= t.since AND CASE t.kind
                WHEN %s THEN v.name = t.event AND v.properties @> t.where
                WHEN %s THEN v.name = %s AND v.properties ->> 'form_id' = t.form_id::text END
            WHERE t.workspace_id = %s AND t.kind IN (%s, %s) AND t.is_live
            ORDER BY t.id, v.id
            """,
            [
                Reentry.KEY, fact.event_ids, TriggerKind.EVENT, TriggerKind.FORM, SIGNED_UP,
                fact.workspace_id, TriggerKind.EVENT, TriggerKind.FORM,
            ],
        )  # fmt: skip
        called = cursor.fetchall()
    if not called:
        return
    now = clock.now()
    triggers = selectors.live_triggers().in_bulk({trigger_id for trigger_id, *_ in called})
    for trigger_id, group in itertools.groupby(called, key=lambda row: row[0]):
        if trigger := triggers.get(trigger_id):
            newcomers = [Newcomer(contact_id, key, event_id, now) for _, contact_id, key, event_id in group]
            for chunk in itertools.batched(newcomers, CHUNK):
                admit(trigger, chunk, now=now)


def note_list_entered(decision: ListEntered) -> None:
    """Handler: who enters the list is called by the live campaigns that it starts, in the transaction that changes the list."""
    live = Trigger.objects.filter(is_live=True, kind=TriggerKind.LIST, list=decision.list_id)
    if trigger_ids := list(live.values_list("pk", flat=True)):
        call(trigger_ids, decision.contact_ids, now=clock.now())


def note_ways_ended(decision: WaysEnded) -> None:
    """Handler: who has left a campaign in this way is called by those that it starts."""
    outcome = OUTCOMES.get(decision.outcome)
    live = Trigger.objects.filter(is_live=True, kind=TriggerKind.OUTCOME, outcome=outcome)
    if outcome is None or not live.exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.id, e.contact_id FROM sequences_enrolment e
            JOIN campaigns_campaign c ON c.sequence_id = e.sequence_id
            JOIN campaigns_trigger t ON t.source_id = c.id AND t.is_live AND t.kind = %s AND t.outcome = %s
            WHERE e.id = ANY (%s) ORDER BY t.id
            """,
            [TriggerKind.OUTCOME, outcome, list(decision.enrolment_ids)],
        )
        _call_all(cursor.fetchall())


@transaction.atomic
def note_hits(fact: HitsRecorded) -> None:
    """Handler: whose mail was opened or clicked by a person is called by the campaigns that this starts."""
    engaged = (Outcome.OPENED, Outcome.CLICKED)
    if not Trigger.objects.filter(
        is_live=True, kind=TriggerKind.OUTCOME, outcome__in=engaged, workspace=fact.workspace_id
    ).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT t.id, m.contact_id FROM delivery_message m
            JOIN {STEP_MAILINGS} s ON s.mailing_id = m.mailing_id
            JOIN sequences_version v ON v.id = s.version_id
            JOIN campaigns_campaign c ON c.sequence_id = v.sequence_id
            JOIN campaigns_trigger t ON t.source_id = c.id AND t.is_live AND t.kind = %s
                AND t.since <= CASE t.outcome WHEN %s THEN m.opened_at WHEN %s THEN m.clicked_at END
            WHERE m.id = ANY (%s) AND m.contact_id IS NOT NULL ORDER BY t.id
            """,  # noqa: S608 - a constant
            [TriggerKind.OUTCOME, *engaged, fact.message_ids],
        )
        _call_all(cursor.fetchall())


def _call_all(called: list[tuple[int, int]]) -> None:
    now = clock.now()
    for trigger_id, group in itertools.groupby(called, key=lambda row: row[0]):
        call([trigger_id], [contact_id for _, contact_id in group], now=now)


def look_at_triggers(*, now: datetime | None = None) -> int:
    """Ask the segments and dates that are to be asked by now; return how many contacts they call.

    Each is locked while it is asked, so that two workers share them.
    """
    moment = now or clock.now()
    due = Trigger.objects.filter(is_live=True, look_at__lte=moment).order_by("look_at")
    return sum(_look(trigger_id, moment) for trigger_id in list(due.values_list("pk", flat=True)[:200]))


@transaction.atomic
def _look(trigger_id: int, now: datetime) -> int:
    free = selectors.live_triggers().select_related("segment").select_for_update(skip_locked=True, of=("self",))
    trigger = free.filter(pk=trigger_id, look_at__lte=now).first()
    if trigger is None:
        return 0
    started = time.monotonic()
    called = _look_at_segment(trigger, now) if trigger.kind == TriggerKind.SEGMENT else _look_at_dates(trigger, now)
    took = timedelta(seconds=time.monotonic() - started)
    every = max(SEGMENT_EVERY, took * SEGMENT_SHARE) if trigger.kind == TriggerKind.SEGMENT else DATES_EVERY
    Trigger.objects.filter(pk=trigger_id).update(looked_at=now, look_at=now + every)
    if called:
        waking.wake_arrivals()
    return called


def _look_at_segment(trigger: Trigger, now: datetime) -> int:
    """Call who has entered since the last look; the first one, and one after the definition was edited, calls nobody."""
    if trigger.segment is None:
        return 0
    definition = trigger.segment.definition
    try:
        # In a savepoint: a segment that can't be asked keeps its snapshot for when it is mended.
        with transaction.atomic():
            called = edges.compare_segment(trigger, now=now, call=trigger.baseline == definition)
    except InvalidSegment as error:
        logger.warning("The segment of trigger %s can't be asked: %s", trigger.pk, error.message)
        return 0
    if trigger.baseline == definition:
        return called
    Trigger.objects.filter(pk=trigger.pk).update(baseline=definition)
    return 0


def _look_at_dates(trigger: Trigger, now: datetime) -> int:
    after = max(trigger.looked_at or trigger.since or now, now - CATCH_UP)
    zone = trigger.campaign.workspace.time_zone
    return edges.call_dates(trigger, workspace_zone=zone, after=after, until=now)
