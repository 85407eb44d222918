"""Reads of tests, scoped to a workspace."""

from django.db.models import QuerySet

from abtests.models import Experiment, Look, Variant
from core.exceptions import NotFound
from team.models import Workspace


def experiments_in(workspace: Workspace) -> QuerySet[Experiment]:
    """Return the workspace's tests, newest first."""
    return Experiment.objects.filter(workspace=workspace).select_related("winner").order_by("-id")


def experiment_in(workspace: Workspace, experiment_id: int) -> Experiment:
    """Return one test.  Raises NotFound when it isn't there or is another workspace's."""
    found = experiments_in(workspace).filter(pk=experiment_id).first()
    if found is None:
        raise NotFound("There is no such test.")
    return found


def variants_of(experiment: Experiment) -> list[Variant]:
    """Return the arms in their order, the control first."""
    return list(experiment.variants.order_by("position"))


def looks_at(experiment: Experiment) -> list[Look]:
    """Return the looks in their order."""
    return list(experiment.looks.order_by("number"))
