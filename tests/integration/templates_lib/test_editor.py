"""Saving in the editor, stale tabs and previews."""

import json
import re

import pytest

from team.models import Role
from templates_lib.models import TemplateVersion
from tests.factories.team import MembershipFactory
from tests.factories.templates_lib import MJML, SOURCE, make_contact, make_template, save
from tests.integration.templates_lib.conftest import signed_in

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def body(template, **changes):
    version = template.current_version
    fields = {name: getattr(version, name) for name in ("format", "subject", "preheader", "source", "text_source")}
    return fields | {"base_number": version.number, "note": ""} | changes


def problems_in(page, part="source"):
    found = re.search(rf'<div id="lint-{part}" hidden>(.*?)</div>', page)
    return json.loads(
        found.group(1).replace("&quot;", '"').replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    )


def test_a_change_is_saved_as_a_new_version_and_the_old_one_stays(browser, workspace, member):
    template = make_template(workspace)
    response = browser.post(
        f"/templates/{template.pk}/", body(template, subject="Better", note="Shorter"), headers=HTMX
    )
    template.refresh_from_db()
    assert json.loads(response.headers["HX-Trigger"])["saved"] == {"version": 2}
    version = template.current_version
    assert (version.number, version.subject, version.note, version.created_by) == (2, "Better", "Shorter", member.user)
    assert TemplateVersion.objects.get(template=template, number=1).subject == "Hello"


def test_saving_without_a_change_makes_no_version(browser, workspace):
    template = make_template(workspace, source=SOURCE.replace("<p>", "\n<p>"))
    as_sent_by_browsers = template.current_version.source.replace("\n", "\r\n")
    response = browser.post(f"/templates/{template.pk}/", body(template, source=as_sent_by_browsers), headers=HTMX)
    assert "Nothing changed" in response.headers["HX-Trigger"]
    assert template.versions.count() == 1


def test_without_scripts_saving_leads_back_to_the_editor(browser, workspace):
    template = make_template(workspace)
    response = browser.post(f"/templates/{template.pk}/", body(template, subject="Better"))
    assert response.headers["Location"] == f"/templates/{template.pk}/"


def test_a_template_that_cannot_be_a_mail_is_not_saved_and_shows_where(browser, workspace):
    template = make_template(workspace, format="mjml", source=MJML)
    broken = MJML.replace("<mj-column>", "<mj-colunm>").replace("</mj-column>", "</mj-colunm>")
    response = browser.post(f"/templates/{template.pk}/", body(template, source=broken), headers=HTMX)
    assert response.status_code == 422
    assert 'data-goto="1:28"' in response.text
    assert "did you mean &lt;mj-column&gt;" in response.text
    assert template.versions.count() == 1


def test_a_stale_tab_is_told_who_changed_what_and_loses_nothing(browser, workspace):
    template = make_template(workspace)
    stale = body(template, source=SOURCE.replace("Hello", "Mine"))
    other = MembershipFactory(workspace=workspace, user__first_name="Grace", user__last_name="Hopper")
    save(template, by=other, subject="Theirs")
    response = browser.post(f"/templates/{template.pk}/", stale, headers=HTMX)
    assert response.status_code == 409
    assert response.headers["HX-Retarget"] == "#editor-state"
    assert "Grace Hopper saved version 2" in response.text
    assert "Theirs" in response.text
    assert "Mine" in response.text
    template.refresh_from_db()
    assert template.current_version.subject == "Theirs"
    on_top = browser.post(f"/templates/{template.pk}/", stale | {"base_number": ["1", "2"]}, headers=HTMX)
    assert on_top.status_code == 200
    template.refresh_from_db()
    assert (template.current_version.number, template.current_version.subject) == (3, "Hello")


def test_a_stale_tab_without_scripts_keeps_what_was_typed(browser, workspace):
    template = make_template(workspace)
    stale = body(template, source=SOURCE.replace("Hello", "Mine"))
    save(template, subject="Theirs")
    response = browser.post(f"/templates/{template.pk}/", stale)
    assert response.status_code == 409
    assert "Mine {{ firstName }}" in response.text


def test_two_tabs_that_say_the_same_do_not_conflict(browser, workspace):
    template = make_template(workspace)
    twice = body(template, subject="Same")
    assert browser.post(f"/templates/{template.pk}/", twice, headers=HTMX).status_code == 200
    assert browser.post(f"/templates/{template.pk}/", twice, headers=HTMX).status_code == 200
    assert template.versions.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "pdf"},
        {"base_number": "x"},
        {"note": "x" * 201},
        {"source": ""},
        {"source": "x" * 600_000},
        {"source": "a\x00b"},
    ],
)
def test_unusable_input_is_refused(browser, workspace, wrong):
    template = make_template(workspace)
    assert browser.post(f"/templates/{template.pk}/", body(template, **wrong), headers=HTMX).status_code == 422
    assert template.versions.count() == 1


def test_ten_megabytes_are_refused(browser, workspace):
    template = make_template(workspace)
    response = browser.post(f"/templates/{template.pk}/", body(template, source="x" * 11_000_000), headers=HTMX)
    assert response.status_code in {400, 413, 422}
    assert template.versions.count() == 1


