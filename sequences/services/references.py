"""What steps point at outside their sequence: lists, segments and fields of the workspace."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from django.db.models import F

from contacts import selectors as contacts
from contacts.events import ListDeleted, SegmentDeleted
from contacts.exceptions import InvalidSegment
from contacts.models import ContactField, FieldType, List, Segment
from contacts.selectors import Subject
from core.exceptions import InvalidInput
from sequences.exceptions import SequenceError
from sequences.kinds import Settings
from sequences.kinds.actions import ChangeList, Notify, SetField, StartSequence, StopSequence
from sequences.kinds.branches import FieldBranch, ListBranch, SegmentBranch
from sequences.kinds.waits import UntilDate
from sequences.models import Sequence, Step
from team.models import Membership

type Checked = tuple[dict[str, Any], dict[str, str]]
"""Settings in their normal form that differ, and errors by field."""


def check_references(workspace_id: int, *settings: Settings | None) -> list[Checked]:
    """Return for each step's settings whether what they point at is there: one query a kind of thing, however many steps."""
    there = _There(workspace_id, settings)
    return [there.check(each) for each in settings]


class _There:
    """What of the workspace some steps point at; read when the first of them asks."""

    def __init__(self, workspace_id: int, settings: Collection[Settings | None]) -> None:
        self._workspace_id = workspace_id
        self._settings = settings

    def check(self, settings: Settings | None) -> Checked:
        missing: dict[str, str] = {}
        match settings:
            case ListBranch(list=list_id) | ChangeList(list=list_id) if list_id not in self._lists:
                missing = {"list": "This workspace has no such list."}
            case SegmentBranch(segment=segment_id) if segment_id not in self._segments:
                missing = {"segment": "This workspace has no such segment."}
            case Notify(members=members) if not self._members.issuperset(members):
                missing = {"members": "Not all of them are members of this workspace."}
            case StartSequence(sequence=pk) | StopSequence(sequence=pk) if pk not in self._sequences:
                missing = {"sequence": "This workspace has no such sequence."}
            case UntilDate(field=key) if (field := self._fields.get(key)) is None or field.type != FieldType.DATE:
                missing = {"until.field": "This workspace has no such date field."}
            case FieldBranch():
                return self._check_condition(settings)
            case SetField():
                return self._check_value(settings)
        return {}, missing

    @cached_property
    def _lists(self) -> set[int]:
        wanted = [each.list for each in self._settings if isinstance(each, ListBranch | ChangeList)]
        return set(List.objects.filter(workspace_id=self._workspace_id, pk__in=wanted).values_list("pk", flat=True))

    @cached_property
    def _segments(self) -> set[int]:
        wanted = [each.segment for each in self._settings if isinstance(each, SegmentBranch)]
        return set(Segment.objects.filter(workspace_id=self._workspace_id, pk__in=wanted).values_list("pk", flat=True))

    @cached_property
    def _members(self) -> set[int]:
        wanted = [pk for each in self._settings if isinstance(each, Notify) for pk in each.members]
        members = Membership.objects.filter(workspace=self._workspace_id, user__in=wanted)
        return set(members.values_list("user_id", flat=True))

    @cached_property
    def _sequences(self) -> set[int]:
        wanted = [each.sequence for each in self._settings if isinstance(each, StartSequence | StopSequence)]
        return set(Sequence.objects.filter(workspace=self._workspace_id, pk__in=wanted).values_list("pk", flat=True))

    @cached_property
    def _fields(self) -> dict[str, ContactField]:
        wanted = [each.field for each in self._settings if isinstance(each, UntilDate | SetField)]
        fields = ContactField.objects.filter(workspace_id=self._workspace_id, key__in=wanted)
        return {field.key: field for field in fields}

    @cached_property
    def _subjects(self) -> dict[str, Subject]:
        return contacts.subjects_in(self._workspace_id)

    def _check_condition(self, branch: FieldBranch) -> Checked:
        definition = {"match": "all", "conditions": [branch.condition()]}
        try:
            checked = contacts.checked_definition(self._workspace_id, definition, subjects=self._subjects)
        except InvalidSegment as error:
            return {}, {path.rsplit(".", 1)[-1]: messages[0] for path, messages in error.fields.items()}
        return checked["conditions"][0], {}

    def _check_value(self, action: SetField) -> Checked:
        try:
            return {"value": contacts.checked_value(self._fields.get(action.field), action.value)}, {}
        except InvalidInput as error:
            return {}, {name: messages[0] for name, messages in error.fields.items()}


def let_list_go(decision: ListDeleted) -> None:
    """Handler: a list that the steps of an open sequence ask about or change can't be deleted.  Raises SequenceError."""
    _refuse_if_used(decision.workspace_id, "list", decision.list_id, decision.name)


def let_segment_go(decision: SegmentDeleted) -> None:
    """Handler: a segment that the steps of an open sequence ask about can't be deleted.  Raises SequenceError."""
    _refuse_if_used(decision.workspace_id, "segment", decision.segment_id, decision.name)


def live_starts(workspace_id: int) -> dict[int, set[int]]:
    """Return which sequences the live steps of each sequence of the workspace start."""
    rows = Step.objects.filter(
        version__sequence__workspace=workspace_id,
        config__do="start_sequence",
        version=F("version__sequence__live_version"),
    ).values_list("version__sequence", "config__sequence")
    leads: dict[int, set[int]] = defaultdict(set)
    for origin, target in rows:
        leads[origin].add(target)
    return leads


def circle_of_starts(sequence: Sequence, started: int, live: Mapping[int, Collection[int]]) -> list[str]:
    """Return the names on the way from the sequence back to itself, by steps that start others; [] if there is none.

    `started` is the one that a step of its draft starts; of the others counts what is live (`live_starts`).
    """
    leads = {**live, sequence.pk: [started]}
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
