"""Segments."""

from typing import Any

from django.db import transaction

from contacts import selectors
from contacts.events import SegmentDeleted
from contacts.models import Segment
from contacts.services.naming import checked_name, save_named
from core import bus, clock
from team.models import Workspace


def create_segment(*, workspace: Workspace, name: str, definition: object) -> Segment:
    """Save a question about contacts.  Raises InvalidSegment for a faulty definition, InvalidInput for the name."""
    segment = Segment(
        workspace=workspace,
        name=checked_name(name, noun="segment"),
        definition=selectors.checked_definition(workspace.pk, definition),
    )
    save_named(segment)
    return segment


def update_segment(segment: Segment, *, name: str | None = None, definition: object | None = None) -> Segment:
    """Rename a segment or ask another question.  Raises InvalidSegment or InvalidInput."""
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = checked_name(name, noun="segment")
    if definition is not None:
        changes["definition"] = selectors.checked_definition(segment.workspace_id, definition)
    for field, value in changes.items():
        setattr(segment, field, value)
    segment.updated_at = clock.now()
    save_named(segment)
    return segment


@transaction.atomic
def delete_segment(segment: Segment) -> None:
    """Delete a segment; its contacts stay.  Raises what a handler raises that can't do without it."""
    bus.announce(SegmentDeleted(segment.workspace_id, segment.pk, segment.name))
    segment.delete()
