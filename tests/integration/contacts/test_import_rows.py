"""What an import makes of the rows of a file."""

import csv
import io
from typing import Any

import pytest
from django.db import connection

from contacts import selectors, services
from contacts.exceptions import ContactsError, UnreadableFile
from contacts.exports import rejected_rows
from contacts.imports import merging
from contacts.models import Contact, Import, ImportedContact, ListMember
from contacts.services import import_runs
from core.exceptions import InvalidInput
from core.spreadsheets import csv_lines
from team.models import Membership, Workspace
from tests.factories.contacts import csv_bytes, make_contact, make_contacts, make_list, run_file, upload

pytestmark = pytest.mark.django_db

HEADER = ["Email", "First name", "Last name", "Plan"]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of three rows, so that a small file has several."""
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 3)


def counts(source: Import) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "skipped", "duplicates", "rejected")
    shown = {name: getattr(source, name) for name in names if getattr(source, name)}
    assert source.processed == sum(shown.values())
    return shown


def rejected(source: Import) -> list[dict[str, str]]:
    text = "".join(csv_lines(rejected_rows(source)))
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_new_contacts_are_created_with_typed_values(workspace: Workspace) -> None:
    for label, type_ in [("Age", "number"), ("Born", "date"), ("VIP", "boolean"), ("Tags", "list")]:
        services.create_field(workspace=workspace, label=label, type_=type_)
    rows = [["Email", "Vorname", "Age", "Born", "VIP", "Tags", "Language", "Time zone"]]
    rows.append(["Ada@Example.com", "Ada", "36", "10.12.1815", "ja", "math; poetry", "EN_gb", "europe/london"])
    source = run_file(workspace, csv_bytes(rows, delimiter=";"))
    assert (source.status, counts(source)) == ("completed", {"created": 1})
    contact = Contact.objects.get(workspace=workspace)
    assert (contact.email, contact.email_key, contact.first_name) == ("Ada@example.com", "ada@example.com", "Ada")
    assert (contact.locale, contact.time_zone) == ("en-GB", "Europe/London")
    assert contact.attributes == {"age": 36, "born": "1815-12-10", "vip": True, "tags": ["math", "poetry"]}


def test_a_second_import_updates_only_what_changed_and_leaves_empty_cells_alone(workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan")
    first = [HEADER, ["a@example.com", "Ada", "Byron", "pro"], ["b@example.com", "Bo", "Diddley", ""]]
    run_file(workspace, csv_bytes(first))
    versions = dict(Contact.objects.values_list("email", "updated_at"))
    again = run_file(workspace, csv_bytes(first))
    assert counts(again) == {"unchanged": 2}
    assert dict(Contact.objects.values_list("email", "updated_at")) == versions
    changed = run_file(
        workspace, csv_bytes([HEADER, ["A@example.com", "", "Lovelace", ""], ["b@example.com", "Bo", "", "free"]])
    )
    assert counts(changed) == {"updated": 2}
    ada, bo = Contact.objects.order_by("email_key")
    assert (ada.first_name, ada.last_name, ada.attributes) == ("Ada", "Lovelace", {"plan": "pro"})
    assert (bo.last_name, bo.attributes) == ("Diddley", {"plan": "free"})


def test_without_the_update_switch_known_contacts_are_left_alone_but_join_the_list(workspace: Workspace) -> None:
    known = make_contact(workspace, "a@example.com", first_name="Ada")
    target = make_list(workspace)
    content = csv_bytes([HEADER, ["a@example.com", "Changed", "", ""], ["n@example.com", "New", "", ""]])
    source = run_file(workspace, content, list_=target, update_existing=False)
    assert counts(source) == {"created": 1, "skipped": 1}
    known.refresh_from_db()
    assert known.first_name == "Ada"
    assert ListMember.objects.filter(list=target).count() == 2


@pytest.mark.parametrize("update_existing", [True, False])
def test_of_rows_with_one_address_the_last_wins_within_and_across_chunks(
    workspace: Workspace, small_chunks: None, update_existing: bool
) -> None:
    rows: list[list[str]] = [HEADER, ["a@example.com", "One", "First", ""], ["A@EXAMPLE.COM", "Two", "", ""]]
    rows += [[f"p{number}@example.com", "", "", ""] for number in range(5)]
    rows += [["a@Example.com", "Three", "", ""]]
    source = run_file(workspace, csv_bytes(rows), update_existing=update_existing)
    assert counts(source) == {"created": 6, "duplicates": 2}
    contact = Contact.objects.get(email_key="a@example.com")
    assert (contact.first_name, contact.last_name) == ("Three", "First")
    assert not ImportedContact.objects.exists()


def test_rows_that_cannot_be_used_come_back_with_their_line_and_reason(workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro", "free"])
    services.create_field(workspace=workspace, label="Age", type_="number")
    content = (
        b"Email,First name,Plan,Age\n"
        b"good@example.com,Ada,pro,36\n"
        b"nobody,Bo,pro,1\n"
        b"short@example.com,Cy\n"
        b"long@example.com,Di,pro,1,extra\n"
        b"plan@example.com,Ed,gold,1\n"
        b"age@example.com,Flo,free,old\n"
        b"nul@example.com,G\x00,free,1\n"
        b"bytes@example.com,\xff\xfe,free,1\n"
        b'quote@example.com,"never,free,1\n'
        b"long@example.com," + b"x" * 151 + b",free,1\n"
        b"fine@example.com,Zoe,FREE,1\n"
    )
    source = run_file(workspace, content, encoding="utf-8")
    assert counts(source) == {"created": 2, "rejected": 9}
    found = rejected(source)
    assert [row["Line"] for row in found] == [str(line) for line in range(3, 12)]
    reasons = [row["Reason"] for row in found]
    for reason, part in zip(
        reasons,
        [
            "no email address",
            "2 cells",
            "5 cells",
            "pro, free",
            "not a number",
            "NUL",
            "UTF-8",
            "never closed",
            "150 characters",
        ],
        strict=True,
    ):
        assert part in reason
    assert found[0]["Email"] == "nobody"


def test_corrected_rejections_can_be_uploaded_as_they_are(workspace: Workspace) -> None:
    source = run_file(
        workspace, csv_bytes([["Email", "First name"], ["ada(at)example.com", "Ada"], ["ok@example.com", "Bo"]])
    )
    text = "".join(csv_lines(rejected_rows(source))).replace("(at)", "@")
    again = run_file(workspace, text.encode())
    assert counts(again) == {"created": 1}
    assert Contact.objects.get(email_key="ada@example.com").first_name == "Ada"


def test_formulas_are_stored_as_text_and_leave_as_text(workspace: Workspace) -> None:
    run_file(workspace, csv_bytes([["Email", "First name", "Company"], ["a@example.com", "=1+1", "'@cmd"]]))
    contact = Contact.objects.get()
    assert (contact.first_name, contact.company) == ("=1+1", "@cmd")
    from contacts.exports import contact_rows

    text = "".join(csv_lines(contact_rows(Contact.objects.all(), [])))
    assert ",'=1+1," in text
    assert ",'@cmd," in text
    assert ",=" not in text


def test_an_export_can_be_imported_elsewhere_and_changes_nothing_here(workspace: Workspace, stranger: Any) -> None:
    from contacts.exports import contact_rows

    for label, type_ in [("Age", "number"), ("Born", "date"), ("VIP", "boolean"), ("Tags", "list"), ("Motto", "text")]:
        services.create_field(workspace=workspace, label=label, type_=type_)
        services.create_field(workspace=stranger.workspace, label=label, type_=type_)
    services.create_contact(
        workspace=workspace,
        email="zoë@example.com",
        first_name='="x"',
        last_name="O'Hara, jr.",
        company="A\tB",
        attributes={"age": -5.5, "born": "2001-02-03", "vip": False, "tags": ["a;b", "c"], "motto": "-1"},
    )
    text = "".join(csv_lines(contact_rows(selectors.contacts_in(workspace), selectors.fields_in(workspace))))
    assert counts(run_file(workspace, text.encode())) == {"unchanged": 1}
    assert counts(run_file(stranger.workspace, text.encode())) == {"created": 1}
    copy = Contact.objects.get(workspace=stranger.workspace)
    original = Contact.objects.get(workspace=workspace)
    assert copy.attributes == original.attributes
    assert (copy.first_name, copy.last_name, copy.company) == ('="x"', "O'Hara, jr.", "A\tB")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PK\x03\x04zip", "Excel"),
        (b"\x89PNG\r\n\x1a\n" + bytes(300), "not a text file"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_at_the_door(workspace: Workspace, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        upload(workspace, content)
    assert not Import.objects.exists()


def test_a_file_with_a_header_alone_imports_nothing(workspace: Workspace) -> None:
    source = run_file(workspace, b"Email,Name\n")
    assert (source.status, source.processed) == ("completed", 0)


def test_a_mapping_without_an_address_is_refused_and_leaves_nothing_behind(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="email address"):
        run_file(workspace, b"City,Name\nBonn,Ada\n", {"0": "company"})
    with pytest.raises(InvalidInput, match="Two columns"):
        run_file(workspace, b"A,B\na@example.com,b@example.com\n", {"0": "email", "1": "email"})
    with pytest.raises(InvalidInput, match="no column 7"):
        run_file(workspace, b"Email\na@example.com\n", {"0": "email", "7": "company"})
    with pytest.raises(InvalidInput, match="no field"):
        run_file(workspace, b"Email,X\na@example.com,1\n", {"0": "email", "1": "field:secret"})
    assert not Import.objects.exists()


def test_a_list_of_another_workspace_is_refused(workspace: Workspace, stranger: Any) -> None:
    foreign = make_list(stranger.workspace)
    with pytest.raises(InvalidInput):
        run_file(workspace, b"Email\na@example.com\n", list_=foreign)


def test_contacts_of_other_workspaces_are_never_touched(workspace: Workspace, stranger: Any) -> None:
    theirs = make_contact(stranger.workspace, "a@example.com", first_name="Theirs")
    run_file(workspace, csv_bytes([HEADER, ["a@example.com", "Ours", "", ""]]), {"0": "email", "1": "first_name"})
    theirs.refresh_from_db()
    assert theirs.first_name == "Theirs"


def test_a_hopeless_file_is_given_up_early(
    workspace: Workspace, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_runs, "HOPELESS_ROWS", 6)
    source = run_file(workspace, csv_bytes([["Email", "Name"], *[["x", "y"]] * 50]), {"0": "email"})
    assert (source.status, source.rejected) == ("failed", 6)
    assert "right column" in source.error


def test_a_finished_import_keeps_no_file_and_cannot_be_cancelled_or_started_again(
    workspace: Workspace, eager_tasks: None, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        source = run_file(workspace, b"Email\na@example.com\n")
    source.refresh_from_db()
    assert not source.file
    with pytest.raises(ContactsError):
        services.cancel_import(source)
    with pytest.raises(ContactsError):
        services.map_import(source, mapping={"0": "email"})
    with pytest.raises(ContactsError):
        services.reread_import(source, encoding="cp1252")
    services.run_import(source.pk)
    source.refresh_from_db()
    assert source.processed == 1


def test_the_audit_trail_has_the_import_but_not_its_contacts(workspace: Workspace) -> None:
    from team.models import AuditEntry

    run_file(workspace, b"Email\na@example.com\nb@example.com\n")
    tables = set(AuditEntry.objects.filter(workspace_id=workspace.pk).values_list("table", flat=True))
    assert "contacts_import" in tables
    assert "contacts_contact" not in tables
    services.create_contact(workspace=workspace, email="c@example.com")
    assert AuditEntry.objects.filter(table="contacts_contact").count() == 1


def test_a_workspace_that_is_new_to_the_planner_is_looked_up_by_address_all_the_same(
    workspace: Workspace, stranger: Membership
) -> None:
    make_contacts(stranger.workspace, 5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact")
        cursor.execute(merging._STAGE)
        cursor.execute(f"EXPLAIN {merging._MATCH}", {"workspace": workspace.pk, "source": 1})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "contact_email_once" in plan, plan


def test_a_row_without_an_address_says_so(workspace: Workspace) -> None:
    source = run_file(workspace, csv_bytes([["Email", "First name"], ["", "Ada"], ["  ", "Bo"], ["x", "Cy"]]))
    reasons = [row["Reason"] for row in rejected(source)]
    assert reasons[:2] == ["The address is missing."] * 2
    assert reasons[2].startswith("“x” is no email address")


def test_a_number_stays_a_number_for_the_spreadsheet_and_text_does_not_become_one() -> None:
    lines = list(csv_lines([["-5", -5.5, "+49 30 1", "-1+1", "@x", "\t=1", "plain"]]))
    assert lines == ["\ufeff", "-5,-5.5,'+49 30 1,'-1+1,'@x,'\t=1,plain\r\n"]
