"""Accounts, members, tokens, the trail and the API's documentation in a real browser."""

import os
import re
from pathlib import Path

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from core import clock
from team import services
from team.models import ApiToken, Membership, Role, User
from tests.browser.accounts import sign_in
from tests.factories.team import PASSWORD, ApiTokenFactory, MembershipFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("eager_tasks")]

SCREENSHOTS = os.environ.get("SCREENSHOTS")
THEMES = ["light", "dark"]


@pytest.fixture
def site(live_server, settings) -> str:
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    return str(live_server.url)


@pytest.fixture
def owner(site) -> Membership:
    """The owner of a workspace in which there is something to see."""
    owner = MembershipFactory(
        workspace__name="Tea House", user__email="ada@example.com", user__first_name="Ada", user__last_name="Lovelace"
    )
    workspace = owner.workspace
    with services.acting_as(f"user:{owner.user_id}"):
        MembershipFactory(workspace=workspace, role=Role.EDITOR, user__first_name="Grace", user__last_name="Hopper")
        services.invite_member(workspace=workspace, email="bob@example.com", role=Role.ANALYST, by=owner)
        ApiTokenFactory(
            workspace=workspace, name="Shop", scopes=["contacts:write", "events:write"], created_by=owner.user
        )
        services.update_workspace(workspace, company="Tea House Ltd", time_zone="Europe/London")
    mail.outbox.clear()
    return owner


def open_page(page: Page, site: str, path: str, theme: str = "light") -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(f"{site}{path}")
    if SCREENSHOTS:
        name = path.strip("/").replace("/", "-") or "root"
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{theme}.png", full_page=True)


def violations(page: Page, site: str, axe, paths: list[str]) -> dict[str, list[str]]:
    """Return what axe finds on each page in each theme, where it finds something."""
    found = {(path, theme): (open_page(page, site, path, theme), axe())[1] for path in paths for theme in THEMES}
    return {f"{path} {theme}": faults for (path, theme), faults in found.items() if faults}


def test_every_page_of_a_member_is_accessible_in_both_themes(page: Page, site, owner, axe):
    sign_in(page, owner.user, site)
    paths = ["/profile/", "/profile/password/", "/workspaces/new/", "/settings/", "/settings/members/"]
    paths += ["/settings/tokens/", "/settings/tokens/new/", "/settings/audit/"]

    assert violations(page, site, axe, paths) == {}


def test_every_page_of_a_stranger_is_accessible_in_both_themes(page: Page, site, owner, axe):
    invitation = services.invitation_link(owner.workspace.invitations.get()).removeprefix(site)
    paths = ["/login/", "/password/", "/password/x/y/", "/invitations/nonsense/", invitation]

    assert violations(page, site, axe, paths) == {}


def test_the_setup_page_is_accessible_in_both_themes(page: Page, site, axe):
    assert violations(page, site, axe, ["/setup/"]) == {}


def test_a_fresh_installation_is_set_up_in_the_browser(page: Page, site):
    page.goto(f"{site}/login/")
    expect(page).to_have_url(f"{site}/setup/")
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Last name").fill("Lovelace")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Workspace").fill("Tea House")
    page.get_by_label("Time zone").select_option("Europe/London")
    page.get_by_role("button", name="Create my account").click()
    page.wait_for_url(re.compile(r"(?<!/setup/)$"))

    assert User.objects.get().memberships.get().workspace.name == "Tea House"
    page.goto(f"{site}/settings/")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()


def test_a_wrong_password_is_said_and_focused(page: Page, site, axe):
    UserFactory(email="ada@example.com")
    page.goto(f"{site}/login/")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("don’t go together")
    assert axe() == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"(?<!/login/)$"))


