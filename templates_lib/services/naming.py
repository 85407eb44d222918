"""Names are given one after the other, so that of two equal ones chosen at the same moment the second is told."""

from team.models import Workspace


def lock_names(workspace: Workspace) -> None:
    """Hold the workspace's names until the transaction ends; doesn't stop anybody who merely refers to the workspace."""
    list(Workspace.objects.select_for_update(no_key=True).filter(pk=workspace.pk).values_list("pk"))
