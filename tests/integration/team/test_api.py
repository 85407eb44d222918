"""What every endpoint of the API has in common, tried on the members."""

from datetime import timedelta

import pytest
from django.test import Client

from core import clock
from team.models import ApiToken, AuditEntry, Membership, Role
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory
from tests.integration.team.conftest import signed_in

pytestmark = pytest.mark.django_db

MEMBERS = "/api/v1/members/"


@pytest.fixture
def call(owner):
    """Return a function that calls the API with a token of the owner's workspace."""

    def run(method, path, *, scopes=(), body=None, token=None, **headers):
        token = token or ApiTokenFactory(workspace=owner.workspace, scopes=list(scopes))
        send = getattr(Client(), method)
        extra = {} if body is None else {"data": body, "content_type": "application/json"}
        return send(path, **extra, headers={"Authorization": f"Bearer {token.secret}", **headers})

    return run


def assert_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    return problem


def test_a_token_opens_the_api_of_its_workspace(call, owner):
    MembershipFactory()

    response = call("get", MEMBERS)

    assert response.status_code == 200
    assert [member["email"] for member in response.json()["results"]] == ["owner@example.com"]


def test_without_a_token_the_api_says_how_to_sign_in(client):
    response = client.get(MEMBERS)

    assert_problem(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_token_is_refused(client):
    assert_problem(client.get(MEMBERS, headers={"Authorization": "Bearer db_nonsense"}), 401, "authentication_failed")


def test_a_revoked_token_is_refused(call, owner):
    token = ApiTokenFactory(workspace=owner.workspace, revoked_at=clock.now())

    assert_problem(call("get", MEMBERS, token=token), 401, "authentication_failed")


def test_the_token_decides_the_workspace_also_in_a_member_s_browser(owner):
    token = ApiTokenFactory()
    browser = signed_in(owner)

    response = browser.get(MEMBERS, headers={"Authorization": f"Bearer {token.secret}"})

    assert response.json()["results"] == []


@pytest.mark.parametrize(
    ("scopes", "method", "status"),
    [
        ((), "get", 200),
        (("members:read",), "get", 200),
        (("members:write",), "get", 200),
        (("contacts:write",), "get", 403),
        ((), "patch", 200),
        (("members:write",), "patch", 200),
        (("members:read",), "patch", 403),
        (("contacts:write",), "patch", 403),
    ],
)
def test_scopes_open_what_they_name(call, owner, scopes, method, status):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)
    body = {"role": "analyst"} if method == "patch" else None

    response = call(method, f"{MEMBERS}{member.pk}/", scopes=scopes, body=body)

    assert response.status_code == status
    if status == 403:
        assert "members:" in assert_problem(response, 403, "permission_denied")["detail"]


def test_a_signed_in_member_uses_the_api_by_their_session(as_owner):
    assert as_owner.get(MEMBERS).status_code == 200


