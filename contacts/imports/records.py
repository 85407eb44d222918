"""The records of a CSV file, read as a stream and robust against what real files hold.

A quote that is never closed costs one line, not the rest of the file: the reader gives that line up and goes on behind it.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from contacts.exceptions import UnreadableFile

# No contact needs more: a record that is longer, or spans more lines, has lost a quote.
MAX_RECORD = 128 * 1024
MAX_RECORD_LINES = 200
MAX_LOST_QUOTES = 100

MISPLACED = "A quote on this line is in the wrong place."
NEVER_CLOSED = "A quote on this line is never closed."
TOO_LONG = f"This line is longer than {MAX_RECORD:,} characters."
UNDECODABLE = "This line holds bytes that can't be read as {encoding}."

csv.field_size_limit(max(csv.field_size_limit(), 2 * MAX_RECORD))


class Record(NamedTuple):
    """One record: the number of its first line, its cells, and what is wrong with it ("" if nothing is)."""

    line: int
    cells: list[str]
    problem: str = ""


class _LostQuoteError(Exception):
    pass


class RecordReader:
    """Iterates over the records of a file; blank ones are left out.  Memory is bounded by MAX_RECORD."""

    def __init__(self, file: BinaryIO, *, encoding: str, delimiter: str) -> None:
        file.seek(0)
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        self._binary = file
        self._encoding = encoding
        self._delimiter = delimiter
        # newline="" keeps line ends inside quotes as they are, and still splits at \r, \n and \r\n.
        self._text = io.TextIOWrapper(file, encoding=codec, errors="replace", newline="")
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._line = 0
        self._garbled = False
        self._ended = False
        self._lost_quotes = 0

    @property
    def position(self) -> int:
        """How many bytes of the file have been read, for progress."""
        return self._binary.tell()

    def detach(self) -> None:
        """Let go of the file without closing it."""
        self._text.detach()

    def __iter__(self) -> Iterator[Record]:
        while not self._ended:
            # Strict, so that a lost quote shows at the next quote instead of swallowing the lines up to it.
            rows = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
            try:
                for cells in rows:
                    if any(cells) and not all(cell.isspace() or not cell for cell in cells):
                        yield Record(self._line - len(self._record) + 1, cells, self._problem())
                    self._record.clear()
                    self._garbled = False
            except (csv.Error, _LostQuoteError):
                yield self._give_up_line()

    def _problem(self) -> str:
        return UNDECODABLE.format(encoding=self._encoding.upper()) if self._garbled else ""

    def _lines(self) -> Iterator[str]:
        """Feed the parser, keeping the lines of the record that it is in."""
        record = self._record
        size = 0
        while True:
            line = self._again.popleft() if self._again else self._read_line()
            if not line:
                self._ended = True
                return
            self._line += 1
            size = size + len(line) if record else len(line)
            record.append(line)
            if not line.isascii() and "\ufffd" in line:
                self._garbled = True
            if size > MAX_RECORD or len(record) > MAX_RECORD_LINES:
                raise _LostQuoteError
            yield line

    def _read_line(self) -> str:
        line = self._text.readline(MAX_RECORD + 1)
        if len(line) > MAX_RECORD and not line.endswith(("\n", "\r")):
            while (rest := self._text.readline(MAX_RECORD)) and not rest.endswith(("\n", "\r")):
                pass
        return line

    def _give_up_line(self) -> Record:
        """Report the first line of the record as lost and read the others once more."""
        first, *others = self._record
        at_end = self._ended
        number = self._line - len(others)
        self._again.extendleft(reversed(others))
        self._line = number
        self._record.clear()
        self._garbled = False
        self._ended = False
        problem = NEVER_CLOSED if others or at_end else MISPLACED
        if len(first) > MAX_RECORD:
            problem = TOO_LONG
        self._lost_quotes += bool(others)
        if self._lost_quotes > MAX_LOST_QUOTES:
            raise UnreadableFile(
                f"More than {MAX_LOST_QUOTES} lines have a quote that is never closed, the last one is line {number:,}. "
                "The file may use another quoting than CSV's."
            )
        cells = first.rstrip("\r\n").split(self._delimiter)
        return Record(number, cells, problem)
