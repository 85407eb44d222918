from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import connection, transaction

from team import services
from team.exceptions import TeamError
from team.models import Membership, Role
from tests.factories.team import MembershipFactory
from tests.integration.team.conftest import signed_in

pytestmark = pytest.mark.django_db

MEMBERS = "/settings/members/"


def test_every_member_sees_the_team(as_member):
    response = as_member(Role.ANALYST).get(MEMBERS)

    assert response.status_code == 200
    assert "owner@example.com" in response.text


def test_an_analyst_changes_nothing(as_member, owner):
    browser = as_member(Role.ANALYST)
    other = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    answers = [
        browser.post(f"{MEMBERS}invite/", {"email": "eve@example.com", "role": "editor"}),
        browser.post(f"{MEMBERS}{other.pk}/role/", {"role": "admin"}),
        browser.post(f"{MEMBERS}{other.pk}/remove/"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    other.refresh_from_db()
    assert other.role == "editor"


def test_an_owner_changes_a_role(as_owner, owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    assert as_owner.post(f"{MEMBERS}{member.pk}/role/", {"role": "approver"}).status_code == 302

    member.refresh_from_db()
    assert member.role == "approver"


def test_there_are_no_other_roles(as_owner, owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    assert as_owner.post(f"{MEMBERS}{member.pk}/role/", {"role": "king"}).status_code == 422


def test_the_last_owner_cannot_step_down(as_owner, owner):
    response = as_owner.post(f"{MEMBERS}{owner.pk}/role/", {"role": "admin"})

    assert response.status_code == 409
    owner.refresh_from_db()
    assert owner.role == "owner"


def test_the_last_owner_cannot_leave(as_owner, owner):
    assert as_owner.post(f"{MEMBERS}leave/").status_code == 409
    assert Membership.objects.filter(pk=owner.pk).exists()


def test_an_owner_whose_account_is_closed_does_not_count(as_owner, owner):
    MembershipFactory(workspace=owner.workspace, role=Role.OWNER, user__is_active=False)

    assert as_owner.post(f"{MEMBERS}leave/").status_code == 409


def test_one_of_two_owners_may_leave(as_owner, owner):
    MembershipFactory(workspace=owner.workspace, role=Role.OWNER)

    assert as_owner.post(f"{MEMBERS}leave/").status_code == 302
    assert not Membership.objects.filter(pk=owner.pk).exists()
    assert as_owner.get(MEMBERS).url == "/workspaces/new/"


def test_an_admin_cannot_touch_an_owner(as_member, owner):
    browser = as_member(Role.ADMIN)

    assert browser.post(f"{MEMBERS}{owner.pk}/role/", {"role": "analyst"}).status_code == 403
    assert browser.post(f"{MEMBERS}{owner.pk}/remove/").status_code == 403


def test_an_admin_cannot_make_themselves_owner(owner):
    admin = MembershipFactory(workspace=owner.workspace, role=Role.ADMIN)

    assert signed_in(admin).post(f"{MEMBERS}{admin.pk}/role/", {"role": "owner"}).status_code == 403


def test_a_removed_member_sees_nothing_any_more(as_owner, owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)
    browser = signed_in(member)
    assert browser.get(MEMBERS).status_code == 200

    as_owner.post(f"{MEMBERS}{member.pk}/remove/")

    assert browser.get(MEMBERS).url == "/workspaces/new/"


def test_a_member_of_another_workspace_is_a_404(as_owner):
    foreign = MembershipFactory(role=Role.EDITOR)

    assert as_owner.post(f"{MEMBERS}{foreign.pk}/role/", {"role": "admin"}).status_code == 404
    assert as_owner.post(f"{MEMBERS}{foreign.pk}/remove/").status_code == 404
    assert Membership.objects.filter(pk=foreign.pk, role="editor").exists()


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_step_down_at_once_cannot_both():
    first = MembershipFactory(role=Role.OWNER)
    second = MembershipFactory(role=Role.OWNER, workspace=first.workspace)

    def step_down() -> None:
        try:
            services.change_role(second, role=Role.EDITOR, by=second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            services.change_role(first, role=Role.EDITOR, by=first)
            other = pool.submit(step_down)
            wait([other], timeout=0.5)  # it must not get through before this transaction is over
        assert isinstance(other.exception(timeout=10), TeamError)

    assert Membership.objects.get(role=Role.OWNER) == second


@pytest.mark.parametrize(("role", "shown"), [(Role.ADMIN, True), (Role.EDITOR, False), (Role.ANALYST, False)])
def test_only_who_may_manage_is_led_to_the_pages_of_managers(as_member, role, shown):
    page = as_member(role).get(MEMBERS).text

    assert ('href="/settings/tokens/"' in page) is shown
    assert ('href="/settings/audit/"' in page) is shown
