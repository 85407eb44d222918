"""The audit trail is written by the database, whatever wrote the change."""

import pytest
from django.db import DatabaseError, connection, transaction

from team import actors
from team.models import AuditEntry, Membership, Role, Workspace
from tests.factories.team import MembershipFactory, UserFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db


def entries(row, **filters):
    return AuditEntry.objects.filter(table=row._meta.db_table, row_id=str(row.pk), **filters).order_by("pk")


def divide_by_zero():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def test_a_new_row_is_recorded_with_its_values_and_its_workspace():
    workspace = WorkspaceFactory(name="Tea House", website="")

    (entry,) = entries(workspace)

    assert (entry.action, entry.workspace_id, entry.before) == ("INSERT", workspace.pk, None)
    assert entry.after["name"] == "Tea House"
    assert "website" not in entry.after


def test_a_change_records_only_the_columns_that_changed():
    workspace = WorkspaceFactory(name="Tea House")

    Workspace.objects.filter(pk=workspace.pk).update(name="Coffee House")

    entry = entries(workspace).last()
    assert (entry.action, entry.before, entry.after) == ("UPDATE", {"name": "Tea House"}, {"name": "Coffee House"})


def test_a_change_that_changes_nothing_leaves_no_entry():
    workspace = WorkspaceFactory()

    workspace.save()

    assert entries(workspace).count() == 1


def test_a_deleted_row_is_recorded_with_what_it_was():
    membership = MembershipFactory(role=Role.ANALYST)
    pk = membership.pk

    Membership.objects.filter(pk=pk).delete()

    entry = AuditEntry.objects.get(table="team_membership", row_id=str(pk), action="DELETE")
    assert entry.before is not None
    assert entry.before["role"] == "analyst"
    assert entry.after is None
    assert entry.workspace_id == membership.workspace_id


def test_a_password_is_never_stored_in_the_trail():
    user = UserFactory()
    user.set_password("another secret")
    user.save()

    entry = entries(user).last()

    assert entry.before == entry.after == {"password": "(hidden)"}
    assert entries(user).first().after["password"] == "(hidden)"


def test_raw_sql_is_recorded_too():
    workspace = WorkspaceFactory()

    with connection.cursor() as cursor:
        cursor.execute("UPDATE team_workspace SET company = 'Raw Ltd' WHERE id = %s", [workspace.pk])

    assert entries(workspace).last().after == {"company": "Raw Ltd"}


def test_the_actor_is_who_acts_and_is_taken_back_afterwards():
    with actors.acting_as("command:demo"):
        with actors.acting_as("user:7"):
            inner = WorkspaceFactory()
        outer = WorkspaceFactory()
    after = WorkspaceFactory()

    assert [entries(row).get().actor for row in (inner, outer, after)] == ["user:7", "command:demo", "system"]


@pytest.mark.django_db(transaction=True)
def test_the_actor_is_taken_back_after_a_failed_transaction():
    with pytest.raises(DatabaseError), transaction.atomic(), actors.acting_as("user:7"):
        divide_by_zero()

    assert actors.current_actor() == ""


@pytest.mark.django_db(transaction=True)
def test_the_actor_is_taken_back_when_the_transaction_inside_fails():
    with pytest.raises(DatabaseError), actors.acting_as("user:7"), transaction.atomic():
        divide_by_zero()

    assert actors.current_actor() == ""


def test_a_bulk_change_leaves_no_entries():
    actors.set_local(actors.BULK_SETTING, "on")

    workspace = WorkspaceFactory()

    assert not entries(workspace).exists()


def test_a_long_text_is_cut():
    workspace = WorkspaceFactory(postal_address="x" * 5000)

    assert len(entries(workspace).get().after["postal_address"]) == 2001


@pytest.mark.parametrize("change", ["UPDATE team_auditentry SET actor = 'nobody'", "DELETE FROM team_auditentry"])
def test_the_trail_itself_cannot_be_changed(change):
    WorkspaceFactory()

    with pytest.raises(DatabaseError, match="can't be changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_table_without_a_workspace_takes_it_from_its_parent():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE note (id bigint PRIMARY KEY, token_id bigint, text text)")
        cursor.execute("SELECT audit_attach('note', 'token_id:team_membership', '{noise}')")
        membership = MembershipFactory()
        cursor.execute("INSERT INTO note VALUES (1, %s, 'hello')", [membership.pk])

    assert AuditEntry.objects.get(table="note").workspace_id == membership.workspace_id


def test_the_way_to_the_workspace_may_lead_through_several_parents():
    membership = MembershipFactory()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE card (id bigint PRIMARY KEY, member_id bigint)")
        cursor.execute("CREATE TABLE stamp (id bigint PRIMARY KEY, card_id bigint)")
        cursor.execute("SELECT audit_attach('stamp', 'card_id:card:member_id:team_membership')")
        cursor.execute("INSERT INTO card VALUES (1, %s)", [membership.pk])
        cursor.execute("INSERT INTO stamp VALUES (1, 1), (2, 99)")

    workspaces = dict(AuditEntry.objects.filter(table="stamp").values_list("row_id", "workspace_id"))
    assert workspaces == {"1": membership.workspace_id, "2": None}
