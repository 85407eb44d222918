"""Every page of contacts opens, for those who may see it and for nobody else."""

import pytest
from django.test import Client
from django.urls import reverse

from contacts import services
from contacts.models import Import, List, Segment, Suppression
from team.models import Membership, Workspace
from tests.factories.contacts import make_contact, make_list, run_file, upload

pytestmark = pytest.mark.django_db

PAGES = (
    "list",
    "new",
    "export",
    "lists",
    "new_list",
    "segments",
    "new_segment",
    "imports",
    "new_import",
    "import_sample",
    "suppressions",
    "add_suppressions",
    "fields",
    "new_field",
)


def things(workspace: Workspace) -> dict[str, int]:
    """Make one of everything and return the ids by the URL's keyword."""
    contact = make_contact(workspace)
    field = services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    segment = services.create_segment(
        workspace=workspace,
        name="Pros",
        definition={"conditions": [{"field": "custom.plan", "operator": "is", "value": "pro"}]},
    )
    services.suppress(workspace_id=workspace.pk, email="gone@example.com", reason="manual")
    return {
        "contact_id": contact.pk,
        "list_id": make_list(workspace, members=[contact]).pk,
        "segment_id": segment.pk,
        "import_id": upload(workspace, b"Email,Name\nada@example.com,Ada\n").pk,
        "suppression_id": Suppression.objects.get(workspace=workspace).pk,
        "field_id": field.pk,
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_empty_and_filled(web: Client, workspace: Workspace, name: str) -> None:
    url = reverse(f"contacts:{name}")
    assert web.get(url).status_code == 200
    things(workspace)
    response = web.get(url)
    assert response.status_code == 200
    assert b"".join(response) if response.streaming else response.content


DETAILS = {
    "detail": "contact_id",
    "edit_list": "list_id",
    "edit_segment": "segment_id",
    "segment_count": "segment_id",
    "import": "import_id",
    "import_progress": "import_id",
    "rejected": "import_id",
    "edit_field": "field_id",
}
DEEDS = {
    "edit": "contact_id",
    "suppress": "contact_id",
    "lift": "contact_id",
    "delete": "contact_id",
    "delete_list": "list_id",
    "delete_segment": "segment_id",
    "reread_import": "import_id",
    "map_import": "import_id",
    "cancel_import": "import_id",
    "lift_suppression": "suppression_id",
    "delete_field": "field_id",
}


@pytest.mark.parametrize(("name", "keyword"), DETAILS.items())
def test_a_page_of_one_thing_opens_here_and_is_not_found_from_another_workspace(
    web: Client, workspace: Workspace, stranger: Membership, name: str, keyword: str
) -> None:
    assert web.get(reverse(f"contacts:{name}", args=[things(workspace)[keyword]])).status_code == 200
    foreign = reverse(f"contacts:{name}", args=[things(stranger.workspace)[keyword]])
    assert web.get(foreign).status_code == 404
    assert web.get(foreign, headers={"HX-Request": "true"}).status_code == 404


@pytest.mark.parametrize(("name", "keyword"), DEEDS.items())
def test_a_deed_to_a_thing_of_another_workspace_is_not_found(
    web: Client, stranger: Membership, name: str, keyword: str
) -> None:
    foreign = things(stranger.workspace)
    assert web.post(reverse(f"contacts:{name}", args=[foreign[keyword]]), {"name": "Mine now"}).status_code == 404
    assert List.objects.filter(name="Readers").exists()
    assert Segment.objects.filter(name="Pros").exists()
    assert Import.objects.get().status == "uploaded"


@pytest.mark.parametrize("name", PAGES)
def test_nobody_sees_a_page_without_signing_in(client: Client, name: str) -> None:
    response = client.get(reverse(f"contacts:{name}"))
    assert response.status_code == 302
    assert "/login" in response.url


def test_an_analyst_sees_contacts_but_changes_and_exports_nothing(web_as, workspace: Workspace) -> None:
    analyst = web_as("analyst")
    ids = things(workspace)
    assert analyst.get(reverse("contacts:list")).status_code == 200
    page = analyst.get(reverse("contacts:detail", args=[ids["contact_id"]]))
    assert b"Save" not in page.content
    assert analyst.get(reverse("contacts:export")).status_code == 403
    assert analyst.get(reverse("contacts:new")).status_code == 403
    for name, keyword in DEEDS.items():
        assert analyst.post(reverse(f"contacts:{name}", args=[ids[keyword]])).status_code == 403
    assert analyst.post(reverse("contacts:bulk_run"), {"deed": "delete", "scope": "found"}).status_code == 403


def test_a_finished_import_shows_its_result_and_the_rejected_rows(web: Client, workspace: Workspace) -> None:
    source = run_file(workspace, b"Email,Name\nada@example.com,Ada\nnobody,Nobody\n")
    page = web.get(reverse("contacts:import", args=[source.pk])).content.decode()
    assert "The import is complete" in page
    assert "is no email address" in page
