"""What calls contacts into triggered campaigns: handlers of what other apps announce."""

import itertools

from django.db import connection, transaction

from campaigns import selectors
from campaigns.admission import Newcomer
from campaigns.models import Reentry, TriggerKind
from campaigns.services.entries import CHUNK, admit
from core import clock
from tracking.events import CustomEventsRecorded


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
            JOIN tracking_customevent v ON v.id = ANY (%s) AND v.name = t.event AND v.properties @> t.where
                AND v.occurred_at >= t.since
            WHERE t.workspace_id = %s AND t.kind = %s AND t.is_live
            ORDER BY t.id, v.id
            """,
            [Reentry.KEY, fact.event_ids, fact.workspace_id, TriggerKind.EVENT],
        )
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
