"""Contacts in a real browser: the import from file to result, the list, the segment builder, accessibility."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from contacts import services
from contacts.models import Contact, Segment
from team.models import Membership, Workspace
from tests.browser.accounts import sign_in
from tests.factories.contacts import make_contacts, make_list, run_file, upload
from tests.factories.team import MembershipFactory
from tests.plugins.workers import WorkerProcess


@pytest.fixture
def owner(live_server: object) -> Membership:
    return MembershipFactory(workspace__name="Tea House")


@pytest.fixture
def workspace(owner: Membership) -> Workspace:
    return owner.workspace


@pytest.fixture
def here(page: Page, owner: Membership, live_server) -> Callable[[str], Page]:
    """Sign the owner in; return a function that opens a path."""
    sign_in(page, owner.user, live_server.url)

    def open_(path: str) -> Page:
        page.goto(f"{live_server.url}{path}")
        return page

    return open_


def test_a_file_is_uploaded_mapped_watched_and_its_result_shown(
    here: Callable[[str], Page], workspace: Workspace, worker: WorkerProcess, tmp_path: Path
) -> None:
    rows = "".join(f"person{number}@example.de;Vorname{number};{number},5\n" for number in range(30_000))
    file = tmp_path / "kunden.csv"
    file.write_bytes(f"E-Mail;Vorname;Umsatz\n{rows}kaputt;X;1\n".encode("cp1252"))
    page = here("/contacts/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1, name="kunden.csv")).to_be_visible()
    expect(page.get_by_label("Delimiter")).to_have_value(";")
    expect(page.get_by_label("Vorname goes to")).to_have_value("first_name")
    page.get_by_label("Umsatz goes to").select_option("new:number")
    page.get_by_label("Add the contacts to").select_option("new")
    page.get_by_label("Name of the new list").fill("Kunden")
    page.get_by_role("button", name="Start import").click()
    expect(page.get_by_role("progressbar").or_(page.get_by_text("The import is complete")).first).to_be_visible()
    expect(page.get_by_text("The import is complete")).to_be_visible(timeout=60_000)
    expect(page.locator(".stat", has_text="Created")).to_contain_text("30,000")
    expect(page.locator(".stat", has_text="Rejected")).to_contain_text("1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the 1 rejected row").click()
    assert "no email address" in Path(download.value.path()).read_text()
    page.get_by_role("link", name="Show the list").click()
    expect(page.get_by_text("30,000 contacts")).to_be_visible()
    assert Contact.objects.get(email_key="person2@example.de").attributes == {"umsatz": 2.5}


def test_another_encoding_shows_at_once_in_the_preview(here: Callable[[str], Page], workspace: Workspace) -> None:
    source = upload(workspace, "email,name\na@example.com,Zoë\n".encode())
    page = here(f"/contacts/imports/{source.pk}/")
    expect(page.get_by_role("cell", name="Zoë", exact=True).first).to_be_visible()
    page.get_by_label("Encoding").select_option("cp1252")
    expect(page.get_by_role("cell", name="ZoÃ«", exact=True).first).to_be_visible()
    page.get_by_label("Encoding").select_option("utf-8")
    expect(page.get_by_role("cell", name="Zoë", exact=True).first).to_be_visible()
    page.get_by_label("email goes to").select_option("")
    page.get_by_role("button", name="Start import").click()
    expect(page.get_by_text("Choose the column that holds the email address.").first).to_be_visible()


def test_contacts_are_searched_ticked_and_put_into_a_list(here: Callable[[str], Page], workspace: Workspace) -> None:
    make_contacts(workspace, 60)
    list_ = make_list(workspace, "Tea drinkers")
    page = here("/contacts/")
    expect(page.get_by_text("60 contacts")).to_be_visible()
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#rows tr")).to_have_count(60)
    page.get_by_role("searchbox").fill("person1")
    expect(page.locator("#rows tr")).to_have_count(11)
    assert "q=person1" in page.url
    add = page.get_by_role("button", name="Add to list")
    expect(add).to_be_disabled()
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-selected-count]")).to_have_text("11")
    page.get_by_label("Select person1@example.com").uncheck()
    add.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("10 selected contacts")
    expect(dialog).to_contain_text("All 11 contacts that the search finds")
    dialog.get_by_label("List").select_option("Tea drinkers")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("10 contacts were added to “Tea drinkers”.")).to_be_visible()
    assert list_.contacts.count() == 10
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 10 contacts are out of “Tea drinkers”.")).to_be_visible()
    assert list_.contacts.count() == 0


def test_a_delete_is_confirmed_with_its_number_and_cancel_does_nothing(
    here: Callable[[str], Page], workspace: Workspace
) -> None:
    make_contacts(workspace, 3)
    page = here("/contacts/")
    page.get_by_label("Select person0@example.com").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    assert Contact.objects.count() == 3
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 contact was deleted.")).to_be_visible()
    assert Contact.objects.count() == 2


def test_a_segment_is_built_by_keyboard_with_a_live_count(here: Callable[[str], Page], workspace: Workspace) -> None:
    make_contacts(workspace, 12)
    page = here("/contacts/segments/new/")
    expect(page.locator("#segment-count")).to_contain_text("12 contacts fit now")
    page.get_by_label("Name", exact=True).fill("First ones")
    page.get_by_label("What to ask about").focus()
    page.get_by_label("What to ask about").select_option("email")
    expect(page.get_by_label("What to ask about")).to_be_focused()
    page.get_by_label("How to compare").select_option("starts_with")
    page.get_by_label("Value").fill("person1")
    expect(page.locator("#segment-count")).to_contain_text("3 contacts fit now")
    expect(page.get_by_label("Value")).to_be_focused()
    page.get_by_role("button", name="Group", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("fieldset.segment-group")).to_have_count(2)
    expect(page.get_by_label("What to ask about").nth(1)).to_be_focused()
    page.get_by_label("What to ask about").nth(1).select_option("last_opened_at")
    page.get_by_label("How to compare").nth(1).select_option("never")
    expect(page.locator("#segment-count")).to_contain_text("3 contacts fit now")
    page.get_by_label("How the conditions go together").nth(1).select_option("none")
    expect(page.locator("#segment-count")).to_contain_text("0 contacts fit now")
    page.get_by_role("button", name="Remove this group").click()
    expect(page.locator("fieldset.segment-group")).to_have_count(1)
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_text("The segment “First ones” was saved.")).to_be_visible()
    expect(page.get_by_role("row", name="First ones")).to_contain_text("3")
    assert Segment.objects.get().definition["conditions"][0]["value"] == "person1"


def test_what_is_typed_while_the_builder_is_being_drawn_is_kept(
    here: Callable[[str], Page], workspace: Workspace
) -> None:
    make_contacts(workspace, 12)
    page = here("/contacts/segments/new/")
    page.get_by_label("What to ask about").select_option("email")
    page.get_by_label("How to compare").select_option("contains")
    expect(page.get_by_label("Value")).to_be_visible()
    page.route("**/segments/build/", lambda route: (page.wait_for_timeout(1000), route.continue_()))
    page.get_by_label("How to compare").select_option("starts_with")
    with page.expect_response("**/segments/build/"):
        page.get_by_label("Value").press_sequentially("person1")
    expect(page.get_by_label("Value")).to_have_value("person1")
    expect(page.get_by_label("Value")).to_be_focused()
    expect(page.locator("#segment-count")).to_contain_text("3 contacts fit now")


def test_a_wrong_value_is_told_in_the_form_and_the_rest_is_kept(
    here: Callable[[str], Page], workspace: Workspace
) -> None:
    services.create_field(workspace=workspace, label="Age", type_="number")
    page = here("/contacts/new/")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Age optional", exact=True).fill("old")
    page.get_by_role("button", name="Add contact").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.get_by_label("Email address")).to_have_value("ada@example.com")
    page.get_by_label("Age optional", exact=True).fill("36")
    page.get_by_role("button", name="Add contact").click()
    expect(page.get_by_text("ada@example.com was added.")).to_be_visible()
    assert Contact.objects.get().attributes == {"age": 36}


@pytest.fixture
def paths(workspace: Workspace) -> list[str]:
    """Every page of contacts, filled."""
    people = make_contacts(workspace, 5, company="Example Ltd")
    list_ = make_list(workspace, "Readers", people[:3])
    field = services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    definition = {
        "match": "all",
        "conditions": [
            {"field": "custom.plan", "operator": "any_of", "value": ["pro"]},
            {
                "match": "any",
                "conditions": [
                    {"field": "last_opened_at", "operator": "in_last", "value": 30},
                    {"field": "list", "operator": "in", "value": list_.pk},
                ],
            },
        ],
    }
    segment = services.create_segment(workspace=workspace, name="Active", definition=definition)
    services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=people[0].pk, detail="by the link")
    waiting = upload(workspace, b"Email,Name,Birthday\nada@example.com,Ada,1815-12-10\n")
    done = run_file(workspace, b"Email\nx@example.com\nnobody\n")
    running = services.map_import(upload(workspace, b"Email\ny@example.com\n"), mapping={"0": "email"})
    return [
        "/contacts/",
        "/contacts/?status=bounced",
        "/contacts/new/",
        f"/contacts/{people[0].pk}/",
        f"/contacts/?list={list_.pk}",
        "/contacts/lists/",
        "/contacts/lists/new/",
        "/contacts/segments/",
        f"/contacts/segments/{segment.pk}/",
        "/contacts/imports/",
        "/contacts/imports/new/",
        f"/contacts/imports/{waiting.pk}/",
        f"/contacts/imports/{done.pk}/",
        f"/contacts/imports/{running.pk}/",
        "/contacts/suppressions/",
        "/contacts/suppressions/add/",
        "/contacts/fields/",
        "/contacts/fields/new/",
        f"/contacts/fields/{field.pk}/",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(
    here: Callable[[str], Page], paths: list[str], axe: Callable[..., list[str]], theme: str
) -> None:
    page = here("/contacts/")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    faults = {}
    for path in paths:
        here(path)
        if found := axe():
            faults[path] = found
    assert faults == {}


def test_no_page_scrolls_sideways_on_a_phone(here: Callable[[str], Page], paths: list[str]) -> None:
    page = here("/contacts/")
    page.set_viewport_size({"width": 390, "height": 844})
    wide = {}
    for path in paths:
        here(path)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            wide[path] = overflow
    assert wide == {}
