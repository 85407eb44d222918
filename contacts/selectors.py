"""Reads of contacts; every queryset that leaves this app starts here, scoped to a workspace."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from contacts.addresses import check_address as check_address
from contacts.addresses import email_key as email_key
from contacts.exceptions import BadValueError
from contacts.merge_fields import CONTEXT_COLUMNS as CONTEXT_COLUMNS
from contacts.merge_fields import MergeField as MergeField
from contacts.merge_fields import liquid_context as liquid_context
from contacts.merge_fields import merge_fields as merge_fields
from contacts.models import (
    SEARCH_TEXT,
    Contact,
    ContactField,
    Import,
    List,
    ListMember,
    Segment,
    Suppression,
)
from contacts.segments.definition import check_definition, compile_definition, describe, uses
from contacts.segments.fields import CUSTOM_PREFIX, custom_subject, profile_subjects
from contacts.segments.membership import LIST, list_subject, suppression_subject, tags_subject
from contacts.segments.sql import Sql as Sql
from contacts.segments.sql import all_of, any_of
from contacts.segments.subjects import Moment as Moment
from contacts.segments.subjects import Operator as Operator
from contacts.segments.subjects import Option as Option
from contacts.segments.subjects import Subject as Subject
from contacts.segments.subjects import ValueKind as ValueKind
from contacts.segments.subjects import register_condition as register_condition
from contacts.segments.subjects import registered_subjects
from contacts.values import Value as FieldValue
from contacts.values import coercer
from core import clock
from core.exceptions import InvalidInput, NotFound
from team.models import Workspace

MAX_SEARCH_WORDS = 6
TRIGRAM = 3

# A count that takes longer than this (in ms) is given up: the page that asks is waiting.
COUNT_TIMEOUT = 10_000


def contacts_in(workspace: Workspace) -> QuerySet[Contact]:
    """Return the workspace's contacts; every id is above 0, and saying so opens the index for pages to the planner."""
    return Contact.objects.filter(workspace=workspace, pk__gt=0)


def contact_in(workspace: Workspace, contact_id: int) -> Contact:
    """Return one contact.  Raises NotFound."""
    contact = contacts_in(workspace).filter(pk=contact_id).first()
    if contact is None:
        raise NotFound("This workspace has no such contact.")
    return contact


def contact_with_address(workspace: Workspace, email: str) -> Contact | None:
    """Return the contact with the address, whatever its case; None if there is none."""
    return contacts_in(workspace).select_related("workspace").filter(email_key=email_key(email)).first()


def lists_in(workspace: Workspace) -> QuerySet[List]:
    """Return the workspace's lists by name."""
    return List.objects.filter(workspace=workspace)


def lists_with_size(workspace: Workspace) -> QuerySet[List]:
    """Return the workspace's lists by name, annotated with `size`, the number of their members."""
    return with_size(lists_in(workspace))


def with_size(lists: QuerySet[List]) -> QuerySet[List]:
    """Annotate lists with `size`, the number of their members."""
    return lists.annotate(size=Count("list_members"))


def list_in(workspace: Workspace, list_id: int) -> List:
    """Return one list.  Raises NotFound."""
    found = lists_in(workspace).filter(pk=list_id).first()
    if found is None:
        raise NotFound("This workspace has no such list.")
    return found


def list_sizes(list_ids: Collection[int]) -> dict[int, int]:
    """Return how many members each list has, in one query over the index of members."""
    sizes = dict.fromkeys(list_ids, 0)
    rows = ListMember.objects.filter(list_id__in=list_ids).values_list("list_id").annotate(Count("pk"))
    return sizes | dict(rows)


def lists_of(contacts: Collection[Contact]) -> dict[int, list[List]]:
    """Return the lists that each contact is in, by the contact's id, in one query."""
    by_contact: dict[int, list[List]] = {contact.pk: [] for contact in contacts}
    members = ListMember.objects.filter(contact__in=contacts).select_related("list").order_by("list__name")
    for member in members:
        by_contact[member.contact_id].append(member.list)
    return by_contact


