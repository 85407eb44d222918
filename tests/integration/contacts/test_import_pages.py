"""The import by hand: upload, mapping, progress, result."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import services
from contacts.models import Contact, ContactField, Import, List
from team.models import Workspace
from tests.factories.contacts import upload

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
CONTENT = "E-Mail;Vorname;Umsatz;Notiz\nada@example.de;Ada;1.234,50;Grüße\nbo@example.de;Bo;0,5;\n".encode("cp1252")


def send(web: Client, content: bytes, name: str = "people.csv"):
    return web.post("/contacts/imports/new/", {"file": SimpleUploadedFile(name, content)})


def selected(page: str, name: str) -> str:
    body = re.search(rf'<select[^>]*name="{re.escape(name)}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert body is not None, name
    found = re.search(r'<option value="([^"]*)" selected', body[1])
    return found[1] if found else ""


def test_a_german_file_is_understood_mapped_and_imported(web: Client, workspace: Workspace) -> None:
    answer = send(web, CONTENT)
    assert answer.status_code == 302
    page = web.get(answer.url).content.decode()
    assert "Grüße" in page
    assert [selected(page, name) for name in ("encoding", "delimiter", "decimal_comma")] == ["cp1252", ";", "true"]
    assert [selected(page, f"column-{number}") for number in range(4)] == ["email", "first_name", "", ""]
    assert "New field: number (fits)" in page
    mapping = {"column-0": "email", "column-1": "first_name", "column-2": "new:number", "column-3": ""}
    source = Import.objects.get()
    begun = web.post(f"{answer.url}map/", {**mapping, "list_id": "new", "new_list": "Kunden", "update_existing": "on"})
    assert begun.status_code == 302
    assert ContactField.objects.get().key == "umsatz"
    assert "Waiting for a worker" in web.get(answer.url).content.decode()
    services.run_import(source.pk)
    assert Contact.objects.get(email="ada@example.de").attributes == {"umsatz": 1234.5}
    assert List.objects.get(name="Kunden").contacts.count() == 2


def test_the_poll_ends_with_286_when_the_import_has_ended(web: Client, workspace: Workspace) -> None:
    source = services.map_import(upload(workspace, CONTENT), mapping={"0": "email"})
    url = f"/contacts/imports/{source.pk}/progress/"
    running = web.get(url, headers=HTMX)
    assert running.status_code == 200
    assert 'hx-trigger="every 2s"' in running.content.decode()
    services.run_import(source.pk)
    ended = web.get(url, headers=HTMX)
    assert ended.status_code == 286
    assert "The import is complete" in ended.content.decode()
    assert "every 2s" not in ended.content.decode()
    assert web.get(url).status_code == 200


def test_the_layout_can_be_corrected_and_the_preview_follows(web: Client, workspace: Workspace) -> None:
    source = upload(workspace, "email,name\na@example.com,Zoë\n".encode())
    url = f"/contacts/imports/{source.pk}/reread/"
    layout = {"encoding": "cp1252", "delimiter": ";", "date_order": "dmy", "decimal_comma": "false"}
    page = web.post(url, layout, headers=HTMX).content.decode()
    assert "a@example.com,ZoÃ«" in page
    assert "Column 1" in page
    assert web.post(url, {**layout, "encoding": "rot13"}, headers=HTMX).status_code == 422
    back = web.post(
        url, {**layout, "encoding": "utf-8", "delimiter": ",", "has_header": "on"}, headers=HTMX
    ).content.decode()
    assert "Zoë" in back
    assert selected(back, "column-0") == "email"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "The file is empty."), (b"PK\x03\x04", "Excel workbook"), (b"\x00\x01\x02" * 99, "not a text file")],
)
def test_a_file_that_is_no_csv_comes_back_as_422(web: Client, content: bytes, message: str) -> None:
    answer = send(web, content)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not Import.objects.exists()


def test_a_mapping_without_an_address_comes_back_with_the_choices_kept(web: Client, workspace: Workspace) -> None:
    source = upload(workspace, b"City,Name\nBonn,Ada\n")
    url = f"/contacts/imports/{source.pk}/map/"
    answer = web.post(
        url, {"column-0": "new:text", "column-1": "first_name", "list_id": "new", "new_list": "L"}, headers=HTMX
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Choose the column that holds the email address." in page
    assert selected(page, "column-1") == "first_name"
    assert not ContactField.objects.exists()
    assert not List.objects.exists()
    nameless = web.post(url, {"column-0": "email", "list_id": "new", "new_list": " "})
    assert "Give the new list a name." in nameless.content.decode()


def test_an_import_that_has_begun_cannot_be_mapped_again(web: Client, workspace: Workspace) -> None:
    source = services.map_import(upload(workspace, CONTENT), mapping={"0": "email"})
    assert web.post(f"/contacts/imports/{source.pk}/map/", {"column-0": "email", "list_id": ""}).status_code == 409
    assert web.post(f"/contacts/imports/{source.pk}/cancel/").status_code == 302
    assert web.post(f"/contacts/imports/{source.pk}/cancel/").status_code == 409


def test_a_large_upload_goes_to_disk_and_not_into_memory(web: Client, workspace: Workspace) -> None:
    import tracemalloc

    content = b"Email\n" + b"".join(b"person%d@example.com\n" % number for number in range(400_000))
    file = SimpleUploadedFile("big.csv", content)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    services.start_import(workspace=workspace, file=file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < len(content) / 2
