"""Templates, categories, images and rendering by the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from templates_lib import services
from templates_lib.models import Asset, Template
from tests.factories.team import ApiTokenFactory, MembershipFactory
from tests.factories.templates_lib import MJML, SOURCE, image_bytes, make_asset, make_contact, make_template, save

pytestmark = pytest.mark.django_db


def assert_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["code"]) == (status, code)
    return problem


def test_a_template_is_created_read_changed_and_archived(call, workspace):
    category = call("post", "template-categories/", {"name": "News"}).json()
    made = call(
        "post",
        "templates/",
        {"name": "Spring", "category": category["id"], "format": "mjml", "subject": "Hi", "source": MJML},
    )
    assert made.status_code == 201
    template = made.json()
    assert (template["version"], template["category"], template["source"]) == (1, category["id"], MJML)

    changed = call(
        "patch", f"templates/{template['id']}/", {"subject": "Better", "version": 1, "note": "Shorter"}
    ).json()
    assert (changed["version"], changed["subject"], changed["source"]) == (2, "Better", MJML)
    assert call("patch", f"templates/{template['id']}/", {"name": "Summer"}).json()["version"] == 2

    assert [row["name"] for row in call("get", "templates/").json()["results"]] == ["Summer"]
    assert call("delete", f"templates/{template['id']}/").status_code == 204
    assert call("get", "templates/").json()["results"] == []
    assert len(call("get", "templates/?archived=true").json()["results"]) == 1
    assert call("post", f"templates/{template['id']}/unarchive/").json()["archived_at"] is None


def test_a_stale_version_is_refused_and_named(call, workspace):
    template = make_template(workspace)
    save(template, subject="Theirs")
    problem = assert_problem(
        call("patch", f"templates/{template.pk}/", {"subject": "Mine", "version": 1}), 409, "stale_version"
    )
    assert problem["current_version"] == 2
    template.refresh_from_db()
    assert template.current_version.subject == "Theirs"


def test_a_broken_template_is_refused_with_lines_and_columns(call):
    body = {"name": "Broken", "format": "mjml", "source": "<mjml>\n<mj-body>\n<mj-text>x</mj-text></mj-body></mjml>"}
    problem = assert_problem(call("post", "templates/", body), 422, "template_invalid")
    assert problem["problems"][0]["line"] == 3
    assert problem["problems"][0]["column"] == 1
    assert problem["errors"]["source"][0].startswith("line 3, column 1: <mj-text> can't stand in <mj-body>")
    assert not Template.objects.exists()


def test_versions_are_listed_and_restored(call, workspace):
    template = make_template(workspace)
    save(template, subject="Second")
    versions = call("get", f"templates/{template.pk}/versions/").json()["results"]
    assert [(row["number"], row["subject"]) for row in versions] == [(2, "Second"), (1, "Hello")]
    restored = call("post", f"templates/{template.pk}/restore/", {"version": 1}).json()
    assert (restored["version"], restored["subject"]) == (3, "Hello")
    assert_problem(call("post", f"templates/{template.pk}/restore/", {"version": 99}), 404, "not_found")
    assert_problem(call("post", f"templates/{template.pk}/restore/", {}), 422, "invalid")


def test_a_template_is_duplicated(call, workspace):
    template = make_template(workspace)
    copy = call("post", f"templates/{template.pk}/duplicate/")
    assert copy.status_code == 201
    assert copy.json()["name"] == "Welcome (copy)"


@pytest.mark.parametrize("name", ["", "Welcome"])
def test_a_name_that_is_empty_or_taken_is_refused(call, workspace, name):
    make_template(workspace)
    problem = call("post", "templates/", {"name": name, "format": "html", "source": SOURCE})
    assert problem.status_code == 422
    assert "name" in problem.json()["errors"]


def test_another_workspaces_category_cannot_be_used(call):
    category = services.create_category(workspace=MembershipFactory().workspace, name="Theirs")
    body = {"name": "Mine", "format": "html", "source": SOURCE, "category": category.pk}
    assert "category" in assert_problem(call("post", "templates/", body), 422, "invalid")["errors"]


def test_a_mail_is_rendered_for_a_context(call):
    body = {
        "format": "mjml",
        "subject": "Hi {{ firstName }}",
        "preheader": "Pre",
        "source": MJML,
        "context": {"firstName": "<Zoë>", "workspace": {"address": "1 Own Street"}},
    }
    mail = call("post", "templates/render/", body).json()
    assert mail["subject"] == "Hi <Zoë>"
    assert "Hello &lt;Zoë&gt;" in mail["html"]
    assert "Hello <Zoë>" in mail["text"]
    assert "1 Own Street" in mail["text"]
    assert mail["warnings"] == []


@pytest.mark.parametrize("how", ["id", "email"])
def test_a_mail_is_rendered_for_a_contact(call, workspace, how):
    contact = make_contact(workspace, "grace@example.com")
    body = {"format": "text", "source": "{{ fullName }} {{ n | number }}", "context": {"n": 1234.5}}
    body["contact"] = str(contact.pk) if how == "id" else "Grace@Example.com"
    assert call("post", "templates/render/", body).json()["text"] == "Grace Hopper 1.234,5"
    assert call("post", "templates/render/", body | {"locale": "en"}).json()["text"] == "Grace Hopper 1,234.5"


def test_rendering_warns_and_says_where(call):
    body = {"format": "html", "subject": "Hi", "source": "<p>\n<img src='x'>{{ fristName }}</p>"}
    warnings = {
        row["code"]: (row["line"], row["column"]) for row in call("post", "templates/render/", body).json()["warnings"]
    }
    assert warnings == {
        "no-unsubscribe-link": (1, 1),
        "no-postal-address": (1, 1),
        "image-without-alt": (2, 1),
        "unknown-field": (2, 17),
    }


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ({"format": "html", "source": "<p>\n {{ x | y }}</p>"}, "template_invalid", (2, 9)),
        ({"format": "mjml", "source": "<mjml><mj-body><mj-section></mj-body></mjml>"}, "template_invalid", (1, 16)),
        ({"format": "html", "source": "a\n{{ 1 | divided_by: 0 }}"}, "render_failed", (2, 8)),
        ({"format": "text", "source": "{% for i in (1..100000000) %}x{% endfor %}"}, "render_failed", (1, 13)),
        ({"format": "text", "source": "x" * 600_000}, "template_invalid", (1, 1)),
    ],
)
def test_faults_are_problems_with_line_and_column(call, body, code, place):
    problem = assert_problem(call("post", "templates/render/", body), 422, code)
    assert (problem["problems"][0]["line"], problem["problems"][0]["column"]) == place
    assert problem["problems"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"format": "pdf", "source": "x"},
        {"format": "html", "source": ""},
        {"format": "html", "source": "x", "context": [1]},
        {"format": "html", "source": ["x"]},
    ],
)
def test_an_unusable_request_is_refused_by_field(call, body):
    assert assert_problem(call("post", "templates/render/", body), 422, "invalid")["errors"]


@pytest.mark.parametrize("contact", ["999999", "nobody@example.com", "9" * 40])
def test_an_unknown_contact_is_a_404(call, contact):
    body = {"format": "text", "source": "x", "contact": contact}
    assert_problem(call("post", "templates/render/", body), 404, "not_found")


def test_a_contact_of_another_workspace_is_a_404(call):
    contact = make_contact(MembershipFactory().workspace)
    for value in (str(contact.pk), contact.email):
        body = {"format": "text", "source": "x", "contact": value}
        assert_problem(call("post", "templates/render/", body), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "templates/{id}/"),
        ("patch", "templates/{id}/"),
        ("delete", "templates/{id}/"),
        ("get", "templates/{id}/versions/"),
        ("post", "templates/{id}/restore/"),
        ("post", "templates/{id}/duplicate/"),
        ("post", "templates/{id}/unarchive/"),
        ("get", "template-categories/{category}/"),
        ("patch", "template-categories/{category}/"),
        ("delete", "template-categories/{category}/"),
        ("get", "assets/{asset}/"),
        ("delete", "assets/{asset}/"),
    ],
)
def test_what_another_workspace_has_is_a_404(call, method, path):
    other = MembershipFactory().workspace
    ids = {
        "id": make_template(other).pk,
        "category": services.create_category(workspace=other, name="Theirs").pk,
        "asset": make_asset(other).pk,
    }
    body = {"name": "x", "version": 1} if method in {"post", "patch"} else None
    assert_problem(call(method, path.format(**ids), body), 404, "not_found")


def test_a_token_needs_the_scope(call, workspace):
    assert call("get", "templates/", scopes=["templates:read"]).status_code == 200
    body = {"format": "text", "source": "x"}
    assert call("post", "templates/render/", body, scopes=["templates:read"]).status_code == 200
    create = {"name": "A", "format": "text", "source": "x"}
    assert call("post", "templates/", create, scopes=["templates:read"]).status_code == 403
    assert call("get", "templates/", scopes=["contacts:read"]).status_code == 403


def test_images_are_uploaded_listed_and_deleted(workspace):
    client = Client(headers={"Authorization": f"Bearer {ApiTokenFactory(workspace=workspace).secret}"})
    made = client.post("/api/v1/assets/", {"file": SimpleUploadedFile("a.bin", image_bytes()), "name": "Logo"})
    assert made.status_code == 201, made.text
    assert made.json()["name"] == "Logo.png"
    assert made.json()["url"].endswith("/Logo.png")
    assert client.get("/api/v1/assets/").json()["results"][0]["width"] == 4
    refused = client.post("/api/v1/assets/", {"file": SimpleUploadedFile("a.png", b"<svg/>")})
    assert assert_problem(refused, 422, "image_unusable")
    assert client.delete(f"/api/v1/assets/{made.json()['id']}/").status_code == 204
    assert not Asset.objects.exists()


def test_categories_know_how_many_templates_they_hold(call, workspace):
    category = services.create_category(workspace=workspace, name="News")
    make_template(workspace, category=category)
    assert call("get", "template-categories/").json()["results"] == [
        {"id": category.pk, "name": "News", "template_count": 1}
    ]
    assert call("patch", f"template-categories/{category.pk}/", {"name": "Old news"}).json()["name"] == "Old news"
    assert call("post", "template-categories/", {"name": "old NEWS"}).status_code == 422
    assert call("delete", f"template-categories/{category.pk}/").status_code == 204
