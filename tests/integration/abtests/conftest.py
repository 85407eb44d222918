import pytest

from team.models import Workspace
from tests.factories.team import WorkspaceFactory


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory()
