"""The template editor in a real browser: typing, preview, errors in place, saving, a conflict, images, keyboard."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Dialog, Page, expect

from team.models import Membership
from templates_lib.models import Template
from tests.factories.team import MembershipFactory
from tests.factories.templates_lib import MJML, make_asset, make_contact, make_template, save
from tests.plugins.browser import settle

pytestmark = pytest.mark.django_db(transaction=True)

Axe = Callable[..., list[str]]


@pytest.fixture
def member(live_server, page: Page) -> Membership:
    """An owner who is signed in to the browser."""
    member: Membership = MembershipFactory(user__first_name="Ada", user__last_name="Owner")  # type: ignore[assignment]
    client = Client()
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    return member


@pytest.fixture
def template(member: Membership, live_server, page: Page) -> Template:
    """A template, open in the editor."""
    template = make_template(member.workspace, format="mjml", source=MJML)
    page.goto(f"{live_server.url}/templates/{template.pk}/")
    expect(page.locator("#preview-result .preview-verdict")).to_be_visible()
    expect(page.locator(".cm-content").first).to_be_visible()
    return template


def source(page: Page):
    return page.get_by_role("textbox", name="Source")


def preview(page: Page):
    return page.frame_locator("iframe.preview-frame:not([hidden])")


def type_at(page: Page, text: str, typed: str) -> None:
    """Put the caret after a text of the source and type."""
    page.evaluate(
        """([text]) => {
            const area = document.getElementById("id_source");
            const lines = area.value.slice(0, area.value.indexOf(text) + text.length).split("\\n");
            const detail = { line: lines.length, column: lines.at(-1).length + 1 };
            area.dispatchEvent(new CustomEvent("editor-goto", { detail }));
        }""",
        [text],
    )
    page.keyboard.type(typed)


def test_typing_shows_the_mail_a_moment_later(template: Template, page: Page):
    expect(preview(page).get_by_text("Hello Ada")).to_be_visible()
    type_at(page, "Hello", " dear")
    expect(preview(page).get_by_text("Hello dear Ada")).to_be_visible()
    page.get_by_label("Subject", exact=True).fill("Good day, {{ firstName }}")
    expect(page.locator(".preview-subject")).to_have_text("Good day, Ada")


def test_an_error_is_marked_at_its_line_and_leads_there(template: Template, page: Page):
    type_at(page, "{{ firstName", " | nofilter")
    problem = page.locator(".preview-list li").first
    expect(problem).to_contain_text("There is no filter “nofilter”")
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(page.locator(".cm-lintRange-error")).to_have_text("nofilter")
    expect(preview(page).get_by_text("Hello Ada")).to_be_visible()
    source(page).press("Control+Home")
    problem.get_by_role("link", name="Line 2:").click()
    page.keyboard.type("#")
    assert "| #nofilter" in page.locator("#id_source").input_value()


def test_saving_by_keyboard_makes_a_version_and_clears_the_guard(template: Template, page: Page):
    dialogs: list[Dialog] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.accept()))
    type_at(page, "Hello", " dear")
    page.keyboard.press("Control+s")
    expect(page.locator(".toast")).to_contain_text("Saved as version 2")
    expect(page.locator(".editor-version")).to_contain_text("Version 2")
    template.refresh_from_db()
    assert template.current_version is not None
    assert "Hello dear" in template.current_version.source
    type_at(page, "Hello", " very")
    page.keyboard.press("Control+s")
    expect(page.locator(".editor-version")).to_contain_text("Version 3")
    page.get_by_role("link", name="Templates", exact=True).first.click()
    expect(page.get_by_role("heading", name="Templates")).to_be_visible()
    assert dialogs == []


def test_leaving_with_unsaved_changes_asks(template: Template, page: Page):
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.accept()))
    type_at(page, "Hello", " dear")
    page.get_by_role("link", name="Templates", exact=True).first.click()
    expect(page.get_by_role("heading", name="Templates", exact=True)).to_be_visible()
    assert dialogs == ["beforeunload"]


def test_a_broken_mail_is_not_saved_and_nothing_is_lost(template: Template, page: Page):
    type_at(page, "<mj-text>", "{% if firstName %}")
    page.get_by_role("button", name="Save").click()
    summary = page.get_by_role("alert").filter(has_text="Not saved")
    expect(summary).to_contain_text("{% if %} is never closed by {% endif %}")
    expect(summary).to_be_focused()
    assert "{% if firstName %}" in page.locator("#id_source").input_value()
    assert template.versions.count() == 1


def test_a_conflict_shows_who_changed_what_and_saves_on_top(
    template: Template, member: Membership, page: Page, axe: Axe
):
    other = MembershipFactory(workspace=member.workspace, user__first_name="Grace", user__last_name="Hopper")
    type_at(page, "Hello", " dear")
    save(template, by=other, subject="Theirs")  # type: ignore[arg-type]
    page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("alert").filter(has_text="Grace Hopper saved version 2")
    expect(conflict).to_be_focused()
    expect(conflict.get_by_text("Theirs").first).to_be_visible()
    assert "Hello dear" in page.locator("#id_source").input_value()
    assert axe() == []
    page.get_by_role("button", name="Save mine on top").click()
    expect(page.locator(".editor-version")).to_contain_text("Version 3")
    template.refresh_from_db()
    assert template.current_version is not None
    assert "Hello dear" in template.current_version.source


def test_the_mail_is_shown_as_a_contact_on_a_phone_in_the_dark_and_as_text(
    template: Template, member: Membership, page: Page
):
    make_contact(member.workspace)
    page.reload()
    page.get_by_label("Preview as", exact=True).select_option(label="Grace Hopper <grace@example.com>")
    expect(preview(page).get_by_text("Hello Grace")).to_be_visible()
    page.get_by_role("button", name="Phone").click()
    box = page.locator("iframe.preview-frame:not([hidden])").bounding_box()
    assert box is not None
    assert box["width"] == 375
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("iframe.preview-frame:not([hidden])")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('iframe.preview-frame')].some(f => !f.hidden && f.contentWindow.location.search === '?dark=1')"
    )
    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.get_by_label("Plain text part").locator("visible=true")).to_contain_text("Hello Grace")


def test_contacts_are_found_by_typing(template: Template, member: Membership, page: Page):
    for number in range(25):
        make_contact(member.workspace, f"someone{number}@example.com", first_name=f"Some{number}")
    page.get_by_label("Find a contact to preview as").press_sequentially("some7")
    chooser = page.get_by_label("Preview as", exact=True)
    expect(chooser.locator("option")).to_have_text(["Some7 Hopper <someone7@example.com>"])


def test_a_merge_field_goes_in_at_the_caret(template: Template, page: Page):
    page.get_by_label("Subject", exact=True).fill("Hi !")
    page.get_by_label("Subject", exact=True).press("ArrowLeft")
    page.get_by_role("button", name="Insert a merge field into the subject").click()
    page.get_by_role("button", name="First name firstName").locator("visible=true").click()
    expect(page.get_by_label("Subject", exact=True)).to_have_value("Hi {{ firstName }}!")
    type_at(page, "Hello", " ")
    page.get_by_role("button", name="Insert a merge field into the source").click()
    page.get_by_role("button", name="Company company").locator("visible=true").click()
    assert "Hello {{ company }} {{ firstName }}" in page.locator("#id_source").input_value()


def test_merge_fields_are_offered_while_typing(template: Template, page: Page):
    type_at(page, "Hello", " {{ fir")
    option = page.locator(".cm-tooltip-autocomplete li").filter(has_text="firstName")
    expect(option).to_be_visible()
    option.click()
    assert "{{ firstName" in page.locator("#id_source").input_value()


def test_an_image_is_picked_and_shown(template: Template, member: Membership, page: Page):
    make_asset(member.workspace)
    type_at(page, "<mj-column>", "\n")
    page.get_by_role("button", name="Image").click()
    page.get_by_role("button", name="logo.png").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert re.search(
        r'<mj-image src="http[^"]+/assets/[^"]+/logo.png" alt="" />', page.locator("#id_source").input_value()
    )


def test_the_plain_text_part_can_be_written(template: Template, page: Page):
    page.get_by_role("button", name="Plain text").click()
    page.get_by_role("textbox", name="Plain text part").click()
    page.keyboard.type("My own words {{ firstName }}")
    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.locator(".preview-text")).to_have_text("My own words Ada")


def test_no_script_of_a_mail_ever_runs(member: Membership, live_server, page: Page):
    evil = '<p id="x">Hi</p><script>top.document.title = "owned"</script><img src="data:," onerror="top.document.title=\'owned\'" alt="">'
    template = make_template(member.workspace, source=evil)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(f"{live_server.url}/templates/{template.pk}/preview/")
    expect(page.get_by_text("Hi")).to_be_visible()
    assert page.title() != "owned"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_accessible(
    template: Template, member: Membership, live_server, page: Page, axe: Axe, theme: str, width: int
):
    make_asset(member.workspace)
    save(template, by=member, subject="Second")
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for path in ("", f"{template.pk}/", f"{template.pk}/history/", "images/", "new/"):
        page.goto(f"{live_server.url}/templates/{path}")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        if path == f"{template.pk}/":
            expect(page.locator(".preview-verdict")).to_be_visible()
        assert axe() == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"


def test_the_library_filters_archives_and_brings_back(template: Template, member: Membership, live_server, page: Page):
    make_template(member.workspace, name="Spring news")
    page.goto(f"{live_server.url}/templates/")
    page.get_by_placeholder("Search templates").press_sequentially("spring")
    expect(page.get_by_role("link", name="Welcome")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"q=spring$"))
    settle(page)
    card = page.locator("#template-cards .template-card").filter(has_text="Spring news")
    card.get_by_role("button", name="Actions for Spring news").click()
    card.get_by_role("button", name="Archive").click()
    expect(page.locator(".toast")).to_contain_text("Spring news is archived")
    expect(page.locator("#template-cards")).to_have_count(0)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Spring news")).to_be_visible()


def test_categories_are_kept_in_a_dialog(template: Template, live_server, page: Page):
    page.goto(f"{live_server.url}/templates/")
    page.get_by_role("button", name="Categories").click()
    page.get_by_label("Name", exact=True).fill("News")
    page.get_by_role("button", name="Add category").click()
    expect(page.get_by_label("Name of the category News")).to_be_visible()