def test_a_member_is_invited_and_joins(page: Page, site, owner, browser):
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/members/")
    page.get_by_label("Email address").fill("grace@example.org")
    page.get_by_label("Role").select_option("Approver")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("An invitation is on its way to grace@example.org")).to_be_visible()

    link = re.search(r"http://\S+", mail.outbox[0].body)
    newcomer = browser.new_context().new_page()
    newcomer.goto(link.group())
    expect(newcomer.get_by_role("heading", name="Join Tea House")).to_be_visible()
    newcomer.get_by_label("First name").fill("Grace")
    newcomer.get_by_label("Last name").fill("Kelly")
    newcomer.get_by_label("Password").fill(PASSWORD)
    newcomer.get_by_role("button", name="Create account and join").click()
    newcomer.wait_for_url(re.compile(r"^(?!.*invitations).*$"))
    newcomer.goto(f"{site}/settings/members/")
    expect(newcomer.get_by_role("row", name=re.compile("Grace Kelly.*Approver"))).to_be_visible()
    newcomer.context.close()


def test_a_role_is_changed_and_a_member_removed(page: Page, site, owner):
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/members/")
    row = page.get_by_role("row", name=re.compile("Grace Hopper"))
    row.get_by_role("button", name="Actions for").click()
    page.get_by_role("button", name="Make admin").locator("visible=true").click()
    expect(page.get_by_role("row", name=re.compile("Grace Hopper.*Admin"))).to_be_visible()

    row.get_by_role("button", name="Actions for").click()
    page.get_by_role("button", name="Remove from workspace").locator("visible=true").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Remove Grace Hopper from Tea House?")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Grace Hopper is no longer a member.")).to_be_visible()
    assert owner.workspace.memberships.count() == 1


def test_a_token_is_made_copied_and_used(page: Page, site, owner, axe):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/tokens/new/")
    page.get_by_label("Name").fill("CRM sync")
    page.get_by_label("Members", exact=True).select_option("Read")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("heading", name="Your new API token")).to_be_visible()
    assert axe() == []
    page.get_by_role("button", name="Copy API token").click()
    secret = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"db_[\w-]{43}", secret)

    answer = page.request.get(f"{site}/api/v1/members/", headers={"Authorization": f"Bearer {secret}"})
    assert "ada@example.com" in [member["email"] for member in answer.json()["results"]]

    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Revoke CRM sync").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The token “CRM sync” no longer works.")).to_be_visible()
    revoked_at = ApiToken.objects.get(name="CRM sync").revoked_at
    assert revoked_at is not None
    assert revoked_at <= clock.now()


def test_the_trail_is_filtered_without_leaving_the_page(page: Page, site, owner):
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/audit/")
    expect(page.locator("#trail tbody tr")).not_to_have_count(1)

    page.get_by_label("Change").select_option("Changed")

    expect(page.locator("#trail tbody tr")).to_have_count(1)
    expect(page.locator("#trail")).to_contain_text("Tea House Ltd")
    expect(page).to_have_url(re.compile("action=UPDATE"))
    page.go_back()
    expect(page.locator("#trail tbody tr")).not_to_have_count(1)


def test_unsaved_settings_with_an_error_say_so(page: Page, site, owner, axe):
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/")
    page.get_by_label("Language").fill("not a language")
    page.get_by_role("button", name="Save settings").click()

    expect(page.get_by_role("alert")).to_contain_text("language tag")
    assert axe() == []


def test_the_workspace_is_switched_from_the_sidebar(page: Page, site, owner):
    MembershipFactory(user=owner.user, workspace__name="Zoo")
    sign_in(page, owner.user, site)
    page.goto(f"{site}/settings/")
    page.get_by_role("button", name="Workspace: Tea House").click()
    page.get_by_role("button", name="Zoo").click()
    page.goto(f"{site}/settings/")

    expect(page.get_by_role("button", name="Workspace: Zoo")).to_be_visible()


def test_the_pages_fit_a_phone(page: Page, site, owner):
    sign_in(page, owner.user, site)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/settings/", "/settings/members/", "/settings/tokens/", "/settings/audit/", "/profile/"):
        page.goto(f"{site}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize("theme", THEMES)
def test_the_api_s_documentation_draws_itself_under_the_strict_policy(page: Page, site, axe, theme):
    open_page(page, site, "/api/docs/", theme)

    expect(page.get_by_role("heading", name=re.compile("Drumbeat API"))).to_be_visible(timeout=20_000)
    page.locator("#operations-tag-members").click()
    page.locator("#operations-members-members_list .opblock-summary").click()
    expect(page.locator("#operations-members-members_list .opblock-body")).to_be_visible()
    assert axe() == []
