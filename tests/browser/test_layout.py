"""The frame of every page, as a member sees it."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from team.models import Membership
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

Axe = Callable[..., list[str]]


@pytest.fixture
def member(live_server, page: Page) -> Membership:
    membership: Membership = MembershipFactory.create(workspace__name="Acme")
    MembershipFactory.create(user=membership.user, workspace__name="Northwind")
    client = Client()
    client.force_login(membership.user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.goto(f"{live_server.url}/settings/members/")
    return membership


def test_the_navigation_shows_where_one_is(member, page: Page):
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Team")).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("menu", ["Workspace: Acme", "Account:"])
def test_open_menus_are_accessible(member, page: Page, axe: Axe, menu: str):
    page.get_by_role("button", name=menu).click()
    expect(page.locator("#sidebar .dropdown-menu.show")).to_be_visible()
    assert axe("#sidebar .dropdown-menu.show") == []


def test_a_member_switches_the_workspace(member, live_server, page: Page):
    page.get_by_role("button", name="Workspace: Acme").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Northwind").click()
    page.goto(f"{live_server.url}/settings/")
    expect(page.get_by_role("button", name="Workspace: Northwind")).to_be_visible()


def test_the_first_tab_stop_skips_the_navigation(member, page: Page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_signing_out_ends_at_the_sign_in_page(member, page: Page):
    page.get_by_role("button", name="Account:").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