def segments_in(workspace: Workspace) -> QuerySet[Segment]:
    """Return the workspace's segments by name."""
    return Segment.objects.filter(workspace=workspace)


def segment_in(workspace: Workspace, segment_id: int) -> Segment:
    """Return one segment.  Raises NotFound."""
    found = segments_in(workspace).filter(pk=segment_id).first()
    if found is None:
        raise NotFound("This workspace has no such segment.")
    return found


def segments_using(workspace_id: int, subject: str, value: Any = None) -> list[Segment]:
    """Return the segments with a condition on the subject (and, if given, with this value)."""
    segments = Segment.objects.filter(workspace_id=workspace_id)
    return [segment for segment in segments if uses(segment.definition, subject, value)]


def fields_in(workspace: Workspace) -> QuerySet[ContactField]:
    """Return the workspace's custom fields by label."""
    return ContactField.objects.filter(workspace=workspace)


def field_in(workspace: Workspace, field_id: int) -> ContactField:
    """Return one custom field.  Raises NotFound."""
    found = fields_in(workspace).filter(pk=field_id).first()
    if found is None:
        raise NotFound("This workspace has no such field.")
    return found


def checked_value(field: ContactField | None, raw: object) -> FieldValue | None:
    """Return a value as the custom field keeps it; None if it is empty.

    Raises InvalidInput, whose `fields` say whether it is the "field" (there is none) or the "value" that can't be.
    """
    if field is None:
        message = "This workspace has no such field."
        raise InvalidInput(message, fields={"field": [message]})
    try:
        return coercer(field.type, choices=field.choices)(raw)
    except BadValueError as error:
        raise InvalidInput(str(error), fields={"value": [str(error)]}) from error


def imports_in(workspace: Workspace) -> QuerySet[Import]:
    """Return the workspace's imports, newest first."""
    return Import.objects.filter(workspace=workspace).select_related("list")


def import_in(workspace: Workspace, import_id: int) -> Import:
    """Return one import.  Raises NotFound."""
    found = imports_in(workspace).filter(pk=import_id).first()
    if found is None:
        raise NotFound("This workspace has no such import.")
    return found


def suppressions_in(workspace: Workspace) -> QuerySet[Suppression]:
    """Return the workspace's suppressed addresses."""
    return Suppression.objects.filter(workspace=workspace, pk__gt=0)


def suppression_in(workspace: Workspace, suppression_id: int) -> Suppression:
    """Return one suppression.  Raises NotFound."""
    found = suppressions_in(workspace).filter(pk=suppression_id).first()
    if found is None:
        raise NotFound("This workspace has no such suppression.")
    return found


def suppressions_of(workspace_id: int, contacts: Collection[Contact]) -> dict[str, Suppression]:
    """Return the suppressions of these contacts by the key of the address, in one query."""
    keys = [contact.email_key for contact in contacts]
    return {row.email_key: row for row in Suppression.objects.filter(workspace_id=workspace_id, email_key__in=keys)}


def is_suppressed(workspace_id: int, email: str) -> bool:
    """Tell whether the address gets no mail from the workspace."""
    return Suppression.objects.filter(workspace_id=workspace_id, email_key=email_key(email)).exists()


def with_state(contacts: QuerySet[Contact], workspace: Workspace) -> QuerySet[Contact]:
    """Annotate contacts with `list_ids` and `suppressed_because`, for the API."""
    memberships = ListMember.objects.filter(contact=OuterRef("pk")).order_by("list_id").values("list_id")
    return with_suppression(contacts.filter(workspace=workspace)).annotate(list_ids=ArraySubquery(memberships))


