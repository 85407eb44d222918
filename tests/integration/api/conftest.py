from typing import Any

import pytest
from rest_framework.test import APIClient

from team.models import Workspace
from tests.factories.team import ApiTokenFactory, WorkspaceFactory


@pytest.fixture
def workspace(db: None) -> Workspace:
    """The workspace of the token."""
    return WorkspaceFactory(slug="ours")


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    """A program with a token for everything; a fault of ours is a 500 to it, as on the wire."""
    made = APIClient(raise_request_exception=False)
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return made


@pytest.fixture
def unlimited(settings: Any) -> None:
    """No rate limit, for tests that ask a thousand times."""
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"token": "10000000/min"}}
