from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core import clock
from delivery.models import Mailbox
from team.models import Workspace
from tests.factories.sequences import make_mailbox
from tests.factories.team import WorkspaceFactory

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def mailbox(workspace: Workspace) -> Mailbox:
    return make_mailbox(workspace)


@pytest.fixture
def at_nine() -> Iterator[datetime]:
    """It is nine o'clock on a Monday, and stays so."""
    with clock.simulated(START):
        yield START
