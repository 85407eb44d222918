from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from team.models import Membership, Workspace
from tests.factories.team import ApiTokenFactory, MembershipFactory


@pytest.fixture
def owner(db: None) -> Membership:
    """The owner of a workspace."""
    return MembershipFactory(workspace__name="Tea House", user__email="owner@example.com")


@pytest.fixture
def workspace(owner: Membership) -> Workspace:
    """The owner's workspace."""
    return owner.workspace


@pytest.fixture
def stranger(db: None) -> Membership:
    """The owner of another workspace."""
    return MembershipFactory(workspace__name="Elsewhere", user__email="stranger@example.com")


@pytest.fixture
def web(owner: Membership) -> Client:
    """A browser in which the owner is signed in."""
    return signed_in(owner)


@pytest.fixture
def web_as(workspace: Workspace) -> Callable[[str], Client]:
    """Return a function that makes a member with a role, and their browser."""
    return lambda role: signed_in(MembershipFactory(workspace=workspace, role=role))


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def api(workspace: Workspace) -> APIClient:
    """A program with a token for everything in the owner's workspace."""
    return api_client(workspace)


def api_client(workspace: Workspace, **fields: Any) -> APIClient:
    token = ApiTokenFactory(workspace=workspace, **fields)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.secret}")
    return client
