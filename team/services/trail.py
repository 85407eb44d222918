"""What the audit trail is told, and what it forgets."""

from collections.abc import Sequence

from django.db import transaction

from team import actors
from team.models import AuditEntry


@transaction.atomic
def erase_trail(*, table: str, row_ids: Sequence[int | str]) -> int:
    """Delete what the trail keeps about some rows, when a person asks to be forgotten; return the number of entries."""
    actors.set_local(actors.PURGE_SETTING, "on")
    deleted, _ = AuditEntry.objects.filter(table=table, row_id__in=[str(row_id) for row_id in row_ids]).delete()
    actors.set_local(actors.PURGE_SETTING, "")
    return deleted


def audit_as_workspace(workspace_id: int) -> None:
    """Say whose workspace the rest of this transaction changes, for the trail of tables that have no such column."""
    actors.set_local(actors.WORKSPACE_SETTING, str(workspace_id))
