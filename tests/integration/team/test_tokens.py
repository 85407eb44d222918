import io
import re

import pytest
from django.core.management import CommandError, call_command

from team import selectors
from team.models import ApiToken, AuditEntry, Role
from tests.factories.team import ApiTokenFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

TOKENS = "/settings/tokens/"


def create(browser, **fields):
    return browser.post(f"{TOKENS}new/", {"name": "Shop", "access": "limited", **fields})


def secret_in(text):
    return re.search(r"db_[\w-]{43}", text).group()


def test_a_new_token_is_shown_once(as_owner):
    response = create(as_owner, contacts="write")

    assert response.status_code == 201
    secret = secret_in(response.text)
    assert secret not in as_owner.get(TOKENS).text
    assert secret[:10] in as_owner.get(TOKENS).text


def test_only_the_digest_of_a_token_is_stored(as_owner, owner):
    secret = secret_in(create(as_owner, contacts="write").text)

    token = ApiToken.objects.get()
    assert (token.workspace, token.name, token.scopes) == (owner.workspace, "Shop", ["contacts:write"])
    assert token.created_by == owner.user
    entry = AuditEntry.objects.get(table="team_apitoken")
    assert entry.after is not None
    assert entry.after["digest"] == "(hidden)"
    assert secret not in str(entry.after)


def test_a_token_for_everything_takes_an_explicit_choice(as_owner):
    assert create(as_owner).status_code == 422
    assert create(as_owner, access="all", contacts="read").status_code == 201
    assert ApiToken.objects.get().scopes == []


def test_an_unknown_level_is_refused(as_owner):
    assert create(as_owner, contacts="moon").status_code == 422


def test_a_revoked_token_is_gone_from_the_page(as_owner, owner):
    token = ApiTokenFactory(workspace=owner.workspace, name="Old shop")

    assert as_owner.post(f"{TOKENS}{token.pk}/revoke/").status_code == 302

    assert "Old shop" not in as_owner.get(TOKENS).context["tokens"].values_list("name", flat=True)
    assert as_owner.post(f"{TOKENS}{token.pk}/revoke/").status_code == 404


def test_editors_do_not_see_tokens(as_member):
    browser = as_member(Role.EDITOR)

    assert [browser.get(TOKENS).status_code, create(browser, access="all").status_code] == [403, 403]
    assert not ApiToken.objects.exists()


def test_another_workspace_s_token_is_a_404(as_owner):
    token = ApiTokenFactory()

    assert as_owner.post(f"{TOKENS}{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_the_command_prints_a_token_once():
    workspace = WorkspaceFactory(slug="demo")
    out = io.StringIO()

    call_command("create_token", workspace="demo", name="CI", scopes="contacts:read,campaigns:write", stdout=out)

    token = ApiToken.objects.get(workspace=workspace)
    assert token.scopes == ["contacts:read", "campaigns:write"]
    assert selectors.active_token(out.getvalue().strip()) == token
    assert AuditEntry.objects.get(table="team_apitoken").actor == "command:create_token"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workspace": "nowhere", "name": "CI"}, "no workspace"),
        ({"workspace": "demo", "name": "CI", "scopes": "moon:write"}, "no scope"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, message):
    WorkspaceFactory(slug="demo")

    with pytest.raises(CommandError, match=message):
        call_command("create_token", **arguments)
