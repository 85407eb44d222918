"""How a CSV file is laid out: delimiter, header, columns, and how it writes dates and numbers."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from contacts.addresses import BadAddressError, check_address
from contacts.exceptions import UnreadableFile
from contacts.imports.encodings import detect_encoding
from contacts.imports.records import Record, RecordReader
from contacts.models import Import

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}
SAMPLE_RECORDS = 200
SAMPLE_CHARACTERS = 1 << 18
MAX_COLUMNS = 500

_YEAR_LAST = re.compile(r"(\d{1,2})([./-]) ?(\d{1,2})\2 ?\d{4}(?: \d{1,2}:\d{2}.*)?\Z", re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),(\d+)\Z", re.ASCII)
_POINT_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)\.(\d+)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found out about a file; people can correct each of it."""

    encoding: str
    delimiter: str
    has_header: bool
    date_order: str
    decimal_comma: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The file's columns by name and its first records, all as wide as the header (missing cells are empty)."""

    columns: list[str]
    rows: list[list[str]]

    def samples(self, index: int, limit: int = 3) -> list[str]:
        """Return the first different values of a column."""
        values = dict.fromkeys(row[index].strip() for row in self.rows)
        return [value for value in values if value][:limit]

    def values(self, index: int) -> list[str]:
        """Return the values of a column that aren't empty."""
        return [row[index].strip() for row in self.rows if row[index].strip()]


def inspect_file(file: BinaryIO, *, encoding: str = "", delimiter: str = "") -> Layout:
    """Find out how the file is laid out; what is given is taken as given.  Raises UnreadableFile."""
    encoding = encoding or detect_encoding(file)
    delimiter = delimiter or _detect_delimiter(file, encoding)
    records = read_records(file, encoding=encoding, delimiter=delimiter, limit=SAMPLE_RECORDS)
    if not records:
        raise UnreadableFile("The file is empty.")
    rows = [record.cells for record in records if not record.problem]
    has_header = _has_header(rows)
    cells = [cell.strip() for row in rows[has_header:] for cell in row if cell]
    return Layout(encoding, delimiter, has_header, _date_order(cells), _decimal_comma(cells))


def read_records(file: BinaryIO, *, encoding: str, delimiter: str, limit: int) -> list[Record]:
    """Return the first records of the file, faulty ones included."""
    reader = RecordReader(file, encoding=encoding, delimiter=delimiter)
    try:
        return list(itertools.islice(reader, limit))
    except UnicodeError as error:
        raise UnreadableFile(f"The file can't be read as {encoding.upper()}: {error}") from error
    finally:
        reader.detach()
        file.seek(0)


def preview_file(file: BinaryIO, layout: Layout, *, rows: int = SAMPLE_RECORDS) -> Preview:
    """Return the columns and the first rows under this layout.  Raises UnreadableFile."""
    records = read_records(file, encoding=layout.encoding, delimiter=layout.delimiter, limit=rows + 1)
    if not records:
        raise UnreadableFile("The file is empty.")
    first = [cell.strip() for cell in records[0].cells]
    width = len(first) if layout.has_header else max(len(record.cells) for record in records)
    if width > MAX_COLUMNS:
        raise UnreadableFile(f"The file has {width:,} columns; at most {MAX_COLUMNS} can be read.")
    names = first if layout.has_header else []
    columns = [name or f"Column {index}" for index, name in enumerate([*names, *[""] * (width - len(names))], start=1)]
    body = records[1:] if layout.has_header else records
    return Preview(columns, [(record.cells + [""] * width)[:width] for record in body if not record.problem])


def _detect_delimiter(file: BinaryIO, encoding: str) -> str:
    """Choose the delimiter that gives most records the same number of cells, and more than one."""
    text = io.TextIOWrapper(
        file, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline=""
    )
    file.seek(0)
    try:
        sample = text.read(SAMPLE_CHARACTERS)
    finally:
        text.detach()
        file.seek(0)
    lines = sample.splitlines(keepends=True)
    complete = lines[:-1] if len(lines) > 1 and len(sample) == SAMPLE_CHARACTERS else lines

    def fit(delimiter: str) -> tuple[float, int]:
        rows = itertools.islice(csv.reader(complete, delimiter=delimiter), SAMPLE_RECORDS)
        try:
            widths = Counter(len(row) for row in rows if row)
        except csv.Error:
            return 0.0, 0
        if not widths:
            return 0.0, 0
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        return (count / widths.total() if width > 1 else 0.0), width

    best = max(DELIMITERS, key=fit)
    return best if fit(best)[0] > 0 else ","


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """A header holds no address, and names rather than numbers."""
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0]]
    if any(is_address(cell) for cell in first):
        return False
    named = sum(1 for cell in first if cell and not re.fullmatch(r"[\d.,:/\s+-]+", cell))
    return named >= max(1, len([cell for cell in first if cell]) * 0.5)


def is_address(cell: str) -> bool:
    """Tell whether the cell is an email address."""
    if "@" not in cell:
        return False
    try:
        check_address(cell)
    except BadAddressError:
        return False
    return True


def _date_order(cells: Sequence[str]) -> str:
    first = second = dots = 0
    for cell in cells:
        if found := _YEAR_LAST.match(cell):
            first, second = max(first, int(found[1])), max(second, int(found[3]))
            dots += found[2] == "."
    if not first:
        return Import.DateOrder.YEAR_FIRST
    if second > 12:
        return Import.DateOrder.MONTH_FIRST
    if first > 12 or dots:
        return Import.DateOrder.DAY_FIRST
    return Import.DateOrder.MONTH_FIRST


def _decimal_comma(cells: Sequence[str]) -> bool:
    commas = sum(1 for cell in cells if (found := _COMMA_NUMBER.match(cell)) and (len(found[1]) != 3 or "." in cell))
    points = sum(1 for cell in cells if (found := _POINT_NUMBER.match(cell)) and (len(found[1]) != 3 or "," in cell))
    return commas > points
