"""What steps point at outside their sequence: lists, segments and fields of the workspace."""

from typing import Any

from contacts import selectors as contacts
from contacts.events import ListDeleted, SegmentDeleted
from contacts.exceptions import InvalidSegment
from contacts.models import ContactField, FieldType, List, Segment
from core.exceptions import InvalidInput
from sequences.exceptions import SequenceError
from sequences.kinds import Settings
from sequences.kinds.actions import ChangeList, SetField
from sequences.kinds.branches import FieldBranch, ListBranch, SegmentBranch
from sequences.kinds.waits import UntilDate
from sequences.models import Sequence, Step


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
