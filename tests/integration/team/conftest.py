import pytest
from django.test import Client

from team.models import Membership
from tests.factories.team import MembershipFactory


@pytest.fixture
def owner(db: None) -> Membership:
    """The owner of a workspace."""
    return MembershipFactory(workspace__name="Tea House", user__email="owner@example.com")


@pytest.fixture
def as_owner(owner: Membership) -> Client:
    """A browser in which the owner is signed in."""
    return signed_in(owner)


@pytest.fixture
def as_member(owner: Membership):
    """Return a function that makes a member of the owner's workspace with a role, and their browser."""

    def make(role: str, **fields) -> Client:
        return signed_in(MembershipFactory(workspace=owner.workspace, role=role, **fields))

    return make


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client
