"""What leaves the house as CSV, row by row (`core.spreadsheets` makes the lines)."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Subquery

from contacts.models import Contact, ContactField, Import, ImportRejection, ListMember, Suppression
from contacts.profile import COLUMNS
from contacts.values import as_text

FETCH = 2000


def contact_rows(contacts: QuerySet[Contact], fields: Iterable[ContactField]) -> Iterator[list[Any]]:
    """Yield the header and one row a contact, streamed from the server; custom fields follow the standard columns."""
    custom = list(fields)
    yield [
        "Email address",
        *(column.label for column in COLUMNS.values()),
        *(field.label for field in custom),
        "Tags",
        "Lists",
        "Suppressed",
        "Added",
    ]
    lists = ListMember.objects.filter(contact=OuterRef("pk")).order_by("list__name").values("list__name")
    suppression = Suppression.objects.filter(workspace=OuterRef("workspace"), email_key=OuterRef("email_key"))
    rows = contacts.order_by("pk").values_list(
        "email",
        *COLUMNS,
        "attributes",
        "tags",
        ArraySubquery(lists),
        Subquery(suppression.values("reason")),
        "created_at",
    )
    for email, *standard, attributes, tags, names, reason, created_at in rows.iterator(chunk_size=FETCH):
        values = [_cell(attributes.get(field.key)) for field in custom]
        belongs = [as_text(tags), as_text(names), reason or ""]
        yield [email, *standard, *values, *belongs, created_at.isoformat(timespec="seconds")]


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else as_text(value)


def rejected_rows(source: Import) -> Iterator[list[Any]]:
    """Yield the header and the rejected rows of an import as they were, the line and the reason behind them.

    A row that is too long or too short is filled up, so that the two always stand in the same columns.
    """
    width = len(source.columns)
    rejections = ImportRejection.objects.filter(source=source).order_by("line", "pk")
    yield [*source.columns, "Line", "Reason"]
    for line, reason, cells in rejections.values_list("line", "reason", "cells").iterator(chunk_size=FETCH):
        kept = cells[:width] if len(cells) <= width else [*cells[: width - 1], " | ".join(cells[width - 1 :])]
        yield [*kept, *[""] * (width - len(kept)), line, reason]
