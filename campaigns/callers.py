"""Whom a trigger would have called of late: the number on the checklist, and the sample that the check renders."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.holdouts import NOBODY as NOBODY_HELD_OUT
from campaigns.holdouts import Holdout, holdout_of
from campaigns.models import SIGNED_UP, Campaign, Outcome, Trigger, TriggerKind
from contacts.selectors import audience_query
from sequences.models import EnrolmentState
from sequences.selectors import STEP_MAILINGS

SPAN = timedelta(days=30)
NOBODY = "SELECT NULL::bigint AS id WHERE FALSE"

_EVENTS = """
    SELECT DISTINCT v.contact_id AS id FROM tracking_customevent v
    WHERE v.workspace_id = %s AND v.name = %s AND v.occurred_at > %s AND v.properties @> %s::text::jsonb
"""
_MEMBERS = """
    SELECT m.contact_id AS id FROM contacts_listmember m WHERE m.list_id = %s AND m.added_at > %s
"""
_ENDED = """
    SELECT DISTINCT e.contact_id AS id FROM sequences_enrolment e
    WHERE e.sequence_id = %s AND e.state = %s AND (e.reason = ANY (%s)) AND e.entered_step_at > %s
"""
_ENGAGED = f"""
    SELECT DISTINCT m.contact_id AS id FROM {STEP_MAILINGS} s
    JOIN sequences_version v ON v.id = s.version_id AND v.sequence_id = %s
    JOIN delivery_message m ON m.mailing_id = s.mailing_id
    WHERE m.{{column}} > %s
"""  # noqa: S608 - a constant
# A date that falls (or fell) on one of the days of the span; kept as text in the order of time.
_DATES = """
    SELECT c.id FROM contacts_contact c
    WHERE c.workspace_id = %s AND c.attributes ->> %s IS NOT NULL AND {condition} = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Callers:
    """Contacts whom the trigger would have called in the 30 days before `now`; a segment's are its members now."""

    trigger: Trigger
    source_sequence_id: int | None
    now: datetime
    holdout: Holdout = NOBODY_HELD_OUT

    @property
    def is_chosen(self) -> bool:
        return True

    def query(self) -> tuple[str, list[Any]]:
        """Return one SELECT of contact ids with its parameters.  Raises InvalidSegment when a segment is broken."""
        trigger, since = self.trigger, self.now - SPAN
        match trigger.kind:
            case TriggerKind.EVENT if trigger.event:
                return _EVENTS, [trigger.workspace_id, trigger.event, since, json.dumps(trigger.where)]
            case TriggerKind.FORM if trigger.form_id:
                where = json.dumps({"form_id": trigger.form_id})
                return _EVENTS, [trigger.workspace_id, SIGNED_UP, since, where]
            case TriggerKind.LIST if trigger.list_id:
                return _MEMBERS, [trigger.list_id, since]
            case TriggerKind.SEGMENT if trigger.segment_id:
                return audience_query(workspace_id=trigger.workspace_id, list_ids=(), segment_ids=(trigger.segment_id,))
            case TriggerKind.DATE if trigger.field:
                return self._dates()
            case TriggerKind.OUTCOME if self.source_sequence_id and trigger.outcome:
                return self._outcome(self.source_sequence_id, since)
        return NOBODY, []

    def _dates(self) -> tuple[str, list[Any]]:
        trigger = self.trigger
        days = [self.now.date() - timedelta(days=back + trigger.days) for back in range(SPAN.days)]
        if trigger.yearly:
            condition = "substr(c.attributes ->> %s, 6)"
            wanted = [day.strftime("%m-%d") for day in days]
        else:
            condition, wanted = "c.attributes ->> %s", [day.isoformat() for day in days]
        return _DATES.format(condition=condition), [trigger.workspace_id, trigger.field, trigger.field, wanted]

    def _outcome(self, sequence_id: int, since: datetime) -> tuple[str, list[Any]]:
        match self.trigger.outcome:
            case Outcome.OPENED | Outcome.CLICKED:
                return _ENGAGED.format(column=f"{self.trigger.outcome}_at"), [sequence_id, since]
            case Outcome.COMPLETED:
                return _ENDED, [sequence_id, EnrolmentState.COMPLETED, [""], since]
            case Outcome.EXITED:
                return _ENDED, [sequence_id, EnrolmentState.COMPLETED, ["exit"], since]
            case outcome:
                return _ENDED, [sequence_id, EnrolmentState.STOPPED, [outcome], since]


def callers_of(campaign: Campaign, *, now: datetime) -> Callers:
    """Return whom the campaign's trigger would have called."""
    trigger = Trigger.objects.select_related("source").get(campaign=campaign)
    return Callers(trigger, trigger.source.sequence_id if trigger.source else None, now, holdout_of(campaign))


def latest_events(trigger: Trigger, contact_ids: list[int]) -> dict[int, int]:
    """Return the id of each contact's latest event that would have called them; nothing for other kinds."""
    name, where = trigger.event, trigger.where
    if trigger.kind == TriggerKind.FORM:
        name, where = SIGNED_UP, {"form_id": trigger.form_id}
    if trigger.kind not in (TriggerKind.EVENT, TriggerKind.FORM) or not name:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (v.contact_id) v.contact_id, v.id FROM tracking_customevent v
            WHERE v.contact_id = ANY (%s) AND v.workspace_id = %s AND v.name = %s AND v.properties @> %s::text::jsonb
            ORDER BY v.contact_id, v.occurred_at DESC
            """,
            [contact_ids, trigger.workspace_id, name, json.dumps(where)],
        )
        return dict(cursor.fetchall())
