"""CSV that leaves the house: streamed, and harmless in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Subquery

from contacts.imports.rows import FORMULA_STARTS
from contacts.models import Contact, ContactField, Import, ImportRejection, ListMember, Suppression
from contacts.profile import COLUMNS
from contacts.values import as_text

# Excel takes a file for UTF-8 only by its mark.
BOM = "\ufeff"
FETCH = 2000


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file in UTF-8 with its mark; text that a spreadsheet would run as a formula is quoted."""
    writer = csv.writer(_Echo())
    yield BOM
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def harmless(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: text gets an apostrophe, which our import takes off again."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def contact_rows(contacts: QuerySet[Contact], fields: Iterable[ContactField]) -> Iterator[list[Any]]:
    """Yield the header and one row a contact, streamed from the server; custom fields follow the standard columns."""
    custom = list(fields)
    yield [
        "Email address",
        *(column.label for column in COLUMNS.values()),
        *(field.label for field in custom),
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
        ArraySubquery(lists),
        Subquery(suppression.values("reason")),
        "created_at",
    )
    for email, *standard, attributes, names, reason, created_at in rows.iterator(chunk_size=FETCH):
        values = [_cell(attributes.get(field.key)) for field in custom]
        yield [email, *standard, *values, as_text(names), reason or "", created_at.isoformat(timespec="seconds")]


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
