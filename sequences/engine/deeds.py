"""What action steps do, for all who come by together, in the transaction that moves them.

What concerns others (a webhook, a mail, another sequence) is only written down here and done by somebody else afterwards.
"""

import json
from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from contacts import services as contacts
from contacts.models import List
from core import facts
from sequences.engine.places import Due
from sequences.events import OthersAsked
from sequences.kinds.actions import (
    Action,
    ChangeList,
    ChangeTag,
    Notify,
    SetField,
    StartSequence,
    StopSequence,
    Webhook,
)
from sequences.models import OutboxKind
from team.services import audit_as_workspace

# So many sequences in a row may start each other; what is a circle is refused when it is published.
MOST_STARTS = 10
STARTED = "start"


class Performer(NamedTuple):
    """Somebody who comes by an action, in which rotation and when."""

    due: Due
    rotation: int
    at: datetime


def carry_out(
    workspace_id: int, step_key: str, action: Action, performers: Items[Performer], now: datetime
) -> Mapping[int, str]:
    """Do it to all of them, and return what is kept about each: JSON by the id of the enrolment.

    What is gone meanwhile (a list, a field, a member) is passed over.
    """
    audit_as_workspace(workspace_id)
    # Rows are locked in the order of their ids.
    contact_ids = sorted({performer.due.contact_id for performer in performers})
    match action:
        case ChangeList(list=list_id, add=add):
            _change_list(workspace_id, list_id, contact_ids, add=add)
            return _same(performers, {"do": "add_to_list" if add else "remove_from_list", "list": list_id})
        case ChangeTag(tag=tag, add=add):
            change = contacts.add_tag if add else contacts.remove_tag
            change(workspace_id=workspace_id, tag=tag, contact_ids=contact_ids)
            return _same(performers, {"do": "add_tag" if add else "remove_tag", "tag": tag})
        case SetField(field=field, value=value):
            before = contacts.set_field(workspace_id=workspace_id, key=field, value=value, contact_ids=contact_ids)
            return _field_set(field, value, before, performers)
        case Webhook(url=url, data=data):
            _write_out(workspace_id, step_key, OutboxKind.WEBHOOK, [url], {"data": json.loads(data)}, performers, now)
            return _same(performers, {"do": "webhook", "url": url})
        case Notify(members=members, message=message):
            targets = [str(member) for member in members]
            _write_out(workspace_id, step_key, OutboxKind.NOTIFY, targets, {"message": message}, performers, now)
            return _same(performers, {"do": "notify", "members": list(members)})
        case StartSequence(sequence=sequence_id, again=again):
            return _start(workspace_id, step_key, sequence_id, performers, now, again=again)
        case StopSequence(sequence=sequence_id):
            facts.record(OthersAsked(sequence_id, contact_ids, None), workspace_id=workspace_id, occurred_at=now)
            return _same(performers, {"do": "stop_sequence", "sequence": sequence_id})


def _same(performers: Items[Performer], deed: Mapping[str, Any]) -> dict[int, str]:
    text = json.dumps(deed)
    return {performer.due.id: text for performer in performers}


def _change_list(workspace_id: int, list_id: int, contact_ids: Collection[int], *, add: bool) -> None:
    list_ = List.objects.filter(workspace_id=workspace_id, pk=list_id).first()
    if list_ is None:
        return
    change = contacts.add_members if add else contacts.remove_members
    change(list_=list_, contact_ids=contact_ids)


def _field_set(field: str, value: Any, before: Mapping[int, Any], performers: Items[Performer]) -> Mapping[int, str]:
    """The trace of a change: what there was, for those whose value was another."""
    deed = {"do": "set_field", "field": field, "value": value}
    unchanged = json.dumps(deed | {"changed": False})
    return {
        performer.due.id: json.dumps(deed | {"changed": True, "before": before[performer.due.contact_id]})
        if performer.due.contact_id in before
        else unchanged
        for performer in performers
    }


def _write_out(
    workspace_id: int,
    step_key: str,
    kind: OutboxKind,
    targets: Items[str],
    extra: Mapping[str, Any],
    performers: Items[Performer],
    now: datetime,
) -> None:
    """Put one item for each contact and target into the outbox, with the contact as it is now."""
    columns = (
        [performer.due.id for performer in performers],
        [performer.due.contact_id for performer in performers],
        [performer.due.sequence_id for performer in performers],
        [performer.rotation for performer in performers],
        [performer.at for performer in performers],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sequences_outboxitem
                (workspace_id, enrolment_id, step_key, rotation, kind, target, payload, created_at, due_at)
            SELECT %s, given.enrolment_id, %s, given.rotation, %s, target, jsonb_build_object(
                'sequence', jsonb_build_object('id', s.id, 'name', s.name), 'step', %s::text,
                'enrolment', given.enrolment_id, 'at', given.at, 'contact', jsonb_build_object(
                    'id', c.id, 'email', c.email, 'first_name', c.first_name, 'last_name', c.last_name,
                    'company', c.company, 'locale', c.locale, 'time_zone', c.time_zone,
                    'attributes', c.attributes, 'tags', c.tags)) || %s::jsonb, %s, %s
            FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::timestamptz[])
                AS given (enrolment_id, contact_id, sequence_id, rotation, at)
            JOIN contacts_contact c ON c.id = given.contact_id
            JOIN sequences_sequence s ON s.id = given.sequence_id
            CROSS JOIN unnest(%s::text[]) AS target
            ORDER BY given.enrolment_id, target
            ON CONFLICT (enrolment_id, step_key, rotation, target) DO NOTHING
            """,
            [workspace_id, step_key, kind, step_key, json.dumps(extra), now, now, *columns, list(targets)],
        )


def _start(
    workspace_id: int, step_key: str, sequence_id: int, performers: Items[Performer], now: datetime, *, again: bool
) -> Mapping[int, str]:
    """Ask for them to be let in.  Who comes again has an entry key of its own, which also counts how long the row of starts is."""
    deed: dict[str, Any] = {"do": "start_sequence", "sequence": sequence_id}
    depths = _depths([performer.due.id for performer in performers]) if again else {}
    keys: dict[int, str] = {}
    kept: dict[int, str] = {}
    for due, rotation, _ in performers:
        depth = depths.get(due.id, 0) + 1
        kept[due.id] = json.dumps(deed | ({"refused": "too_many_starts"} if depth > MOST_STARTS else {}))
        if depth <= MOST_STARTS:
            keys[due.id] = f"{STARTED}:{depth}:{due.id}:{step_key}:{rotation}" if again else ""
    going = [performer.due for performer in performers if performer.due.id in keys]
    if going:
        fact = OthersAsked(sequence_id, [due.contact_id for due in going], [keys[due.id] for due in going])
        facts.record(fact, workspace_id=workspace_id, occurred_at=now)
    return kept


def _depths(enrolment_ids: Items[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, split_part(entry_key, ':', 2)::int FROM sequences_enrolment
            WHERE id = ANY (%s) AND entry_key ~ '^start:[0-9]{1,4}:'
            """,
            [list(enrolment_ids)],
        )
        return dict(cursor.fetchall())
