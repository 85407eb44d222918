"""Django admin in the product's colours, under the strict CSP."""

from collections.abc import Callable
from typing import Literal

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from tests.factories.team import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_admin_is_branded_and_accessible(
    live_server, page: Page, axe: Callable[..., list[str]], theme: Literal["light", "dark"]
):
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_role("link", name="Drumbeat")).to_be_visible()
    assert axe() == []