def with_suppression(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Annotate contacts with `suppressed_because`: the reason, "" for those who can get mail."""
    suppressions = Suppression.objects.filter(workspace=OuterRef("workspace"), email_key=OuterRef("email_key"))
    return contacts.annotate(suppressed_because=Coalesce(Subquery(suppressions.values("reason")), Value("")))


# Search


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """What the contact list is narrowed to; `status` is "", "mailable", "suppressed" or a reason of suppression."""

    query: str = ""
    list_id: int | None = None
    segment_id: int | None = None
    status: str = ""

    def __bool__(self) -> bool:
        return bool(self.query or self.list_id or self.segment_id or self.status)


def find_contacts(workspace: Workspace, criteria: ContactFilter) -> QuerySet[Contact]:
    """Return the contacts that fit.  Raises NotFound for a foreign list or segment, InvalidSegment for a broken one."""
    contacts = contacts_in(workspace)
    if criteria.query:
        contacts = _searched(contacts, criteria.query)
    if criteria.list_id:
        members = ListMember.objects.filter(list=list_in(workspace, criteria.list_id), contact=OuterRef("pk"))
        contacts = contacts.filter(Exists(members))
    if criteria.segment_id:
        segment = segment_in(workspace, criteria.segment_id)
        contacts = matching(contacts, workspace, segment.definition)
    if criteria.status:
        suppressed = Suppression.objects.filter(workspace=workspace, email_key=OuterRef("email_key"))
        if criteria.status == "mailable":
            contacts = contacts.filter(~Exists(suppressed))
        elif criteria.status == "suppressed":
            contacts = contacts.filter(Exists(suppressed))
        else:
            contacts = contacts.filter(Exists(suppressed.filter(reason=criteria.status)))
    return contacts


def _searched(contacts: QuerySet[Contact], query: str) -> QuerySet[Contact]:
    """Every word must stand in the address, the names or the company.

    The trigram index finds words of three letters or more; a shorter one must begin the address, which its index finds.
    """
    contacts = contacts.alias(search_text=SEARCH_TEXT)
    for word in query.replace("\x00", " ").lower().split()[:MAX_SEARCH_WORDS]:
        indexed = len(word) >= TRIGRAM
        contacts = contacts.filter(**{"search_text__contains" if indexed else "email_key__startswith": word})
    return contacts


def contact_ids_at(workspace_id: int, domain: str) -> list[int]:
    """Return the contacts with an address at the domain (in ASCII, small letters), by the index for searching."""
    contacts = Contact.objects.alias(search_text=SEARCH_TEXT).filter(workspace=workspace_id)
    at = contacts.filter(search_text__contains=f"@{domain} ", email_key__endswith=f"@{domain}")
    return list(at.order_by("pk").values_list("pk", flat=True))


def count_contacts(workspace: Workspace, criteria: ContactFilter) -> int:
    """Return how many contacts fit.  Raises as `find_contacts` does."""
    if criteria.status != "mailable":
        return find_contacts(workspace, criteria).count()
    # The few who are suppressed are found by an index; looking every other one up would take seconds.
    everybody, suppressed = replace(criteria, status=""), replace(criteria, status="suppressed")
    return find_contacts(workspace, everybody).count() - find_contacts(workspace, suppressed).count()


# Segments


def moment_in(time_zone: str, *, now: datetime | None = None) -> Moment:
    """Return the moment at which a segment is asked, with the day it is in the time zone."""
    now = now or clock.now()
    return Moment(now, now.astimezone(ZoneInfo(time_zone)).date(), time_zone)


def subjects_in(workspace_id: int) -> dict[str, Subject]:
    """Return everything that the workspace's segments can ask about, by key, in the order of the builder's menu."""
    lists = List.objects.filter(workspace_id=workspace_id).values_list("pk", "name")
    fields = ContactField.objects.filter(workspace_id=workspace_id)
    subjects = [
        *profile_subjects(),
        *map(custom_subject, fields),
        list_subject(lists),
        tags_subject(),
        suppression_subject(),
        *registered_subjects(workspace_id),
    ]
    return {subject.key: subject for subject in subjects}


def segment_sql(workspace_id: int, definition: Mapping[str, Any], *, now: datetime | None = None) -> Sql:
    """Return the condition on a contact's row `c` that a checked definition means now.  Raises InvalidSegment."""
    time_zone = Workspace.objects.values_list("time_zone", flat=True).get(pk=workspace_id)
    return compile_definition(definition, subjects_in(workspace_id), moment_in(time_zone, now=now))


def describe_segment(workspace_id: int, definition: Mapping[str, Any]) -> str:
    """Return a definition as a sentence."""
    return describe(definition, subjects_in(workspace_id))


def matching(contacts: QuerySet[Contact], workspace: Workspace, definition: Mapping[str, Any]) -> QuerySet[Contact]:
    """Narrow contacts to those that a checked definition matches."""
    condition = segment_sql(workspace.pk, definition)
    inner = f"SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %s AND ({condition.text})"  # noqa: S608 - see Sql
    return contacts.filter(pk__in=RawSQL(inner, (workspace.pk, *condition.params)))  # noqa: S611 - see Sql


def count_matching(workspace: Workspace, definition: Mapping[str, Any]) -> int | None:
    """Return how many contacts a checked definition matches; None if counting takes too long."""
    condition = segment_sql(workspace.pk, definition)
    query = f"SELECT count(*) FROM contacts_contact c WHERE c.workspace_id = %s AND ({condition.text})"  # noqa: S608
    return _count_in_time(query, (workspace.pk, *condition.params))


def _count_in_time(query: str, params: Sequence[Any]) -> int | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(COUNT_TIMEOUT)])
            cursor.execute(query, params)
            (count,) = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if "statement timeout" in str(error):
            return None
        raise
    return int(count)


