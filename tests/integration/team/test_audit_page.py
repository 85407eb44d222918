from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from team.actors import current_actor
from team.models import AuditEntry, Role
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.integration.team.conftest import signed_in

pytestmark = pytest.mark.django_db

AUDIT = "/settings/audit/"
SETTINGS = {"name": "Coffee House", "slug": "tea-house", "time_zone": "UTC", "locale": "en"}


def lines(browser, **query):
    return browser.get(AUDIT, query).context["page"].items


def test_a_change_by_the_web_names_the_member(as_owner, owner):
    as_owner.post("/settings/", SETTINGS)

    line = lines(as_owner)[0]
    assert line.actor == str(owner.user)
    assert (line.kind, line.verb, line.name) == ("Workspace", "changed", "Coffee House")
    assert ("Name", "Tea House", "Coffee House") in [(c.field, c.before, c.after) for c in line.changes]


def test_a_change_by_the_api_names_the_token(as_owner, owner, client):
    token = ApiTokenFactory(workspace=owner.workspace, name="CRM")
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    response = client.patch(
        f"/api/v1/members/{member.pk}/",
        {"role": "analyst"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token.secret}"},
    )

    assert response.status_code == 200, response.text
    line = lines(as_owner)[0]
    assert line.actor == "API token CRM"
    assert [(c.field, c.before, c.after) for c in line.changes] == [("Role", "Editor", "Analyst")]


def test_the_actor_does_not_leak_into_the_next_request_on_the_connection(as_owner, owner):
    as_owner.post("/settings/", SETTINGS)
    assert current_actor() == ""

    anonymous = Client()
    anonymous.post("/login/", {"username": "x@example.com", "password": "y"})
    WorkspaceFactory(name="Later")

    assert AuditEntry.objects.filter(table="team_workspace").last().actor == "system"


def test_the_actor_does_not_leak_after_a_request_that_broke(owner, settings, monkeypatch):
    from team import services

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(services, "update_workspace", broken)
    browser = signed_in(owner)
    browser.raise_request_exception = False

    assert browser.post("/settings/", SETTINGS).status_code == 500
    assert current_actor() == ""


def test_the_trail_is_filtered_by_who_what_and_when(as_owner, owner):
    as_owner.post("/settings/", SETTINGS)
    today = timezone.now().date()

    assert {line.actor for line in lines(as_owner, actor=f"user:{owner.user_id}")} == {str(owner.user)}
    assert {line.kind for line in lines(as_owner, table="team_membership")} == {"Membership"}
    assert {line.action for line in lines(as_owner, action="UPDATE")} == {"UPDATE"}
    assert lines(as_owner, since=today.isoformat(), until=today.isoformat())
    assert not lines(as_owner, until=(today - timedelta(days=1)).isoformat())
    assert not lines(as_owner, since=(today + timedelta(days=1)).isoformat())


def test_a_filter_that_cannot_be_read_is_left_out(as_owner):
    response = as_owner.get(AUDIT, {"since": "yesterday", "actor": "user:99999", "cursor": "rubbish"})

    assert response.status_code == 200
    assert response.context["page"].items


def test_another_workspace_s_changes_are_not_shown(as_owner):
    MembershipFactory(workspace__name="Foreign House")

    assert "Foreign House" not in as_owner.get(AUDIT).text


def test_the_trail_is_for_those_who_manage(as_member):
    assert as_member(Role.EDITOR).get(AUDIT).status_code == 403


def test_a_long_trail_comes_in_pages_that_cost_the_same(as_owner, owner, django_assert_max_num_queries):
    for number in range(60):
        owner.workspace.name = f"Name {number}"
        owner.workspace.save()

    with django_assert_max_num_queries(16):
        first = as_owner.get(AUDIT, {"action": "UPDATE"})
    second = as_owner.get(AUDIT, {"action": "UPDATE", "cursor": first.context["page"].next_cursor})

    assert len(first.context["page"].items) == 50
    assert len(second.context["page"].items) == 10
    assert not second.context["page"].next_cursor


def test_htmx_gets_the_rows_alone(as_owner):
    response = as_owner.get(AUDIT, headers={"HX-Request": "true"})

    assert "<html" not in response.text
    assert 'id="trail"' in response.text


def test_what_was_deleted_keeps_its_name(as_owner, owner):
    from team import services

    invitation = services.invite_member(workspace=owner.workspace, email="bob@example.com", role=Role.EDITOR, by=owner)
    as_owner.post(f"/settings/invitations/{invitation.pk}/withdraw/")

    line = lines(as_owner, action="DELETE")[0]
    assert (line.kind, line.name) == ("Invitation", "bob@example.com")


def test_a_request_to_forget_takes_rows_out_of_the_trail(owner):
    from team import services

    erased = services.erase_trail(table="team_workspace", row_ids=[owner.workspace_id])

    assert erased == 1
    assert not AuditEntry.objects.filter(table="team_workspace").exists()


def test_a_change_of_a_campaign_s_audience_names_the_campaign_and_the_list(as_owner, owner):
    from campaigns import services as campaigns
    from tests.factories.campaigns import make_campaign, make_list

    campaign = make_campaign(owner.workspace, name="Spring")
    campaigns.update_campaign(campaign, changes={"lists": [make_list(owner.workspace, name="Customers")]})

    names = {(line.verb, line.name) for line in lines(as_owner, table="campaigns_campaign_lists")}
    assert ("created", "Spring – Customers") in names
    assert ("deleted", "Spring – List 0") in names


def test_what_a_row_points_at_is_named(as_owner, owner):
    MembershipFactory(workspace=owner.workspace, user__first_name="Grace", user__last_name="Hopper")

    line = lines(as_owner, table="team_membership")[0]

    assert ("User", "Grace Hopper") in [(change.field, change.after) for change in line.changes]