def live(browser, template, **changes):
    return browser.post("/templates/previews/", body(template, **changes), headers=HTMX)


def preview_of(browser, response):
    url = re.search(r'data-preview-url="([^"]+)"', response.text)
    return browser.get(url.group(1))


def test_the_preview_shows_a_made_up_person(browser, workspace):
    response = live(browser, make_template(workspace, subject="Hi {{ firstName }}"))
    assert "Hi Ada" in response.text
    page = preview_of(browser, response)
    assert "Hello Ada" in page.text
    assert workspace.postal_address in page.text


def test_the_preview_shows_a_real_contact_in_their_locale(browser, workspace):
    contact = make_contact(workspace)
    template = make_template(workspace, subject="{{ fullName }} {{ 1234.5 | number }}")
    response = live(browser, template, contact=contact.pk)
    assert "Grace Hopper 1.234,5" in response.text
    assert "1,234.5" in live(browser, template, contact=contact.pk, locale="en").text


def test_a_contact_of_another_workspace_is_not_there(browser, workspace):
    contact = make_contact(MembershipFactory().workspace)
    assert live(browser, make_template(workspace), contact=contact.pk).status_code == 404


def test_contacts_are_offered_by_search(browser, workspace):
    make_contact(workspace)
    make_contact(MembershipFactory().workspace, "grace@other.example")
    page = browser.get("/templates/previews/contacts/?q=hopper", headers=HTMX).text
    assert "Grace Hopper &lt;grace@example.com&gt;" in page
    assert page.count("<option") == 1
    assert "No contact fits" in browser.get("/templates/previews/contacts/?q=nobody", headers=HTMX).text


def test_the_preview_marks_errors_at_their_place(browser, workspace):
    response = live(
        browser, make_template(workspace), source="<p>\n{{ firstName | nofilter }}</p>", text_source="{% if a %}"
    )
    assert "2 problems" in response.text
    found = problems_in(response.text)
    assert [(problem["line"], problem["column"], problem["severity"]) for problem in found] == [(2, 16, "error")]
    assert problems_in(response.text, "text_source")[0]["line"] == 1
    assert "data-preview-url" not in response.text


def test_the_preview_lists_warnings_and_still_shows_the_mail(browser, workspace):
    response = live(browser, make_template(workspace), source="<p>{{ fristName }}</p>")
    assert "no unsubscribe link" in response.text
    assert "Did you mean “firstName”?" in response.text
    assert "data-preview-url" in response.text


def test_data_that_breaks_the_mail_is_shown_as_a_problem(browser, workspace):
    response = live(browser, make_template(workspace), source="<p>{{ 5 | divided_by: 0 }}</p>")
    assert "divide by 0" in response.text
    assert "data-preview-url" not in response.text


def test_plain_text_mail_is_previewed_escaped(browser, workspace):
    template = make_template(workspace, format="text", source="Hi <b>{{ firstName }}</b>")
    page = browser.get(f"/templates/{template.pk}/preview/").text
    assert "Hi &lt;b&gt;Ada&lt;/b&gt;" in page


EVIL = '<script>alert(1)</script><img src=x onerror="alert(1)"><iframe src="https://evil.example"></iframe><form action="/x">'


def test_a_preview_can_run_no_script_and_load_nothing_but_images(browser, workspace):
    template = make_template(workspace, source=EVIL)
    response = browser.get(f"/templates/{template.pk}/preview/")
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["sandbox"] == "allow-same-origin"
    assert policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["img-src"].split()[:2] == ["data:", "https:"]
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_kept_preview_is_its_workspaces_alone(browser, workspace):
    response = live(browser, make_template(workspace))
    url = re.search(r'data-preview-url="([^"]+)"', response.text).group(1)
    assert browser.get(url).status_code == 200
    assert signed_in(MembershipFactory()).get(url).status_code == 404
    assert browser.get("/templates/previews/nonsense/").status_code == 404


def test_dark_mode_is_shown_by_turning_its_rules_on(browser):
    page = browser.get("/templates/starters/newsletter/preview/?dark=1").text
    assert "prefers-color-scheme" not in page
    assert "@media (min-width:0)" in page


def test_an_older_version_can_be_previewed(browser, workspace):
    template = make_template(workspace)
    save(template, source=SOURCE.replace("Hello", "Good day"))
    assert "Hello" in browser.get(f"/templates/{template.pk}/preview/?version=1").text
    assert "Good day" in browser.get(f"/templates/{template.pk}/preview/").text
    assert browser.get(f"/templates/{template.pk}/preview/?version=9").status_code == 404


def test_an_analyst_may_preview(workspace):
    analyst = signed_in(MembershipFactory(workspace=workspace, role=Role.ANALYST))
    assert live(analyst, make_template(workspace)).status_code == 200


def test_the_editor_leads_back_to_our_own_pages_only(browser, workspace):
    template = make_template(workspace)
    assert 'href="/campaigns/5/"' in browser.get(f"/templates/{template.pk}/?next=/campaigns/5/").text
    for address in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"):
        page = browser.get(f"/templates/{template.pk}/", {"next": address}).text
        assert "evil" not in page
        assert "javascript:" not in page