def test_a_session_needs_the_csrf_token_for_writes(owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")

    response = browser.patch(f"{MEMBERS}{member.pk}/", {"role": "analyst"}, content_type="application/json")

    assert_problem(response, 403, "permission_denied")
    member.refresh_from_db()
    assert member.role == "editor"


def test_a_member_s_role_counts_in_the_api_too(as_member, owner):
    browser = as_member(Role.EDITOR)
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    assert browser.get(MEMBERS).status_code == 200
    response = browser.patch(f"{MEMBERS}{member.pk}/", {"role": "analyst"}, content_type="application/json")
    assert_problem(response, 403, "permission_denied")


def test_a_user_without_a_workspace_is_refused():
    client = Client()
    client.force_login(UserFactory(), backend="django.contrib.auth.backends.ModelBackend")

    assert_problem(client.get(MEMBERS), 403, "permission_denied")


def test_another_workspace_s_member_is_a_404_like_any_unknown_one(call):
    foreign = MembershipFactory(role=Role.EDITOR)

    for path in (f"{MEMBERS}{foreign.pk}/", f"{MEMBERS}999999999/", f"{MEMBERS}nonsense/"):
        assert_problem(call("get", path), 404, "not_found")
        assert_problem(call("patch", path, body={"role": "admin"}), 404, "not_found")
        assert_problem(call("delete", path), 404, "not_found")
    assert Membership.objects.filter(pk=foreign.pk, role="editor").exists()


def test_invalid_input_is_a_422_that_names_the_field(call, owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    problem = assert_problem(call("patch", f"{MEMBERS}{member.pk}/", body={"role": "king"}), 422, "invalid")

    assert list(problem["errors"]) == ["role"]


def test_a_body_that_is_not_json_is_a_400(owner, client):
    token = ApiTokenFactory(workspace=owner.workspace)

    response = client.patch(
        f"{MEMBERS}{owner.pk}/",
        "{",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token.secret}"},
    )

    assert_problem(response, 400, "parse_error")


def test_a_rule_of_the_domain_is_a_409_that_says_why(as_owner, owner):
    response = as_owner.delete(f"{MEMBERS}{owner.pk}/")

    assert "owner" in assert_problem(response, 409, "last_owner")["detail"]


def test_a_token_cannot_touch_owners(call, owner):
    assert_problem(call("delete", f"{MEMBERS}{owner.pk}/"), 403, "forbidden")
    assert_problem(call("patch", f"{MEMBERS}{owner.pk}/", body={"role": "editor"}), 403, "forbidden")


def test_a_member_is_taken_out_by_the_api(call, owner):
    member = MembershipFactory(workspace=owner.workspace, role=Role.EDITOR)

    assert call("delete", f"{MEMBERS}{member.pk}/").status_code == 204
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_members_are_made_by_invitation_not_by_post(call):
    assert_problem(call("post", MEMBERS, body={}), 405, "method_not_allowed")


def test_a_path_that_leads_nowhere_is_a_problem_not_a_page(client):
    assert "slash" in assert_problem(client.get("/api/v1/members"), 404, "not_found")["detail"]
    assert_problem(client.post("/api/v1/nothing/here/"), 404, "not_found")


def test_a_broken_endpoint_answers_with_a_problem(call, monkeypatch, owner):
    from team.api.viewsets import MemberViewSet

    monkeypatch.setattr(MemberViewSet, "get_queryset", lambda self: 1 / 0)
    token = ApiTokenFactory(workspace=owner.workspace)
    client = Client(raise_request_exception=False)

    response = client.get(MEMBERS, headers={"Authorization": f"Bearer {token.secret}"})

    assert_problem(response, 500, "server_error")


def test_the_root_says_who_is_asking_and_what_there_is(call, owner):
    token = ApiTokenFactory(workspace=owner.workspace, scopes=["members:read"])

    response = call("get", "/api/v1/", token=token)

    assert response.status_code == 200, response.text
    answer = response.json()

    assert (answer["workspace"], answer["actor"]) == (owner.workspace.slug, f"token:{token.pk}")
    assert answer["scopes"] == ["members:read"]
    assert answer["resources"]["members"] == "http://testserver/api/v1/members/"
    assert answer["resources"]["activities"].endswith("/api/v1/activities/")


def test_long_lists_come_in_cursor_pages(call, owner):
    for _ in range(5):
        MembershipFactory(workspace=owner.workspace)
    token = ApiTokenFactory(workspace=owner.workspace)

    seen, path = [], f"{MEMBERS}?limit=2"
    while path:
        page = call("get", path, token=token).json()
        seen += [member["id"] for member in page["results"]]
        assert len(page["results"]) <= 2
        path = page["next"]

    assert len(seen) == len(set(seen)) == 6


def test_the_last_use_of_a_token_is_written_at_most_once_a_minute(call, owner):
    token = ApiTokenFactory(workspace=owner.workspace)
    start = clock.now()

    def used_at():
        return ApiToken.objects.get(pk=token.pk).last_used_at

    with clock.simulated(start):
        call("get", MEMBERS, token=token)
    assert used_at() == start
    with clock.simulated(start + timedelta(seconds=59)):
        call("get", MEMBERS, token=token)
    assert used_at() == start
    with clock.simulated(start + timedelta(seconds=61)):
        call("get", MEMBERS, token=token)
    assert used_at() == start + timedelta(seconds=61)
    assert not AuditEntry.objects.filter(table="team_apitoken", action="UPDATE").exists()


def test_a_token_that_asks_too_often_is_told_when_to_come_back(call, owner, monkeypatch):
    from rest_framework.settings import api_settings

    monkeypatch.setitem(api_settings.DEFAULT_THROTTLE_RATES, "token", "3/min")
    token, other = ApiTokenFactory(workspace=owner.workspace), ApiTokenFactory(workspace=owner.workspace)
    start = clock.now()

    with clock.simulated(start):
        answers = [call("get", MEMBERS, token=token) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert_problem(answers[-1], 429, "throttled")
        wait = int(answers[-1].headers["Retry-After"])
        assert call("get", MEMBERS, token=other).status_code == 200
    with clock.simulated(start + timedelta(seconds=wait)):
        assert call("get", MEMBERS, token=token).status_code == 200
        assert call("get", MEMBERS, token=token).status_code == 429


def test_without_redis_the_api_still_answers(call, settings):
    import os

    from core import redis

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    try:
        assert call("get", MEMBERS).status_code == 200
    finally:
        settings.REDIS_URL = os.environ["REDIS_URL"]
        redis.client.cache_clear()


def test_no_other_site_may_read_the_api(call):
    response = call("get", MEMBERS, Origin="https://evil.example")

    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_a_call_costs_few_queries(call, owner, django_assert_max_num_queries):
    token = ApiTokenFactory(workspace=owner.workspace, last_used_at=clock.now())

    with django_assert_max_num_queries(2):
        call("get", MEMBERS, token=token)
