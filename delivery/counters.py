"""Numbers per hour, written in the same transaction as the facts they count.

Rows are updated in the order of their keys, so that two writers never wait for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

MAILING_COLUMNS = [
    "queued",
    "accepted",
    "deferred",
    "failed",
    "skipped",
    "cancelled",
    "unknown",
    "bounced",
    "complained",
    "unsubscribed",
    "opens_human",
    "opens_all",
    "clicks_human",
    "clicks_all",
    "opened_human",
    "opened_any",
    "clicked_human",
    "clicked_any",
]
MAILBOX_COLUMNS = ["accepted", "deferred", "failed", "bounced", "unknown"]
RESPONSE_COLUMNS = [
    "sent",
    "opened",
    "opened_any",
    "clicked",
    "clicked_any",
    "linked",
    "replied",
    "converted",
    "unsubscribed",
    "complained",
    "bounced",
]


class Slot(NamedTuple):
    """One row of counters: a mailing (or mailbox) and the start of an hour."""

    owner_id: int
    hour: datetime


class ResponseSlot(NamedTuple):
    """One row of responses: the messages of a mailing and stratum accepted in an hour, and how long after it (`lag`)."""

    mailing_id: int
    stratum: int
    sent_hour: datetime
    lag: int


def hour_of(moment: datetime) -> datetime:
    """Return the start of the moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


class Tally:
    """Signed changes, gathered in Python and written by one statement a table."""

    def __init__(self) -> None:
        self._mailings: dict[Slot, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._mailboxes: dict[Slot, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._responses: dict[ResponseSlot, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def mailing(self, mailing_id: int, at: datetime, column: str, amount: int = 1) -> None:
        """Count for a mailing in the hour of `at`."""
        self._mailings[Slot(mailing_id, hour_of(at))][column] += amount

    def mailbox(self, mailbox_id: int, at: datetime, column: str, amount: int = 1) -> None:
        """Count for a mailbox in the hour of `at`."""
        self._mailboxes[Slot(mailbox_id, hour_of(at))][column] += amount

    def response(self, slot: ResponseSlot, column: str, amount: int = 1) -> None:
        """Count what messages led to."""
        self._responses[slot][column] += amount

    def write(self) -> None:
        """Add everything to the tables, in the caller's transaction."""
        _add("delivery_counter", _MAILING_KEY, MAILING_COLUMNS, self._mailings)
        _add("delivery_mailboxcounter", _MAILBOX_KEY, MAILBOX_COLUMNS, self._mailboxes)
        _add("delivery_responsecounter", _RESPONSE_KEY, RESPONSE_COLUMNS, self._responses)
        self._mailings.clear()
        self._mailboxes.clear()
        self._responses.clear()


# The columns that name a row of each table, with their types.
_MAILING_KEY = {"mailing_id": "bigint", "hour": "timestamptz"}
_MAILBOX_KEY = {"mailbox_id": "bigint", "hour": "timestamptz"}
_RESPONSE_KEY = {"mailing_id": "bigint", "stratum": "smallint", "sent_hour": "timestamptz", "lag": "smallint"}


def _add[S: tuple[Any, ...]](
    table: str, key: Mapping[str, str], columns: list[str], changes: Mapping[S, Mapping[str, int]]
) -> None:
    slots = sorted(slot for slot, numbers in changes.items() if any(numbers.values()))
    if not slots:
        return
    used = [column for column in columns if any(changes[slot].get(column) for slot in slots)]
    names, owners = ", ".join(used), ", ".join(key)
    arrays = ", ".join([*(f"%s::{kind}[]" for kind in key.values()), *["%s::int[]"] * len(used)])
    updates = ", ".join(f"{column} = counter.{column} + excluded.{column}" for column in used)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} AS counter ({owners}, {names})
            SELECT * FROM unnest({arrays}) AS change ({owners}, {names}) ORDER BY {owners}
            ON CONFLICT ({owners}) DO UPDATE SET {updates}
            """,  # noqa: S608 - names of this module
            [
                *(list(values) for values in zip(*slots, strict=True)),
                *[[changes[slot].get(column, 0) for slot in slots] for column in used],
            ],
        )
