"""Records turned into rows that can be merged, or rejected with the reason."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contacts.addresses import BadAddressError, check_address, email_key
from contacts.exceptions import BadValueError
from contacts.imports.mapping import EMAIL, FIELD_PREFIX, FULL_NAME, TAGS
from contacts.imports.records import Record
from contacts.models import ContactField
from contacts.profile import COLUMNS
from contacts.tags import clean_tags
from contacts.values import Formats, coercer, text_value
from core.spreadsheets import restored

MAX_KEPT_CELL = 1000

Clean = Callable[[Any], Any]
# email, email_key, then one value a column of COLUMNS (None: the file says nothing), then the custom values and the tags.
Row = list[Any]


@dataclass(slots=True)
class Chunk:
    """What became of some records: `rows` by address (the last one wins), the rejected ones, and how many were doubled."""

    rows: dict[str, Row] = field(default_factory=dict)
    rejected: list[tuple[int, list[str], str]] = field(default_factory=list)
    duplicates: int = 0
    records: int = 0


class RowParser:
    """Turns records into rows by a mapping; made once an import."""

    def __init__(
        self, mapping: Mapping[str, str], *, columns: list[str], fields: Mapping[str, ContactField], formats: Formats
    ) -> None:
        self.width = len(columns)
        self._email = next(int(column) for column, target in mapping.items() if target == EMAIL)
        self.standard = list(COLUMNS)
        self._plan: list[tuple[int, int, Clean, str]] = []
        self._custom: list[tuple[int, str, Clean, str]] = []
        self._full_name: int | None = None
        self._tags: int | None = None
        for text, target in sorted(mapping.items(), key=lambda item: int(item[0])):
            column = int(text)
            if target in COLUMNS:
                slot = 2 + self.standard.index(target)
                self._plan.append((column, slot, COLUMNS[target].clean, columns[column]))
            elif target == FULL_NAME:
                self._full_name = column
            elif target == TAGS:
                self._tags = column
            elif target.startswith(FIELD_PREFIX):
                custom = fields[target.removeprefix(FIELD_PREFIX)]
                clean = coercer(custom.type, choices=custom.choices, formats=formats)
                self._custom.append((column, custom.key, clean, columns[column]))

    def parse(self, records: Iterable[Record]) -> Chunk:
        """Sort the records into good rows and rejected ones."""
        chunk = Chunk()
        rows = chunk.rows
        for record in records:
            chunk.records += 1
            reason = record.problem or self._ragged(record.cells)
            if not reason:
                try:
                    row = self._row(record.cells)
                except BadValueError as error:
                    reason = str(error)
                else:
                    key = row[1]
                    if key in rows:
                        chunk.duplicates += 1
                        row = _later_wins(rows[key], row)
                    rows[key] = row
                    continue
            chunk.rejected.append((record.line, [_kept(cell) for cell in record.cells[: self.width + 20]], reason))
        return chunk

    def _ragged(self, cells: list[str]) -> str:
        if len(cells) == self.width:
            return ""
        while len(cells) > self.width and not cells[-1]:
            cells.pop()  # spreadsheets leave empty cells behind the last column
        if len(cells) == self.width:
            return ""
        return f"This row has {_count(len(cells), 'cell')}, the file has {_count(self.width, 'column')}."

    def _row(self, cells: list[str]) -> Row:
        if not cells[self._email].strip():
            raise BadValueError("The address is missing.")
        try:
            email = check_address(cells[self._email])
        except BadAddressError as error:
            raise BadValueError(f"“{cells[self._email].strip()[:80]}” is no email address: {error}") from error
        row: Row = [email, email_key(email), None, None, None, None, None, None, None]
        for column, slot, clean, name in self._plan:
            if cell := cells[column]:
                row[slot] = _cleaned(clean, cell, name) or None
        if self._full_name is not None and (name := _cleaned(text_value, cells[self._full_name], "Full name")):
            first, _, last = name.rpartition(" ")
            row[2:4] = [(first or last)[:150], last[:150] if first else None]
        if self._custom:
            row[7] = self._custom_values(cells) or None
        if self._tags is not None and (cell := cells[self._tags]):
            row[8] = _cleaned(clean_tags, cell, "Tags") or None
        return row

    def _custom_values(self, cells: list[str]) -> dict[str, Any]:
        values = {}
        for column, key, clean, name in self._custom:
            if (cell := cells[column]) and (value := _cleaned(clean, cell, name)) is not None:
                values[key] = value
        return values


def _cleaned(clean: Clean, cell: str, name: str) -> Any:
    try:
        return clean(restored(cell))
    except BadValueError as error:
        raise BadValueError(f"{name}: {error}") from error


def _later_wins(earlier: Row, later: Row) -> Row:
    """Merge two rows of one address as if they had been imported one after the other: empty cells overwrite nothing."""
    merged = [old if new is None else new for old, new in zip(earlier[:7], later[:7], strict=True)]
    values = {**(earlier[7] or {}), **(later[7] or {})}
    tags = {*(earlier[8] or ()), *(later[8] or ())}
    return [*merged, values or None, sorted(tags) or None]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _kept(cell: str) -> str:
    """Return the cell as it is kept for the file of rejected rows: shortened, and storable."""
    text = cell if len(cell) <= MAX_KEPT_CELL else cell[:MAX_KEPT_CELL] + "…"
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def attributes_json(values: dict[str, Any] | None) -> str | None:
    """Return the custom values as JSON text for COPY."""
    return json.dumps(values, ensure_ascii=False) if values else None