def audience_query(
    *,
    workspace_id: int,
    list_ids: Collection[int],
    segment_ids: Collection[int],
    excluded_list_ids: Collection[int] = (),
    excluded_segment_ids: Collection[int] = (),
) -> tuple[str, list[Any]]:
    """Return (SQL, parameters) of one SELECT of contact ids (`id`), each once: in any of the lists or segments, in none of
    the excluded ones.

    Suppressed contacts are among them: who asks decides what to do with them. Nobody without a list or segment.
    Raises InvalidSegment when a segment can't be asked any more.
    """
    segments = Segment.objects.filter(workspace_id=workspace_id, pk__in=[*segment_ids, *excluded_segment_ids])
    definitions = dict(segments.values_list("pk", "definition"))
    conditions: dict[int, Sql] = {}
    if definitions:
        time_zone = Workspace.objects.values_list("time_zone", flat=True).get(pk=workspace_id)
        moment, subjects = moment_in(time_zone), subjects_in(workspace_id)
        conditions = {pk: compile_definition(tree, subjects, moment) for pk, tree in definitions.items()}

    def member_of(lists: Collection[int], segments: Collection[int]) -> Sql:
        parts = [_in_lists(lists)] if lists else []
        return any_of([*parts, *(conditions[pk] for pk in segments if pk in conditions)])

    wanted = member_of(list_ids, segment_ids)
    unwanted = member_of(excluded_list_ids, excluded_segment_ids)
    condition = all_of([Sql("c.workspace_id = %s", (workspace_id,)), wanted, unwanted.negated()])
    return f"SELECT c.id FROM contacts_contact c WHERE {condition.text}", list(condition.params)  # noqa: S608 - see Sql


def _in_lists(list_ids: Collection[int]) -> Sql:
    text = "EXISTS (SELECT 1 FROM contacts_listmember lm WHERE lm.contact_id = c.id AND lm.list_id = ANY (%s))"
    return Sql(text, (list(list_ids),))


def checked_definition(
    workspace_id: int, definition: object, *, subjects: Mapping[str, Subject] | None = None
) -> dict[str, Any]:
    """Return a definition in its normal form.  Raises InvalidSegment.

    `subjects` are those of the workspace (`subjects_in`), for who checks many.
    """
    return check_definition(definition, subjects if subjects is not None else subjects_in(workspace_id))


def segments_with_field(field: ContactField) -> list[Segment]:
    """Return the segments that ask about a custom field."""
    return segments_using(field.workspace_id, f"{CUSTOM_PREFIX}{field.key}")


def segments_with_list(list_: List) -> list[Segment]:
    """Return the segments that ask about a list."""
    return segments_using(list_.workspace_id, LIST, list_.pk)
