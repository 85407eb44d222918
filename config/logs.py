"""Log lines: for people or as JSON, never with a person's address in them."""

import logging
import re

from pythonjsonlogger.json import JsonFormatter

# Loose on purpose: an address in the text of some library's or server's error is personal data all the same.
_ADDRESS = re.compile(r"""[^\s\\@<>()\[\]"',;:=]+@([^\s\\@<>()\[\]"',;:=]+\.[^\s\\@<>()\[\]"',;:=]*[^\W_])""")


def without_addresses(text: str) -> str:
    """Return a text in which each mail address is cut to its domain, as in …@example.com."""
    return _ADDRESS.sub(r"…@\1", text)


class LineFormatter(logging.Formatter):
    """One line a record, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and its traceback below it."""
        return without_addresses(super().format(record))


class ObjectFormatter(JsonFormatter):
    """One JSON object a record, for machines: timestamp, level, logger, message, process, and exc_info of an exception."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s %(process)d",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
            json_ensure_ascii=False,
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return without_addresses(super().format(record))
