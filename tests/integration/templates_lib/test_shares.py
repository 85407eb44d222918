"""A template shared with a member whose role doesn't allow editing it."""

import pytest
from django.test import Client
from django.urls import reverse

from team import selectors, services
from team.models import Membership, Role
from templates_lib.models import Template
from tests.factories.team import MembershipFactory
from tests.factories.templates_lib import make_template
from tests.integration.templates_lib.conftest import signed_in

HTMX = {"HX-Request": "true"}


@pytest.fixture
def analyst(workspace) -> Membership:
    return MembershipFactory(workspace=workspace, role=Role.ANALYST, user__first_name="Grace", user__last_name="Hopper")


@pytest.fixture
def template(workspace) -> Template:
    return make_template(workspace, name="Welcome")


@pytest.fixture
def web(template, analyst) -> Client:
    """The browser of the analyst, with whom the template is shared."""
    services.share(obj=template, membership=analyst, access="edit")
    return signed_in(analyst)


def url(name: str, template: Template, *args: object) -> str:
    return reverse(f"templates_lib:{name}", args=[template.pk, *args])


def content(template: Template, source: str) -> dict[str, object]:
    version = template.current_version
    return {"format": version.format, "subject": version.subject, "preheader": "", "source": source, "text_source": "",
            "note": "", "base_number": version.number}  # fmt: skip


def test_the_shared_template_is_edited_and_no_other(web, workspace, template):
    other = make_template(workspace, name="Other")
    source = template.current_version.source.replace("<p>", "<p>New ", 1) + " "

    assert web.post(url("edit", template), content(template, source)).status_code == 302
    assert web.post(url("edit", other), content(other, source)).status_code == 403
    assert web.post(url("restore", template, 1)).status_code == 302
    assert web.post(url("restore", other, 1)).status_code == 403
    assert web.get(url("details", template)).status_code == 200
    assert web.get(url("details", other)).status_code == 403

    assert b'id="save"' in web.get(url("edit", template)).content
    assert b'id="save"' not in web.get(url("edit", other)).content


@pytest.mark.parametrize("name", ["archive", "unarchive", "duplicate"])
def test_making_and_removing_stay_with_the_role(web, template, name):
    assert web.post(url(name, template)).status_code == 403
    assert Template.objects.get().archived_at is None


def test_the_library_says_what_is_shared_and_offers_what_works(web, workspace, template):
    make_template(workspace, name="Other")
    page = web.get(reverse("templates_lib:list")).content.decode()

    assert page.count("Shared with you") == 1
    assert page.count("Name and category") == 1
    assert "Archive</button>" not in page
    assert "New template" not in page


def test_the_library_costs_one_query_more_however_many_are_shared(
    web, workspace, analyst, django_assert_num_queries, django_assert_max_num_queries
):
    editor = signed_in(MembershipFactory(workspace=workspace, role=Role.EDITOR))
    for number in range(5):
        services.share(obj=make_template(workspace, name=f"Number {number}"), membership=analyst, access="edit")
    web.get(reverse("templates_lib:list"))
    with django_assert_max_num_queries(20) as by_role:
        editor.get(reverse("templates_lib:list"))

    with django_assert_num_queries(len(by_role) + 1):
        web.get(reverse("templates_lib:list"))


def test_an_owner_shares_it_and_ends_that(browser, template, analyst):
    assert "Grace Hopper (analyst)" in browser.get(url("shares", template), headers=HTMX).content.decode()

    shown = browser.post(
        url("shares", template), {"member": analyst.pk, "access": "edit"}, headers=HTMX
    ).content.decode()
    assert "Grace Hopper can edit now." in shown
    assert "can edit and send" not in shown.lower()
    assert selectors.can_edit(analyst.user, template)

    browser.post(url("shares", template), {"member": analyst.pk, "access": ""}, headers=HTMX)
    assert not selectors.can_edit(analyst.user, template)


def test_a_template_can_t_be_shared_for_sending(browser, call, template, analyst):
    assert browser.post(url("shares", template), {"member": analyst.pk, "access": "send"}).status_code == 422
    answer = call("put", f"templates/{template.pk}/shares/{analyst.pk}/", {"access": "send"})
    assert (answer.status_code, answer.json()["errors"]) == (422, {"access": ["One of edit."]})


def test_only_owners_and_admins_share_and_only_their_own(web, template, analyst):
    assert web.get(url("shares", template)).status_code == 403
    assert signed_in(MembershipFactory()).get(url("shares", template)).status_code == 404


def test_the_api_shares_it_and_honours_that(web, call, workspace, template, analyst):
    other, colleague = (
        make_template(workspace, name="Other"),
        MembershipFactory(workspace=workspace, role=Role.APPROVER),
    )
    shares = f"templates/{template.pk}/shares/"

    assert call("put", f"{shares}{colleague.pk}/", {"access": "edit"}).json()["share"] == "edit"
    rows = {row["member"]: row["share"] for row in call("get", shares).json()["results"]}
    assert (rows[analyst.pk], rows[colleague.pk]) == ("edit", "edit")
    assert call("delete", f"{shares}{colleague.pk}/").status_code == 204
    assert call("get", f"templates/{make_template(MembershipFactory().workspace).pk}/shares/").status_code == 404
    assert call("put", f"{shares}{MembershipFactory().pk}/", {"access": "edit"}).status_code == 404
    assert call("put", f"{shares}{colleague.pk}/", {"access": "edit"}, scopes=["templates:write"]).status_code == 403

    def patch(which: Template) -> int:
        path = f"/api/v1/templates/{which.pk}/"
        return web.patch(path, {"description": "Hello"}, content_type="application/json").status_code

    assert (patch(template), patch(other)) == (200, 403)
    for action in ("duplicate", "unarchive"):
        assert web.post(f"/api/v1/templates/{template.pk}/{action}/").status_code == 403
    assert web.delete(f"/api/v1/templates/{template.pk}/").status_code == 403


def test_the_admin_tells_whom_it_is_shared_with(web, template, client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root@example.com", "x"))

    assert (
        b"Grace Hopper: can edit"
        in client.get(reverse("admin:templates_lib_template_change", args=[template.pk])).content
    )
