"""The library in Django's admin."""

import pytest
from django.test import Client

from templates_lib import services
from templates_lib.models import Template, TemplateVersion
from tests.factories.team import MembershipFactory, UserFactory
from tests.factories.templates_lib import SOURCE, make_asset, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    client = Client()
    client.force_login(
        UserFactory(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


def body(template=None, **changes):
    version = template.current_version if template else None
    fields = {
        "name": "Welcome",
        "description": "",
        "format": "html",
        "subject": "Hello",
        "preheader": "",
        "source": SOURCE,
    }
    fields |= {"text_source": "", "note": "", "base_number": version.number if version else ""}
    management = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    return fields | management | changes


@pytest.mark.parametrize("model", ["template", "templateversion", "category", "asset"])
def test_every_list_and_page_opens(admin, workspace, model):
    template = make_template(workspace, category=services.create_category(workspace=workspace, name="News"))
    asset = make_asset(workspace)
    ids = {
        "template": template.pk,
        "templateversion": template.current_version_id,
        "category": template.category_id,
        "asset": asset.pk,
    }
    assert admin.get(f"/admin/templates_lib/{model}/?q=e").status_code == 200
    assert admin.get(f"/admin/templates_lib/{model}/{ids[model]}/change/").status_code == 200


def test_a_template_is_added_with_its_content(admin, workspace):
    assert admin.get("/admin/templates_lib/template/add/").status_code == 200
    response = admin.post("/admin/templates_lib/template/add/", body(workspace=workspace.pk))
    assert response.status_code == 302, response.text
    template = Template.objects.get()
    assert (template.workspace, template.current_version.source) == (workspace, SOURCE)


def test_changing_the_content_writes_a_new_version(admin, workspace):
    template = make_template(workspace)
    path = f"/admin/templates_lib/template/{template.pk}/change/"
    assert admin.post(path, body(template, subject="Better", name="Renamed")).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.current_version.number, template.current_version.subject) == (
        "Renamed",
        2,
        "Better",
    )
    admin.post(path, body(template, subject="Better", name="Again"))
    assert template.versions.count() == 2


def test_a_broken_or_stale_content_is_refused(admin, workspace):
    template = make_template(workspace)
    path = f"/admin/templates_lib/template/{template.pk}/change/"
    assert "Line 1, column 1: “{{” is never closed" in admin.post(path, body(template, source="{{ a")).text
    stale = body(template, subject="Mine")
    services.save_version(template, base_number=1, subject="Theirs", source=SOURCE)
    assert "meanwhile" in admin.post(path, stale).text
    assert template.versions.count() == 2


def test_a_name_that_is_taken_and_a_foreign_category_are_refused(admin, workspace):
    make_template(workspace)
    assert admin.post("/admin/templates_lib/template/add/", body(workspace=workspace.pk)).status_code == 200
    category = services.create_category(workspace=MembershipFactory().workspace, name="Theirs")
    response = admin.post(
        "/admin/templates_lib/template/add/", body(workspace=workspace.pk, name="New", category=category.pk)
    )
    assert "another workspace" in response.text


@pytest.mark.parametrize("action", ["archive", "unarchive", "duplicate"])
def test_actions_call_the_services(admin, workspace, action):
    template = make_template(workspace)
    if action == "unarchive":
        services.archive_template(template)
    admin.post("/admin/templates_lib/template/", {"action": action, "_selected_action": [template.pk]})
    template.refresh_from_db()
    assert (template.archived_at is not None) == (action == "archive")
    assert Template.objects.count() == (2 if action == "duplicate" else 1)


def test_versions_cannot_be_changed_but_restored(admin, workspace):
    template = make_template(workspace)
    services.save_version(template, base_number=1, subject="Second", source=SOURCE)
    first = TemplateVersion.objects.get(number=1)
    path = f"/admin/templates_lib/templateversion/{first.pk}/change/"
    assert admin.post(path, {"subject": "x"}).status_code == 403
    admin.post("/admin/templates_lib/templateversion/", {"action": "restore", "_selected_action": [first.pk]})
    template.refresh_from_db()
    assert (template.current_version.number, template.current_version.subject) == (3, "Hello")
