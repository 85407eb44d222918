"""Grants on single objects: they widen a role within a workspace and never cross its border."""

import pytest

from team import selectors, services
from team.exceptions import TeamError
from team.models import AuditEntry, Invitation, Role
from tests.factories.team import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


def an_object(workspace):
    """Any row with a workspace will do; an invitation needs no other app."""
    from core import clock

    return Invitation.objects.create(
        workspace=workspace, email=f"x{Invitation.objects.count()}@example.com", expires_at=clock.now()
    )


@pytest.mark.parametrize(
    ("role", "expected"), [("owner", True), ("admin", True), ("editor", True), ("approver", False), ("analyst", False)]
)
def test_the_role_decides_without_a_grant(owner, role, expected):
    member = MembershipFactory(workspace=owner.workspace, role=role)

    assert selectors.can_edit(member.user, an_object(owner.workspace)) is expected


def test_a_grant_lets_an_analyst_edit_one_object(owner):
    analyst = MembershipFactory(workspace=owner.workspace, role=Role.ANALYST).user
    shared, other = an_object(owner.workspace), an_object(owner.workspace)

    services.grant(user=analyst, obj=shared)

    assert selectors.can_edit(analyst, shared)
    assert not selectors.can_edit(analyst, other)
    assert list(selectors.granted(analyst, Invitation.objects.all())) == [shared]


def test_a_grant_is_taken_back(owner):
    analyst = MembershipFactory(workspace=owner.workspace, role=Role.ANALYST).user
    shared = an_object(owner.workspace)
    services.grant(user=analyst, obj=shared)

    services.revoke(user=analyst, obj=shared)
    services.revoke(user=analyst, obj=shared)

    assert not selectors.can_edit(analyst, shared)


def test_nothing_is_shared_with_somebody_outside_the_workspace(owner):
    stranger = MembershipFactory().user

    with pytest.raises(TeamError, match="not a member"):
        services.grant(user=stranger, obj=an_object(owner.workspace))


def test_an_editor_elsewhere_edits_nothing_here(owner):
    stranger = MembershipFactory(role=Role.OWNER).user

    assert not selectors.can_edit(stranger, an_object(owner.workspace))


def test_a_superuser_who_is_not_a_member_edits_nothing(owner):
    assert not selectors.can_edit(UserFactory(is_superuser=True), an_object(owner.workspace))


def test_leaving_the_workspace_ends_its_grants_and_no_others(owner):
    analyst = MembershipFactory(workspace=owner.workspace, role=Role.ANALYST)
    elsewhere = MembershipFactory(user=analyst.user, role=Role.ANALYST)
    here, there = an_object(owner.workspace), an_object(elsewhere.workspace)
    services.grant(user=analyst.user, obj=here)
    services.grant(user=analyst.user, obj=there)

    services.remove_member(analyst, by=owner)
    MembershipFactory(workspace=owner.workspace, user=analyst.user, role=Role.ANALYST)

    assert not selectors.can_edit(analyst.user, here)
    assert selectors.can_edit(analyst.user, there)


def test_a_grant_stands_in_the_workspace_s_trail(owner):
    analyst = MembershipFactory(workspace=owner.workspace, role=Role.ANALYST).user

    services.grant(user=analyst, obj=an_object(owner.workspace))

    entry = AuditEntry.objects.get(table="guardian_userobjectpermission")
    assert entry.after is not None
    assert (entry.workspace_id, entry.after["user_id"]) == (owner.workspace_id, analyst.pk)


def test_granting_twice_is_fine(owner):
    analyst = MembershipFactory(workspace=owner.workspace, role=Role.ANALYST).user
    shared = an_object(owner.workspace)

    services.grant(user=analyst, obj=shared)
    services.grant(user=analyst, obj=shared)

    assert selectors.can_edit(analyst, shared)
