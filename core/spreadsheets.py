"""CSV files that people open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralised(cell: str) -> str:
    """Return `cell` so that no spreadsheet runs it as a formula (OWASP: CSV injection).

    A leading apostrophe is put before what would start one; numbers stay as they are.
    """
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


class _Echo:
    """A file that hands back what is written to it, which is how `csv` streams."""

    def write(self, line: str) -> str:
        return line


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a CSV file line by line, every cell neutralised."""
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([neutralised(cell) for cell in row])
