"""Another workspace's things are not there: every route of the API, also those that are yet to be written."""

from collections import Counter
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from rest_framework.test import APIClient

from team.models import Workspace
from tests.factories.team import WorkspaceFactory
from tests.integration.api.routes import Route, api_routes
from tests.integration.api.world import furnish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

DETAILS = [route for route in api_routes() if route.is_detail]
LISTS = [route for route in api_routes() if route.method == "get" and route.path.count("/") == 4]
BODIES: dict[str, dict[str, Any]] = {
    "/factors/": {"dimensions": ["subject"], "levels": {"subject": ["", "Hey"]}},
    "/choose-winner/": {"variant": 1},
    "/stop-arm/": {"variant": 1},
    "/members/": {"contacts": [1]},
    "/members/remove/": {"contacts": [1]},
    "/move/": {"to": "somewhere"},
    "/people/": {"deed": "stop", "enrolments": [1]},
    "/test-run/stop/": {"run": "0123456789abcdef"},
    "/people/undo/": {"intervention": 1},
    "/restore/": {"version": 1},
    "/test/": {"to": ["ada@example.com"]},
}


def body_of(route: Route) -> dict[str, Any]:
    return next((body for ending, body in BODIES.items() if route.path.endswith("{id}" + ending)), {"name": "Mine now"})


def ask(client: APIClient, route: Route, pk: object) -> Any:
    """Send what the route takes; a test of a mailbox's connection would be a real one."""
    if route.method == "get":
        return client.get(route.at(pk))
    return getattr(client, route.method)(route.at(pk), body_of(route), format="json")


@pytest.fixture
def theirs(db: None) -> dict[str, int]:
    """The ids of everything in another workspace."""
    return furnish(WorkspaceFactory(slug="theirs"))


def state_of(names: list[str]) -> dict[str, Any]:
    """Return every row of these tables."""
    rows: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {connection.ops.quote_name(name)} t")
            rows[name] = Counter(row for (row,) in cursor.fetchall())
    return rows


def tables() -> list[str]:
    """Return the tables of all models but those that note the request itself."""
    named: list[type[models.Model]] = list(apps.get_models(include_auto_created=True))
    passing = {"team_apitoken", "django_session", "tracking_event"}
    return sorted({model._meta.db_table for model in named if model._meta.managed} - passing)


def test_an_id_of_another_workspace_is_a_404_and_changes_nothing(client: APIClient, theirs: dict[str, int]) -> None:
    before = state_of(tables())
    for route in DETAILS:
        answer = ask(client, route, theirs[route.resource])
        assert answer.status_code == 404, (str(route), answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json", str(route)
        assert answer.json()["code"] == "not_found"
        assert state_of(tables()) == before, str(route)


def test_an_id_that_nobody_can_have_is_a_404(client: APIClient) -> None:
    for route in DETAILS:
        for pk in ("0", str(2**31), str(2**63), "9" * 5000, "-1", "x", "%00", "%F0%9F%92%A9", "1%27"):
            answer = ask(client, route, pk)
            assert answer.status_code == 404, (str(route), pk[:30], answer.content)


def test_a_list_never_shows_another_workspaces_rows(
    client: APIClient, workspace: Workspace, theirs: dict[str, int]
) -> None:
    ours = furnish(workspace)
    for route in LISTS:
        answer = client.get(route.path, {"limit": 500})
        assert answer.status_code == 200, answer.content
        shown = [row["id"] for row in answer.json()["results"]]
        if route.resource == "activities":
            assert not shown
            continue
        assert ours[route.resource] in shown, str(route)
        assert theirs[route.resource] not in shown, str(route)


def test_without_a_token_there_is_no_way_in(db: None) -> None:
    for route in api_routes():
        answer = getattr(APIClient(), route.method)(route.at(1))
        assert answer.status_code == 401, str(route)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_ids_of_another_workspace_inside_a_body_are_refused(client: APIClient, theirs: dict[str, int]) -> None:
    """Where a body names other things, theirs are unknown."""
    step = {"kind": "email", "subject": "Hi", "source": "<p>Hi</p>"}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("contacts/", {"email": "new@example.org", "lists": [theirs["lists"]]}),
        ("templates/", {"name": "T", "format": "text", "source": "Hi", "category": theirs["template-categories"]}),
        ("templates/render/", {"format": "text", "source": "Hi", "contact": str(theirs["contacts"])}),
        ("campaigns/", {"name": "C", "audience": {"lists": [theirs["lists"]]}}),
        ("campaigns/", {"name": "C", "audience": {"segments": [theirs["segments"]]}}),
        ("campaigns/", {"name": "C", "audience": {"exclude": {"lists": [theirs["lists"]]}}}),
        ("campaigns/", {"name": "C", "audience": {"exclude": {"segments": [theirs["segments"]]}}}),
        ("campaigns/", {"name": "C", "mailboxes": [theirs["mailboxes"]], "steps": [step]}),
        ("campaigns/", {"name": "C", "steps": [{"kind": "email", "template": theirs["templates"]}]}),
        ("experiments/", {"campaign": theirs["campaigns"]}),
        ("segments/count/", _in_list(theirs["lists"])),
        ("segments/", {"name": "S", **_in_list(theirs["lists"])}),
    ]
    for path, body in bodies:
        answer = client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code in (404, 422), (path, body, answer.content)


def _in_list(list_id: int) -> dict[str, Any]:
    return {"definition": {"match": "all", "conditions": [{"field": "list", "operator": "is", "value": list_id}]}}
