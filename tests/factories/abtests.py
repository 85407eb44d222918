"""Tests of versions, as the services make them."""

from typing import Any

from abtests import services
from abtests.models import Experiment
from team.models import Workspace
from tests.factories.delivery import make_mailing


def make_experiment(workspace: Workspace, arms: int = 2, *, started: bool = True, **changes: Any) -> Experiment:
    """Plan a test with arms A, B, … that have content, and start it."""
    fields = {"name": "Which subject?", "window_hours": 24, "base": 0.2, "lead": 0.1, **changes}
    experiment = services.create_experiment(workspace, **fields)
    for letter in "ABCDEFGH"[:arms]:
        services.add_variant(experiment, name=letter, mailing=make_mailing(workspace, name=letter))
    if started:
        services.start(experiment)
    return experiment
