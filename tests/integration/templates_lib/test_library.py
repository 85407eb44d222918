"""The library's pages: cards, starters, new, details, categories, archive, files."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from team.models import AuditEntry, Role
from templates_lib import services
from templates_lib.models import Category, Template
from tests.factories.team import MembershipFactory
from tests.factories.templates_lib import MJML, SOURCE, make_template, save
from tests.integration.templates_lib.conftest import signed_in

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def test_an_empty_library_teaches_and_offers_the_starters(browser):
    page = browser.get("/templates/").text
    assert "Your first template" in page
    for name in ("Newsletter", "Product announcement", "Personal note"):
        assert f"Use {name}" in page
    assert not Template.objects.exists()


def test_a_starter_is_copied_when_it_is_used_and_opens_in_the_editor(browser, workspace):
    response = browser.post("/templates/starters/newsletter/use/")
    template = Template.objects.get(workspace=workspace)
    assert response.headers["Location"] == f"/templates/{template.pk}/"
    assert (template.name, template.current_version.number) == ("Newsletter", 1)
    browser.post("/templates/starters/newsletter/use/")
    assert Template.objects.filter(workspace=workspace, name="Newsletter 2").exists()


def test_an_unknown_starter_is_refused(browser):
    assert browser.post("/templates/starters/nothing/use/").status_code == 422


def test_all_starters_can_be_added_at_once(workspace):
    make_template(workspace, name="Newsletter")
    assert [template.name for template in services.add_starters(workspace)] == ["Product announcement", "Personal note"]
    assert services.add_starters(workspace) == []


@pytest.mark.parametrize("slug", ["newsletter", "announcement", "note"])
def test_the_starters_have_nothing_to_complain_about(browser, workspace, slug):
    from templates_lib.previews import lint
    from templates_lib.starters import STARTERS

    assert lint(STARTERS[slug].content, workspace) == []
    page = browser.get(f"/templates/starters/{slug}/preview/")
    assert page.status_code == 200
    assert workspace.postal_address in page.text
    assert "/u/preview" in page.text
    assert "prefers-color-scheme: dark" in page.text


def test_cards_are_found_by_words_and_category(browser, workspace):
    news = services.create_category(workspace=workspace, name="News")
    make_template(workspace, name="Spring news", category=news)
    make_template(workspace, name="Welcome", subject="Glad you came")
    assert "Welcome" not in browser.get("/templates/?q=spring", headers=HTMX).text
    assert "Welcome" in browser.get("/templates/?q=glad+came", headers=HTMX).text
    page = browser.get(f"/templates/?category={news.pk}", headers=HTMX).text
    assert "Spring news" in page
    assert "Welcome" not in page
    assert "Spring news" not in browser.get("/templates/?category=none", headers=HTMX).text
    assert "No template fits" in browser.get("/templates/?q=%00zzz", headers=HTMX).text


def test_cards_come_in_pages(browser, workspace):
    for number in range(26):
        make_template(workspace, name=f"Template {number}")
    page = browser.get("/templates/").text
    assert page.count('class="template-thumb"') == 24 + 3
    assert "cursor=" in page


@pytest.mark.parametrize("format_", ["mjml", "html", "text"])
def test_a_template_is_made_from_nothing(browser, workspace, format_):
    response = browser.post("/templates/new/", {"name": "Mine", "format": format_}, headers=HTMX)
    template = Template.objects.get(workspace=workspace)
    assert response.headers["HX-Redirect"] == f"/templates/{template.pk}/"
    assert template.current_version.format == format_


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "Welcome"])
def test_a_name_that_is_empty_long_or_taken_is_refused(browser, workspace, name):
    make_template(workspace)
    response = browser.post("/templates/new/", {"name": name, "format": "mjml"}, headers=HTMX)
    assert response.status_code == 422
    assert Template.objects.count() == 1


def test_the_name_of_an_archived_template_is_taken_and_said_to_be(browser, workspace):
    services.archive_template(make_template(workspace))
    response = browser.post("/templates/new/", {"name": "Welcome", "format": "mjml"}, headers=HTMX)
    assert "archived template" in response.text


def test_name_category_and_description_are_changed_in_a_dialog(browser, workspace):
    template, category = make_template(workspace), services.create_category(workspace=workspace, name="News")
    assert "Welcome" in browser.get(f"/templates/{template.pk}/details/", headers=HTMX).text
    body = {"name": "Hello", "category": category.pk, "description": "For new people"}
    body["next"] = f"/templates/{template.pk}/"
    response = browser.post(f"/templates/{template.pk}/details/", body, headers=HTMX)
    template.refresh_from_db()
    assert (template.name, template.category, template.description) == ("Hello", category, "For new people")
    assert response.headers["HX-Redirect"] == f"/templates/{template.pk}/"
    assert template.current_version.number == 1


def test_nobody_is_sent_to_another_site_after_a_dialog(browser, workspace):
    template = make_template(workspace)
    for address in ("https://evil.example/", "//evil.example", "/templates/\\evil", "javascript:x"):
        response = browser.post(f"/templates/{template.pk}/details/", {"name": "Hello", "next": address}, headers=HTMX)
        assert response.headers["HX-Redirect"] == "/templates/"


def test_a_duplicate_stands_beside_the_original(browser, workspace):
    template = make_template(workspace)
    browser.post(f"/templates/{template.pk}/duplicate/")
    copy = Template.objects.exclude(pk=template.pk).get()
    assert copy.name == "Welcome (copy)"
    assert copy.current_version.source == SOURCE
    assert copy.current_version.number == 1


def test_archiving_can_be_undone(browser, workspace):
    template = make_template(workspace)
    response = browser.post(f"/templates/{template.pk}/archive/", headers=HTMX)
    undo = json.loads(response.headers["HX-Trigger"])["toast"]["items"][0]["undo_url"]
    assert "Welcome" not in browser.get("/templates/", headers=HTMX).text
    assert "Welcome" in browser.get("/templates/?archived=1", headers=HTMX).text
    browser.post(undo, headers=HTMX)
    assert "Welcome" in browser.get("/templates/", headers=HTMX).text


def test_categories_are_added_renamed_and_deleted(browser, workspace):
    assert "News" in browser.post("/templates/categories/", {"name": " News "}, headers=HTMX).text
    category = Category.objects.get()
    make_template(workspace, category=category)
    assert browser.post("/templates/categories/", {"name": "news"}, headers=HTMX).status_code == 422
    browser.post(f"/templates/categories/{category.pk}/rename/", {"name": "Newsletters"}, headers=HTMX)
    category.refresh_from_db()
    assert category.name == "Newsletters"
    browser.post(f"/templates/categories/{category.pk}/delete/", headers=HTMX)
    assert Template.objects.get().category is None


def test_a_template_survives_export_and_import(browser, workspace):
    template = make_template(workspace, preheader="Pre", text_source="Own text", description="About")
    exported = browser.get(f"/templates/{template.pk}/export/")
    assert 'filename="welcome.json"' in exported.headers["Content-Disposition"]
    browser.post("/templates/import/", {"file": SimpleUploadedFile("welcome.json", exported.content)})
    copy = Template.objects.exclude(pk=template.pk).get()
    assert copy.name == "Welcome 2"
    assert copy.description == "About"
    for field in ("format", "subject", "preheader", "source", "text_source"):
        assert getattr(copy.current_version, field) == getattr(template.current_version, field)


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("spring_news.mjml", MJML, "mjml"),
        ("a.HTML", SOURCE, "html"),
        ("b.txt", "Hi {{ firstName }}", "text"),
        ("c.html", MJML, "mjml"),
    ],
)
def test_a_bare_source_is_imported(browser, workspace, name, data, format_):
    browser.post("/templates/import/", {"file": SimpleUploadedFile(name, b"\xef\xbb\xbf" + data.encode())})
    version = Template.objects.get().current_version
    assert (version.format, version.source) == (format_, data)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.html", "Grüße".encode("latin-1"), "UTF-8"),
        ("a.json", b"{", "valid JSON"),
        ("a.json", b"[" * 100_000, "valid JSON"),
        ("a.json", b'{"kind": "other"}', "exported"),
        ("a.json", b'{"kind": "drumbeat-template", "format": "mjml", "source": 5}', "source"),
        ("a.pdf", b"x", ".mjml"),
        ("a.mjml", b"<mjml><mj-body><mj-sectoin/></mj-body></mjml>", "line 1, column 16"),
        ("a.html", b"x" * 2_000_001, "at most 2 MB"),
        ("a.html", b"", "empty"),
    ],
)
def test_a_file_that_holds_no_template_is_refused_with_the_reason(browser, name, data, message):
    response = browser.post("/templates/import/", {"file": SimpleUploadedFile(name, data)}, headers=HTMX)
    assert response.status_code == 422
    assert message in response.text
    assert not Template.objects.exists()


def test_every_change_is_in_the_audit_trail(browser, workspace, member):
    browser.post("/templates/starters/note/use/")
    entries = AuditEntry.objects.filter(workspace_id=workspace.pk, table__startswith="templates_lib")
    assert {entry.table for entry in entries} == {"templates_lib_template", "templates_lib_templateversion"}
    assert {entry.actor for entry in entries} == {f"user:{member.user_id}"}
    assert not any("source" in (entry.after or {}) for entry in entries)


PAGES = [
    ("get", "/templates/{id}/"),
    ("post", "/templates/{id}/"),
    ("get", "/templates/{id}/preview/"),
    ("get", "/templates/{id}/details/"),
    ("post", "/templates/{id}/details/"),
    ("get", "/templates/{id}/history/"),
    ("get", "/templates/{id}/export/"),
    ("post", "/templates/{id}/duplicate/"),
    ("post", "/templates/{id}/archive/"),
    ("post", "/templates/{id}/unarchive/"),
    ("post", "/templates/{id}/versions/1/restore/"),
    ("post", "/templates/categories/{category}/rename/"),
    ("post", "/templates/categories/{category}/delete/"),
    ("post", "/templates/images/{asset}/delete/"),
]


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_what_another_workspace_has_is_not_there(browser, method, path):
    from tests.factories.templates_lib import make_asset

    other = MembershipFactory().workspace
    ids = {
        "id": make_template(other, name="Secret").pk,
        "category": services.create_category(workspace=other, name="Theirs").pk,
        "asset": make_asset(other).pk,
    }
    response = getattr(browser, method)(
        path.format(**ids), {"name": "x", "subject": "x", "source": "x", "format": "html"}
    )
    assert response.status_code == 404
    assert "Secret" not in response.text
    assert Template.objects.get().name == "Secret"


@pytest.mark.parametrize("path", ["/templates/", "/templates/images/"])
def test_the_lists_show_nothing_of_another_workspace(browser, path):
    from tests.factories.templates_lib import make_asset

    other = MembershipFactory().workspace
    make_template(other, name="Secret")
    make_asset(other, "secret.png")
    assert "ecret" not in browser.get(path).text


def test_an_analyst_may_look_and_not_change(workspace):
    template = make_template(workspace)
    analyst = signed_in(MembershipFactory(workspace=workspace, role=Role.ANALYST))
    assert analyst.get("/templates/").status_code == 200
    page = analyst.get(f"/templates/{template.pk}/")
    assert page.status_code == 200
    assert 'id="save"' not in page.text
    for path in (f"/templates/{template.pk}/", f"/templates/{template.pk}/archive/", "/templates/starters/note/use/"):
        assert analyst.post(path).status_code == 403
    assert analyst.get("/templates/new/").status_code == 403


def test_a_stranger_is_sent_to_sign_in(client, workspace):
    template = make_template(workspace)
    for path in ("/templates/", f"/templates/{template.pk}/", f"/templates/{template.pk}/preview/"):
        assert "/login/" in client.get(path).headers["Location"]


def test_history_shows_what_changed_and_restores(browser, workspace, member):
    template = make_template(workspace)
    save(template, by=member, source=SOURCE.replace("Hello", "Good day"))
    page = browser.get(f"/templates/{template.pk}/history/").text
    assert "Ada Owner" in page
    assert "Good day" in page
    assert "+1" in page
    browser.post(f"/templates/{template.pk}/versions/1/restore/")
    template.refresh_from_db()
    assert template.current_version.number == 3
    assert template.current_version.source == SOURCE
    assert template.current_version.note == "Restored from version 1"
    browser.post(f"/templates/{template.pk}/versions/1/restore/")
    assert template.versions.count() == 3
    assert browser.get(f"/templates/{template.pk}/history/?version=99").status_code == 404
