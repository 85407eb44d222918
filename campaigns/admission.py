"""Who of those whom a trigger calls may enter now: asked of all of them in one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from campaigns.holdouts import holdout_of
from campaigns.models import Reentry, Trigger, TriggerKind
from contacts import selectors as contacts
from contacts.exceptions import InvalidSegment
from core.literals import numbers
from sequences.models import OPEN_STATES

# What comes of entering can let the same contact in again: so often a day, and no more.
MOST_A_DAY = 10
DAY = timedelta(days=1)
# What can be brought about by campaigns themselves; a yearly date can't, and an event's key limits itself.
CIRCULAR = frozenset({TriggerKind.OUTCOME, TriggerKind.LIST, TriggerKind.SEGMENT, TriggerKind.EVENT})

FILTERED, NO_KEY, SUPPRESSED, TOO_SOON, TOO_OFTEN, CANNOT_ASK, NO_MAILBOX, HELD_OUT = (
    "filtered", "no_key", "suppressed", "too_soon", "too_often", "cannot_ask", "no_mailbox", "held_out",
)  # fmt: skip

REASONS = {
    FILTERED: "The entry filter doesn’t let them in.",
    NO_KEY: "The event lacks the property that tells entries apart.",
    SUPPRESSED: "The address is suppressed.",
    TOO_SOON: "They entered too short a while ago, or are still on the way.",
    TOO_OFTEN: f"They entered {MOST_A_DAY} times within a day: a circle, perhaps.",
    CANNOT_ASK: "The entry filter asks about something that is gone.",
    NO_MAILBOX: "The campaign has no mailbox to send from.",
    HELD_OUT: "They are held out, to see what the mail brings.",
}
# What can be different in half an hour.
TRIED_AGAIN = frozenset({FILTERED, CANNOT_ASK, NO_MAILBOX})


class Newcomer(NamedTuple):
    """Somebody whom a trigger calls.  `entry_key` is None where the event lacks the property that makes it."""

    contact_id: int
    entry_key: str | None
    event_id: int | None
    arrived_at: datetime


class Verdict(NamedTuple):
    """`refusal` is empty for who may enter, with this key."""

    newcomer: Newcomer
    refusal: str
    entry_key: str


def judge(trigger: Trigger, newcomers: Sequence[Newcomer], now: datetime) -> list[Verdict]:
    """Return a verdict on each whose contact is there and who isn't in with this key already."""
    condition, broken = "TRUE", False
    params: tuple[Any, ...] = ()
    if trigger.entry_filter:
        try:
            condition, params = _filter(trigger, now)
        except InvalidSegment:
            condition, broken = "FALSE", True
    held_out, drawn = holdout_of(trigger.campaign).condition()
    history = trigger.reentry != Reentry.ONCE and not trigger.yearly
    arguments: list[Any] = [list(OPEN_STATES), now - DAY, trigger.campaign.sequence_id] if history else []
    with connection.cursor() as cursor:
        # Contacts by their primary key, suppressions and enrolments by their unique ones: a few probes a newcomer.
        cursor.execute(
            f"""
            SELECT given.place, s.id IS NOT NULL, {condition}, {held_out}, h.entries, h.last_at, h.is_open, h.today
            FROM unnest(%s::bigint[]) WITH ORDINALITY AS given (contact_id, place)
            JOIN contacts_contact c ON c.id = given.contact_id AND c.workspace_id = %s
            LEFT JOIN contacts_suppression s ON s.workspace_id = c.workspace_id AND s.email_key = c.email_key
            LEFT JOIN LATERAL ({_HISTORY if history else _NO_HISTORY}) h ON TRUE
            """,  # noqa: S608 - constants, and a condition compiled by contacts
            [*params, *drawn, numbers(newcomer.contact_id for newcomer in newcomers), trigger.workspace_id, *arguments],
        )
        rows = cursor.fetchall()
    return [_verdict(trigger, newcomers[place - 1], now, broken, *facts) for place, *facts in rows]


_HISTORY = """
    SELECT count(*) AS entries, max(e.enrolled_at) AS last_at, bool_or(e.state = ANY (%s)) AS is_open,
        count(*) FILTER (WHERE e.enrolled_at > %s) AS today
    FROM sequences_enrolment e WHERE e.sequence_id = %s AND e.contact_id = c.id
"""
_NO_HISTORY = "SELECT 0 AS entries, NULL::timestamptz AS last_at, FALSE AS is_open, 0 AS today"


def _filter(trigger: Trigger, now: datetime) -> tuple[str, tuple[Any, ...]]:
    condition = contacts.segment_sql(trigger.workspace_id, trigger.entry_filter, now=now)
    return f"({condition.text})", condition.params


def _verdict(
    trigger: Trigger,
    newcomer: Newcomer,
    now: datetime,
    broken: bool,
    suppressed: bool,
    fits: bool,
    held_out: bool,
    entries: int,
    last_at: datetime | None,
    is_open: bool | None,
    today: int,
) -> Verdict:
    key = newcomer.entry_key
    refusal = ""
    if key is None:
        refusal, key = NO_KEY, f"event:{newcomer.event_id}"
    elif suppressed:
        refusal = SUPPRESSED
    elif broken:
        refusal = CANNOT_ASK
    elif not fits:
        refusal = FILTERED
    elif trigger.reentry == Reentry.GAP:
        if last_at is not None and (is_open or last_at > now - (trigger.gap or timedelta())):
            refusal = TOO_SOON
        elif today >= MOST_A_DAY and trigger.kind in CIRCULAR:
            refusal = TOO_OFTEN
        # The number of the entry: two who let the same contact in at one moment mean the same one.
        elif entries:
            key = f"again:{entries}"
    if held_out and not refusal:  # last: they are compared with those who could enter
        refusal = HELD_OUT
    return Verdict(newcomer, refusal, key)
