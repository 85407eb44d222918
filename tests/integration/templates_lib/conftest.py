import pytest
from django.test import Client

from team.models import Membership, Workspace
from tests.factories.team import ApiTokenFactory, MembershipFactory


def signed_in(membership: Membership) -> Client:
    """Return a browser in which the member is signed in."""
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def member(db: None) -> Membership:
    """An owner of a workspace."""
    return MembershipFactory(workspace__name="Tea House", user__first_name="Ada", user__last_name="Owner")


@pytest.fixture
def workspace(member: Membership) -> Workspace:
    return member.workspace


@pytest.fixture
def browser(member: Membership) -> Client:
    """The owner's browser."""
    return signed_in(member)


@pytest.fixture
def call(workspace: Workspace):
    """Return a function that calls the API with a token of the workspace."""

    def run(method, path, body=None, *, scopes=(), **headers):
        token = ApiTokenFactory(workspace=workspace, scopes=list(scopes))
        extra = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(Client(), method)(
            f"/api/v1/{path}", **extra, headers={"Authorization": f"Bearer {token.secret}", **headers}
        )

    return run
