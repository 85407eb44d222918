"""Every sort of step, as the palette, the cards and the panel show it."""

from collections.abc import Sequence as Items
from itertools import groupby

from sequences.forms.actions import (
    AddTagForm,
    AddToListForm,
    NotifyForm,
    RemoveFromListForm,
    RemoveTagForm,
    SetFieldForm,
    StartSequenceForm,
    StopSequenceForm,
    WebhookForm,
)
from sequences.forms.around import Around
from sequences.forms.base import StepForm
from sequences.forms.branches import EngagementForm, EventForm, FieldForm, ListForm, SegmentForm
from sequences.forms.flow import EmailForm, ExitForm, GoalForm, JumpForm, PlainForm
from sequences.forms.splits import SplitForm
from sequences.forms.waits import WaitForForm, WaitForm, WaitUntilDateForm, WaitUntilDayForm
from sequences.models import Sequence, Step

__all__ = ["BY_SLUG", "SORTS", "Around", "StepForm", "around", "palette", "siblings_of", "sort_of", "title_of"]

# In the order of the palette; of two that match a step the first counts.
SORTS: tuple[type[StepForm], ...] = (
    EmailForm,
    WaitForm,
    WaitUntilDayForm,
    WaitUntilDateForm,
    WaitForForm,
    EngagementForm,
    FieldForm,
    SegmentForm,
    ListForm,
    EventForm,
    SplitForm,
    AddToListForm,
    RemoveFromListForm,
    AddTagForm,
    RemoveTagForm,
    SetFieldForm,
    NotifyForm,
    WebhookForm,
    StartSequenceForm,
    StopSequenceForm,
    GoalForm,
    JumpForm,
    ExitForm,
)
BY_SLUG = {sort.slug: sort for sort in SORTS}


def palette() -> list[tuple[str, list[type[StepForm]]]]:
    """Return the sorts by group, in order."""
    return [(group, list(sorts)) for group, sorts in groupby(SORTS, key=lambda sort: sort.group)]


def sort_of(step: Step) -> type[StepForm]:
    """Return the sort of a step."""
    return next((sort for sort in SORTS if sort.matches(step)), PlainForm)


def title_of(step: Step, around: Around) -> str:
    """Return what a step does, in a few words."""
    return sort_of(step).title(step, around)


def around(sequence: Sequence, steps: Items[Step]) -> Around:
    """Return what the forms and titles of a sequence's steps need; `steps` in the order of the document."""
    return Around(sequence, steps, title_of=title_of)


def siblings_of(sort: type[StepForm]) -> list[type[StepForm]]:
    """Return the sorts that a step of this sort can become in its place: those of the same kind."""
    return [other for other in SORTS if other.kind == sort.kind]
