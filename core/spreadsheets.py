"""CSV files that people open in a spreadsheet: streamed, read as UTF-8, and never run."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Excel takes a file for UTF-8 only by its mark.
BOM = "\ufeff"


def neutralised(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP: CSV injection).

    Text gets an apostrophe in front of what would start one; what is or reads as a number stays as it is.
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def restored(cell: str) -> str:
    """Return a cell as it was before `neutralised`, or before a spreadsheet did the same."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA_STARTS else cell


class _Echo:
    """A file that hands back what is written to it, which is how `csv` streams."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield a CSV file line by line behind its mark, every cell neutralised."""
    writer = csv.writer(_Echo())
    yield BOM
    for row in rows:
        yield writer.writerow([neutralised(cell) for cell in row])


def csv_response(rows: Iterable[Iterable[Any]], *, name: str) -> StreamingHttpResponse:
    """Return an answer that streams the rows as a CSV file of this name."""
    response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
