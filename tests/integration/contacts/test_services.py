"""Suppression, tombstones, engagement, audiences and merge fields, as other apps call them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from contacts import selectors, services
from contacts.events import AddressesSuppressed, ContactsDeleted
from contacts.exceptions import InvalidContact
from contacts.models import Contact, DeletedContact, Suppression
from contacts.segments.sql import Sql
from contacts.segments.subjects import Operator, Subject, ValueKind
from core import bus
from team.models import Membership, Workspace
from tests.factories.contacts import make_contact, make_contacts, make_list, run_file

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was announced."""
    events: list[Any] = []
    monkeypatch.setitem(bus._decision_handlers, AddressesSuppressed, [events.append])
    monkeypatch.setitem(bus._decision_handlers, ContactsDeleted, [events.append])
    return events


def test_suppressing_is_told_once_and_a_stronger_reason_replaces_a_weaker_one(
    workspace: Workspace, heard: list[Any]
) -> None:
    pk = workspace.pk
    assert services.suppress(workspace_id=pk, email="Ada@Example.com", reason="bounced")
    assert not services.suppress(workspace_id=pk, email="ada@example.com", reason="manual")
    assert Suppression.objects.get().reason == "bounced"
    assert not services.suppress(workspace_id=pk, email="ada@example.com", reason="complained", detail="loop")
    assert (Suppression.objects.get().reason, Suppression.objects.get().detail) == ("complained", "loop")
    assert heard == [AddressesSuppressed(pk, ("ada@example.com",), "bounced")]
    assert selectors.is_suppressed(pk, "ADA@example.com")
    assert services.lift_suppression(workspace_id=pk, email="Ada@example.com")
    assert not services.lift_suppression(workspace_id=pk, email="Ada@example.com")


def test_an_unsubscribe_suppresses_in_this_workspace_alone(workspace: Workspace, stranger: Membership) -> None:
    contact = make_contact(workspace)
    theirs = make_contact(stranger.workspace)
    assert services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=contact.pk)
    assert not services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=contact.pk)
    assert not services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=theirs.pk)
    assert not services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=10**9)
    assert list(Suppression.objects.values_list("workspace_id", "email_key", "reason")) == [
        (workspace.pk, "ada@example.com", "unsubscribed")
    ]


def gone(workspace: Workspace, email: str = "ada@example.com") -> int:
    contact = make_contact(workspace, email)
    pk = contact.pk
    assert services.delete_contacts(workspace=workspace, contact_ids=[pk]) == 1
    return pk


def test_a_deleted_contact_leaves_a_hash_and_no_address(workspace: Workspace, heard: list[Any]) -> None:
    pk = gone(workspace)
    tombstone = DeletedContact.objects.get(pk=pk)
    assert len(bytes(tombstone.email_hash)) == 32
    assert heard == [ContactsDeleted(workspace.pk, (pk,))]


def test_contacts_of_another_workspace_are_not_deleted(workspace: Workspace, stranger: Membership) -> None:
    theirs = make_contact(stranger.workspace)
    assert services.delete_contacts(workspace=workspace, contact_ids=[theirs.pk]) == 0
    assert Contact.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("comes_back", ["by hand", "by import", "by a change of address"])
def test_an_old_link_still_unsubscribes_whoever_has_the_address_now_or_later(
    workspace: Workspace, comes_back: str
) -> None:
    before = gone(workspace, "Back@example.com")

    def return_(email: str) -> None:
        match comes_back:
            case "by hand":
                services.create_contact(workspace=workspace, email=email)
            case "by import":
                run_file(workspace, f"Email\n{email}\nother@example.com\n".encode())
            case _:
                services.update_contact(make_contact(workspace, "x@example.com"), email=email)

    return_("BACK@example.com")
    assert not Suppression.objects.exists()
    assert services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=before)
    assert Suppression.objects.get().email_key == "back@example.com"

    unsubscribed = gone(workspace, "later@example.com")
    Contact.objects.filter(email_key__in=["x@example.com", "other@example.com"]).delete()
    assert services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=unsubscribed)
    assert not services.unsubscribe_contact(workspace_id=workspace.pk, contact_id=unsubscribed)
    assert Suppression.objects.count() == 1
    return_("Later@example.com")
    assert set(Suppression.objects.values_list("email_key", flat=True)) == {"back@example.com", "later@example.com"}


