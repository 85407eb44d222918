from datetime import UTC, datetime

import pytest

from core.exceptions import InvalidInput
from team import services
from team.models import Role, Workspace
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory, WorkspaceFactory
from tests.integration.team.conftest import signed_in

pytestmark = pytest.mark.django_db

SETTINGS = {
    "name": "Coffee House",
    "slug": "coffee-house",
    "company": "Coffee Ltd",
    "postal_address": "1 Bean Street",
    "website": "https://coffee.example",
    "time_zone": "Europe/Lisbon",
    "locale": "pt-PT",
}


def test_a_user_without_a_workspace_is_led_to_make_one(client):
    client.force_login(UserFactory(), backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/settings/").url == "/workspaces/new/"
    assert client.get("/workspaces/new/").status_code == 200


def test_who_makes_a_workspace_owns_it_and_is_in_it(as_owner, owner):
    as_owner.post("/workspaces/new/", {"name": "Zebra Crossing", "time_zone": "UTC"})

    workspace = Workspace.objects.get(name="Zebra Crossing")
    assert workspace.slug == "zebra-crossing"
    assert workspace.memberships.get().role == "owner"
    assert as_owner.get("/settings/").context["workspace"] == workspace


def test_a_workspace_whose_name_is_taken_gets_another_slug():
    user = UserFactory()

    slugs = [services.create_workspace(user=user, name="Tea House").slug for _ in range(3)]

    assert slugs == ["tea-house", "tea-house-2", "tea-house-3"]


def test_a_name_without_latin_letters_still_gives_a_slug():
    assert services.create_workspace(user=UserFactory(), name="茶館").slug == "workspace"


def test_a_member_switches_between_their_workspaces(owner, as_owner):
    other = MembershipFactory(user=owner.user, workspace__name="Zoo", workspace__slug="zoo")
    assert as_owner.get("/settings/").context["workspace"] == owner.workspace

    as_owner.post("/workspaces/switch/", {"workspace": "zoo"})

    assert as_owner.get("/settings/").context["workspace"] == other.workspace


def test_nobody_switches_to_a_workspace_they_are_not_in(as_owner, owner):
    WorkspaceFactory(slug="foreign")

    assert as_owner.post("/workspaces/switch/", {"workspace": "foreign"}).status_code == 404
    assert as_owner.get("/settings/").context["workspace"] == owner.workspace


def test_a_forged_session_does_not_open_a_foreign_workspace(as_owner, owner):
    session = as_owner.session
    session["workspace_id"] = WorkspaceFactory().pk
    session.save()

    assert as_owner.get("/settings/").context["workspace"] == owner.workspace


def test_an_admin_changes_the_settings(as_member, owner):
    assert as_member(Role.ADMIN).post("/settings/", SETTINGS).status_code == 302

    owner.workspace.refresh_from_db()
    assert {name: getattr(owner.workspace, name) for name in SETTINGS} == SETTINGS


def test_an_editor_looks_at_the_settings_but_cannot_change_them(as_member, owner):
    browser = as_member(Role.EDITOR)

    assert "Owners and admins can change these settings" in browser.get("/settings/").text
    assert browser.post("/settings/", SETTINGS).status_code == 403
    owner.workspace.refresh_from_db()
    assert owner.workspace.name == "Tea House"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Base"),
        ("locale", "not a language"),
        ("slug", "no spaces"),
        ("website", "javascript:alert(1)"),
        ("name", ""),
    ],
)
def test_settings_that_make_no_sense_are_refused(as_owner, owner, field, value):
    response = as_owner.post("/settings/", {**SETTINGS, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    owner.workspace.refresh_from_db()
    assert owner.workspace.name == "Tea House"


def test_a_slug_belongs_to_one_workspace(as_owner):
    WorkspaceFactory(slug="coffee-house")

    assert as_owner.post("/settings/", SETTINGS).status_code == 422


def test_the_service_checks_too(owner):
    with pytest.raises(InvalidInput):
        services.update_workspace(owner.workspace, time_zone="Mars/Base")


def test_times_are_shown_in_the_user_s_zone(owner):
    owner.user.time_zone = "Asia/Tokyo"
    owner.user.save()
    ApiTokenFactory(workspace=owner.workspace, created_at=datetime(2026, 1, 1, 20, tzinfo=UTC))

    page = signed_in(owner).get("/settings/tokens/")

    assert "2 Jan 2026, 05:00" in page.text


def test_a_page_costs_few_queries(as_owner, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        as_owner.get("/settings/")
