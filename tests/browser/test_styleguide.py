"""Every component in a real browser, on the style guide: how it looks to axe and how it behaves."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.django_db(transaction=True)

Axe = Callable[..., list[str]]


@pytest.fixture
def styleguide(live_server, settings, page: Page) -> str:
    settings.DEBUG = True
    url = f"{live_server.url}/styleguide/"
    page.goto(url)
    return url


def choose_theme(page: Page, name: str) -> None:
    page.get_by_role("button", name="Colour theme").locator("visible=true").click()
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_every_component_is_accessible_in_both_themes(styleguide, page: Page, axe: Axe, theme: str):
    choose_theme(page, theme)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme.lower())
    expect(page.locator(".cm-editor")).to_be_visible()
    assert axe() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["auth", "public"])
def test_pages_without_navigation_are_accessible(styleguide, page: Page, axe: Axe, name: str, theme: str):
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.goto(f"{styleguide}layout/{name}/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
    assert axe() == []


def test_a_chosen_theme_survives_a_reload_without_a_flash(styleguide, page: Page):
    choose_theme(page, "Dark")
    page.reload(wait_until="commit")
    page.wait_for_selector("body", state="attached")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_the_automatic_theme_follows_the_system(styleguide, page: Page):
    choose_theme(page, "Like the system")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_nothing_is_wider_than_a_phone_and_the_menu_opens(styleguide, page: Page, axe: Axe):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Open menu").click()
    expect(page.locator("#sidebar")).to_be_visible()
    assert axe("#sidebar") == []
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar")).to_be_hidden()


def test_a_confirmation_focuses_cancel_and_escape_sends_nothing(styleguide, page: Page, axe: Axe):
    page.get_by_role("button", name="Launch…").click()
    dialog = page.get_by_role("dialog", name="Launch now?")
    expect(dialog).to_contain_text("4,812 people")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert axe("#confirm") == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".toast")).to_have_count(0)


def test_a_refusal_is_a_toast_that_stays(styleguide, page: Page):
    page.get_by_role("button", name="Launch…").click()
    page.get_by_role("dialog").get_by_role("button", name="Launch", exact=True).click()
    toast = page.locator(".toast-danger")
    expect(toast).to_have_text("Only a draft can be scheduled.")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_a_search_filters_the_table_and_the_back_button_undoes_it(styleguide, page: Page):
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(4)
    page.get_by_role("searchbox").fill("autumn")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(f"{styleguide}rows/?q=autumn")
    page.go_back()
    expect(rows).to_have_count(4)


def test_columns_sort_and_say_so(styleguide, page: Page):
    page.get_by_role("link", name="Sent", exact=True).click()
    expect(page.get_by_role("columnheader", name="Sent")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Sent", exact=True).click()
    expect(page.get_by_role("columnheader", name="Sent")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#rows tr").first).to_contain_text("Autumn sale")


def test_more_rows_are_appended_until_there_are_no_more(styleguide, page: Page):
    page.goto(f"{styleguide}rows/")
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#rows tr")).to_have_count(6)
    expect(page.get_by_role("link", name="Show more")).to_have_count(0)


def test_a_form_with_errors_comes_back_with_its_summary_focused(styleguide, page: Page, axe: Axe):
    form = page.locator("form[hx-post$='/form/']")
    form.get_by_label("Sender address").fill("nobody")
    form.get_by_role("button", name="Save").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Enter a valid email address.")
    sender = form.get_by_label("Sender address")
    expect(sender).to_have_attribute("aria-invalid", "true")
    expect(sender).to_have_attribute("aria-describedby", "id_sender_error")
    assert axe() == []


def test_a_saved_form_says_so(styleguide, page: Page):
    form = page.locator("form[hx-post$='/form/']")
    form.get_by_label("Name").fill("Autumn")
    form.get_by_label("Sender address").fill("ada@example.com")
    form.get_by_label("I have permission").check()
    form.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_have_text("Saved Autumn.")


def test_progress_is_polled_until_it_is_done(styleguide, page: Page):
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/progress/" in request.url else None)
    expect(page.get_by_text("12,000 of 12,000")).to_be_visible(timeout=15_000)
    count = len(requests)
    page.wait_for_timeout(2_500)
    assert len(requests) == count == 3


def test_changes_save_themselves_and_a_stale_one_stops(styleguide, page: Page):
    state = page.locator("[data-autosave-state]")
    name = page.locator("#auto-name")
    name.fill("Winter sale")
    expect(state).to_have_text("Saved")
    expect(page.locator("#autosaved [name=version]")).to_have_value("2")
    name.fill("")
    expect(page.locator("[data-error-for=name]")).to_have_text("Write a name.")
    expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("stale")
    expect(state).to_contain_text("Changed by someone else")
    expect(page.locator(".toast-danger")).to_have_text("Grace saved this a minute ago.")


def order(page: Page) -> list[str]:
    ids: list[str] = page.locator("[data-sortable] > li").evaluate_all("items => items.map(item => item.dataset.id)")
    return ids


def test_a_list_is_reordered_by_keyboard(styleguide, page: Page):
    page.get_by_role("button", name="Move Wait 2 days").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".toast-text")).to_have_text("Order saved.")
    assert order(page) == ["wait", "welcome", "nudge", "exit"]
    expect(page.get_by_role("button", name="Move Wait 2 days")).to_be_focused()


def test_a_refused_order_is_put_back(styleguide, page: Page):
    for _ in range(3):
        with page.expect_response("**/order/"):
            page.get_by_role("button", name="Move Exit").press("Alt+ArrowUp")
    expect(page.locator(".toast-danger")).to_contain_text("can't start with its exit")
    assert order(page) == ["welcome", "exit", "wait", "nudge"]


def test_quick_moves_are_saved_as_the_order_they_end_in(styleguide, page: Page):
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if "/order/" in request.url else None)
    final = "order=welcome&order=exit&order=wait&order=nudge"
    with page.expect_response(lambda response: (response.request.post_data or "").startswith(final)):
        for _ in range(2):
            page.get_by_role("button", name="Move Exit").press("Alt+ArrowUp")
    expect(page.locator(".toast-text").last).to_have_text("Order saved.")
    assert order(page) == ["welcome", "exit", "wait", "nudge"]
    assert sent[-1].startswith(final)


def centre(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_list_is_reordered_by_dragging(styleguide, page: Page):
    grip = page.locator("[data-sortable] [data-id=nudge] .sortable-handle")
    grip.scroll_into_view_if_needed()
    page.locator("[data-sortable] [data-id=welcome]").scroll_into_view_if_needed()
    start, goal = centre(grip), centre(page.locator("[data-sortable] [data-id=welcome] .sortable-handle"))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0], start[1] - 8, steps=4)
    expect(page.locator(".sortable-drag")).to_be_visible()
    page.mouse.move(goal[0], goal[1] - 8, steps=12)
    expect(page.locator("[data-sortable] > li:not(.sortable-drag)").first).to_have_attribute("data-id", "nudge")
    page.mouse.up()
    expect(page.locator(".toast-text")).to_have_text("Order saved.")
    assert order(page)[:2] == ["nudge", "welcome"]


def test_the_editor_marks_the_servers_findings_and_leads_to_them(styleguide, page: Page):
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    page.get_by_role("link", name="Line 5: unknown filter").click()
    expect(page.locator(".cm-activeLineGutter").first).to_have_text("5")


def test_the_editor_completes_merge_fields_and_fills_the_field(styleguide, page: Page):
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("{{ comp")
    option = page.locator(".cm-tooltip-autocomplete li", has_text="company")
    expect(option).to_be_visible()
    option.click()
    assert page.locator("#id_source").input_value().startswith("{{ company")


def test_a_merge_field_button_inserts_at_the_caret(styleguide, page: Page):
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.get_by_role("button", name="First name").click()
    assert page.locator("#id_source").input_value().startswith("{{ firstName }}<mjml>")


def test_a_remote_dialog_opens_and_closes_when_its_form_is_done(styleguide, page: Page, axe: Axe):
    page.get_by_role("button", name="Remote dialog…").click()
    dialog = page.get_by_role("dialog", name="Rename list")
    expect(dialog.get_by_label("Name")).to_be_focused()
    assert axe("#modal") == []
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".toast")).to_have_text("List renamed.")


def test_shortcuts_work_and_are_listed(styleguide, page: Page):
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("?")
    expect(page.get_by_role("searchbox")).to_have_value("?")
    page.get_by_role("searchbox").blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("New campaign")


def test_a_chart_has_its_numbers_as_a_table(styleguide, page: Page):
    page.get_by_text("Show the numbers").first.click()
    table = page.get_by_role("region", name="Daily sends")
    expect(table.get_by_role("columnheader")).to_have_text(["Sent", "Opens", "Replies"])
    expect(table.get_by_role("row")).to_have_count(25)


def test_times_are_relative_with_the_absolute_time_in_the_tooltip(styleguide, page: Page):
    time = page.locator("time[data-relative]").first
    expect(time).to_have_attribute("title", "Tue 24 Nov 2026, 08:12:00 UTC")
    assert "2026" not in time.inner_text()


def test_the_style_guide_is_not_there_outside_of_debug(live_server, page: Page):
    response = page.goto(f"{live_server.url}/styleguide/")
    assert response
    assert response.status == 404
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_error_page_is_accessible(live_server, page: Page, axe: Axe, theme: Literal["light", "dark"]):
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/nowhere/")
    assert axe() == []
