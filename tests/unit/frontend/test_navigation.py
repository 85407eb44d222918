"""The main navigation."""

from types import ModuleType

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, include, path

from frontend import navigation
from frontend.navigation import Entry, Link


def answer(request):
    return HttpResponse()


def app(name: str, **patterns: str) -> tuple[list[URLPattern], str]:
    return [path(route, answer, name=key) for key, route in patterns.items()], name


URLCONF = ModuleType("urlconf")
URLCONF.urlpatterns = [  # type: ignore[attr-defined]
    path("", include(app("analytics", dashboard=""))),
    path("contacts/", include(app("contacts", list="", lists="lists/", imports="imports/"))),
]
ENTRIES = (
    Entry("Dashboard", "analytics:dashboard"),
    Entry(
        "Contacts", "contacts:list", children=(Entry("Lists", "contacts:lists"), Entry("Segments", "contacts:segments"))
    ),
    Entry("Sequences", "sequences:list"),
)


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = URLCONF


def links(url: str, current: str = "") -> dict[str, Link]:
    return {link.label: link for link in navigation.build(url, current, ENTRIES)}


def test_entries_of_apps_that_are_not_there_are_left_out():
    found = links("/")
    assert list(found) == ["Dashboard", "Contacts"]
    assert [child.label for child in found["Contacts"].children] == ["Lists"]


def test_the_home_page_is_current_only_on_itself():
    assert links("/")["Dashboard"].current
    assert not links("/contacts/")["Dashboard"].current


def test_the_entry_with_the_longest_matching_url_is_current_and_its_section_open():
    section = links("/contacts/lists/7/")["Contacts"]
    assert section.open
    assert not section.current
    assert section.children[0].current


def test_a_path_that_only_starts_with_the_same_letters_does_not_match():
    assert not links("/contacts-archive/")["Contacts"].open


def test_a_view_can_name_the_current_entry():
    assert links("/somewhere/", current="contacts:list")["Contacts"].current


def test_an_entry_that_needs_something_is_for_those_who_are_allowed_it():
    entries = (Entry("Contacts", "contacts:list", children=(Entry("Imports", "contacts:imports", needs="manage"),)),)
    allowed = navigation.build("/contacts/", entries=entries, may=lambda needs: needs == "manage")
    assert [child.label for child in allowed[0].children] == ["Imports"]
    assert navigation.build("/contacts/", entries=entries)[0].children == ()
