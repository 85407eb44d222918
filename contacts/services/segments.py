"""Segments."""

from typing import Any

from django.db import IntegrityError, transaction

from contacts import selectors
from contacts.events import SegmentDeleted
from contacts.models import Segment
from core import bus, clock
from core.exceptions import InvalidInput
from team.models import Workspace

NAME_LIMIT = 120


def create_segment(*, workspace: Workspace, name: str, definition: object) -> Segment:
    """Save a question about contacts.  Raises InvalidSegment for a faulty definition, InvalidInput for the name."""
    segment = Segment(
        workspace=workspace,
        name=_checked_name(name),
        definition=selectors.checked_definition(workspace.pk, definition),
    )
    _save(segment)
    return segment


def update_segment(segment: Segment, *, name: str | None = None, definition: object | None = None) -> Segment:
    """Rename a segment or ask another question.  Raises InvalidSegment or InvalidInput."""
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = _checked_name(name)
    if definition is not None:
        changes["definition"] = selectors.checked_definition(segment.workspace_id, definition)
    for field, value in changes.items():
        setattr(segment, field, value)
    segment.updated_at = clock.now()
    _save(segment)
    return segment


def _checked_name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise InvalidInput("A segment needs a name.", fields={"name": ["Give the segment a name."]})
    if len(name) > NAME_LIMIT:
        message = f"A name has at most {NAME_LIMIT} characters."
        raise InvalidInput(message, fields={"name": [message]})
    return name


def _save(segment: Segment) -> None:
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError as error:
        message = "Another segment has this name."
        raise InvalidInput(message, fields={"name": [message]}) from error


@transaction.atomic
def delete_segment(segment: Segment) -> None:
    """Delete a segment; its contacts stay.  Raises what a handler raises that can't do without it."""
    bus.announce(SegmentDeleted(segment.workspace_id, segment.pk, segment.name))
    segment.delete()
