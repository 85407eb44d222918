"""What holds for a whole sequence, while it runs as well."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from contacts import selectors as contacts
from contacts.exceptions import InvalidSegment
from core.exceptions import InvalidInput
from sequences.models import Sequence
from team.services import audit_as_workspace


@transaction.atomic
def update_rules(
    sequence: Sequence, *, on_reply: str | None = None, exit_filter: Mapping[str, Any] | None = None
) -> Sequence:
    """Say what a reply does, and who leaves before an email goes: a segment's definition, {} for nobody.

    Both hold at once, for people on the way, too.  Raises InvalidInput.
    """
    audit_as_workspace(sequence.workspace_id)
    changes: dict[str, Any] = {}
    if on_reply is not None:
        if on_reply not in Sequence.OnReply.values:
            message = f"This must be one of {', '.join(Sequence.OnReply.values)}."
            raise InvalidInput(message, fields={"on_reply": [message]})
        changes["on_reply"] = on_reply
    if exit_filter is not None:
        changes["exit_filter"] = _checked(sequence.workspace_id, exit_filter)
    if changes:
        Sequence.objects.filter(pk=sequence.pk).update(**changes)
        sequence.refresh_from_db(fields=list(changes))
    return sequence


def _checked(workspace_id: int, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    if not definition.get("conditions"):
        return {}
    try:
        return contacts.checked_definition(workspace_id, dict(definition))
    except InvalidSegment as error:
        fields = {f"exit_filter.{path}".rstrip("."): messages for path, messages in error.fields.items()}
        raise InvalidInput(error.message, fields=fields) from error