def test_engagement_keeps_the_latest_moment(workspace: Workspace) -> None:
    first, second = make_contacts(workspace, 2)
    services.record_engagement(opened={first.pk: NOON, second.pk: NOON}, clicked={first.pk: NOON})
    services.record_engagement(
        opened={first.pk: NOON - timedelta(days=1), second.pk: NOON + timedelta(days=1)}, clicked={}
    )
    services.record_sent(contact_ids=[first.pk], at=NOON)
    services.record_sent(contact_ids=[first.pk, 10**9], at=NOON - timedelta(hours=1))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.last_opened_at, first.last_clicked_at, first.last_sent_at) == (NOON, NOON, NOON)
    assert (second.last_opened_at, second.last_clicked_at) == (NOON + timedelta(days=1), None)


def audience(workspace: Workspace, **parts: list[int]) -> list[int]:
    wanted = {"list_ids": [], "segment_ids": [], "excluded_list_ids": [], "excluded_segment_ids": [], **parts}
    sql, params = selectors.audience_query(workspace_id=workspace.pk, **wanted)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({sql}) audience ORDER BY id", params)
        return [pk for (pk,) in cursor.fetchall()]


def test_an_audience_is_the_union_without_what_is_excluded_and_nobody_twice(
    workspace: Workspace, stranger: Membership
) -> None:
    people = make_contacts(workspace, 6)
    pks = [person.pk for person in people]
    one, two, out = (
        make_list(workspace, name, members)
        for name, members in [("1", people[:3]), ("2", people[2:4]), ("x", people[:1])]
    )
    segment = services.create_segment(
        workspace=workspace,
        name="S",
        definition={"conditions": [{"field": "first_name", "operator": "is", "value": "Given5"}]},
    )
    services.suppress(workspace_id=workspace.pk, email=people[1].email, reason="manual")
    assert audience(workspace, list_ids=[one.pk, two.pk]) == pks[:4]
    assert audience(workspace, list_ids=[one.pk], segment_ids=[segment.pk], excluded_list_ids=[out.pk]) == [
        *pks[1:3],
        pks[5],
    ]
    assert audience(workspace, list_ids=[one.pk], excluded_segment_ids=[segment.pk]) == pks[:3]
    assert audience(workspace) == []
    foreign = services.create_segment(workspace=stranger.workspace, name="All", definition={})
    assert audience(workspace, segment_ids=[foreign.pk], list_ids=[make_list(stranger.workspace).pk]) == []


def test_an_app_above_can_add_a_kind_of_condition(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from contacts.segments import subjects

    monkeypatch.setattr(subjects, "_registered", {})
    people = make_contacts(workspace, 3)
    operator = Operator("odd", "is odd", ValueKind.NONE, lambda _value, _moment: Sql("mod(c.id, 2) = 1"))
    selectors.register_condition("number", lambda _workspace_id: Subject("number", "Number", "Extra", (operator,)))
    definition = selectors.checked_definition(workspace.pk, {"conditions": [{"field": "number", "operator": "odd"}]})
    assert selectors.count_matching(workspace, definition) == sum(person.pk % 2 for person in people)


def test_merge_fields_and_the_context_they_come_from(workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Plan", type_="choice", choices=["pro"])
    contact = make_contact(workspace, first_name="Ada", last_name="Lovelace", attributes={"plan": "pro"})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {selectors.CONTEXT_COLUMNS} FROM contacts_contact c WHERE c.id = %s", [contact.pk])
        names = [column[0] for column in cursor.description or []]
        row = dict(zip(names, cursor.fetchone(), strict=True))
    context = selectors.liquid_context(row)
    assert (context["fullName"], context["plan"], context["email"]) == ("Ada Lovelace", "pro", "ada@example.com")
    keys = [field.key for field in selectors.merge_fields(workspace)]
    assert set(context) == set(keys)


def test_a_contact_with_the_same_address_in_other_letters_is_refused(workspace: Workspace) -> None:
    services.create_contact(workspace=workspace, email="Ada@example.com")
    with pytest.raises(InvalidContact) as refusal:
        services.create_contact(workspace=workspace, email="ADA@EXAMPLE.com")
    assert "email" in refusal.value.fields
