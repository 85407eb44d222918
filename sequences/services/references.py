"""What steps point at outside their sequence: lists, segments and fields of the workspace."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import F

from contacts import selectors as contacts
from contacts.events import ListDeleted, SegmentDeleted
from contacts.exceptions import InvalidSegment
from contacts.models import ContactField, FieldType, List, Segment
from core.exceptions import InvalidInput
from sequences.exceptions import SequenceError
from sequences.kinds import Settings
from sequences.kinds.actions import ChangeList, Notify, SetField, StartSequence, StopSequence
from sequences.kinds.branches import FieldBranch, ListBranch, SegmentBranch
from sequences.kinds.waits import UntilDate
from sequences.models import Sequence, Step
from team.models import Membership


def check_references(workspace_id: int, settings: Settings | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (settings in their normal form that differ, errors by field)."""
    match settings:
        case ListBranch(list=list_id) | ChangeList(list=list_id):
            known = List.objects.filter(workspace_id=workspace_id, pk=list_id).exists()
            return {}, {} if known else {"list": "This workspace has no such list."}
        case SegmentBranch(segment=segment_id):
            known = Segment.objects.filter(workspace_id=workspace_id, pk=segment_id).exists()
            return {}, {} if known else {"segment": "This workspace has no such segment."}
        case FieldBranch():
            return _check_condition(workspace_id, settings)
        case Notify(members=members):
            known = Membership.objects.filter(workspace=workspace_id, user__in=members).count() == len(members)
            return {}, {} if known else {"members": "Not all of them are members of this workspace."}
        case StartSequence(sequence=sequence_id) | StopSequence(sequence=sequence_id):
            known = Sequence.objects.filter(workspace=workspace_id, pk=sequence_id).exists()
            return {}, {} if known else {"sequence": "This workspace has no such sequence."}
        case SetField():
            return _check_value(workspace_id, settings)
        case UntilDate(field=key):
            field = ContactField.objects.filter(workspace_id=workspace_id, key=key, type=FieldType.DATE).exists()
            return {}, {} if field else {"until.field": "This workspace has no such date field."}
    return {}, {}


def let_list_go(decision: ListDeleted) -> None:
    """Handler: a list that the steps of an open sequence ask about or change can't be deleted.  Raises SequenceError."""
    _refuse_if_used(decision.workspace_id, "list", decision.list_id, decision.name)


def let_segment_go(decision: SegmentDeleted) -> None:
    """Handler: a segment that the steps of an open sequence ask about can't be deleted.  Raises SequenceError."""
    _refuse_if_used(decision.workspace_id, "segment", decision.segment_id, decision.name)


def circle_of_starts(sequence: Sequence, started: Collection[int]) -> list[str]:
    """Return the names on the way from the sequence back to itself, by steps that start others; [] if there is none.

    `started` are those that its draft starts; of the others counts what is live.
    """
    rows = Step.objects.filter(
        version__sequence__workspace=sequence.workspace_id,
        config__do="start_sequence",
        version=F("version__sequence__live_version"),
    ).values_list("version__sequence", "config__sequence")
    leads: dict[int, set[int]] = defaultdict(set)
    for origin, target in rows:
        leads[origin].add(target)
    leads[sequence.pk] = set(started)
    came_from: dict[int, int] = {}
    open_ = [sequence.pk]
    while open_:
        here = open_.pop()
        for there in sorted(leads.get(here, ())):
            if there == sequence.pk:
                return _named(sequence.pk, here, came_from)
            if there not in came_from:
                came_from[there] = here
                open_.append(there)
    return []


def _named(start: int, last: int, came_from: Mapping[int, int]) -> list[str]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    names = dict(Sequence.objects.filter(pk__in=way).values_list("pk", "name"))
    return [names[pk] for pk in [*reversed(way), start]]


def _refuse_if_used(workspace_id: int, kind: str, pk: int, name: str) -> None:
    open_states = (Sequence.State.RUNNING, Sequence.State.PAUSED)
    steps = Step.objects.filter(
        version__sequence__workspace=workspace_id, version__sequence__state__in=open_states, **{f"config__{kind}": pk}
    )
    used = steps.filter(version__published_at__isnull=False).select_related("version__sequence").first()
    if used is not None:
        raise SequenceError(
            f"The {kind} “{name}” is used by a step of “{used.version.sequence.name}”, which is under way.",
            code="in_use",
        )


def _check_condition(workspace_id: int, branch: FieldBranch) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        checked = contacts.checked_definition(workspace_id, {"match": "all", "conditions": [branch.condition()]})
    except InvalidSegment as error:
        return {}, {path.rsplit(".", 1)[-1]: messages[0] for path, messages in error.fields.items()}
    return checked["conditions"][0], {}


def _check_value(workspace_id: int, action: SetField) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        return {"value": contacts.checked_value(workspace_id, action.field, action.value)}, {}
    except InvalidInput as error:
        return {}, {name: messages[0] for name, messages in error.fields.items()}
