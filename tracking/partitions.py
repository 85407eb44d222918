"""The event store's monthly partitions: made ahead, made on demand, and let go by detaching.

A partition is built beside the table and then attached, which doesn't lock readers or writers out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

# Of pg_advisory_xact_lock: one maker of partitions at a time.
PARTITION_LOCK = 0x64726D70
_NAME = re.compile(r"tracking_event_(\d{4})_(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    number: int

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def table(self) -> str:
        return f"tracking_event_{self.year:04}_{self.number:02}"

    def plus(self, months: int) -> "Month":
        """Return the month so many later (earlier if negative)."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)


def month_of(at: datetime) -> Month:
    """Return the month of a moment."""
    in_utc = at.astimezone(UTC)
    return Month(in_utc.year, in_utc.month)


def existing_months() -> list[Month]:
    """Return the months that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
            WHERE inhparent = 'tracking_event'::regclass AND NOT inhdetachpending
            """
        )
        names = [_NAME.fullmatch(name) for (name,) in cursor.fetchall()]
    return sorted(Month(int(match[1]), int(match[2])) for match in names if match)


def ensure_months(months: Iterable[Month]) -> list[Month]:
    """Make the partitions that are missing and return their months.  Safe from several processes at once."""
    wanted = set(months)
    if not wanted.difference(existing_months()):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITION_LOCK])
        missing = sorted(wanted.difference(existing_months()))
        for month in missing:
            # Names and bounds are made from numbers alone.
            cursor.execute(f"CREATE TABLE {month.table} (LIKE tracking_event INCLUDING ALL)")
            cursor.execute(
                f"ALTER TABLE tracking_event ATTACH PARTITION {month.table} "
                f"FOR VALUES FROM ('{month.start:%Y-%m-%d} 00:00:00+00') TO ('{month.plus(1).start:%Y-%m-%d} 00:00:00+00')"
            )
    return missing


def drop_month(month: Month) -> None:
    """Detach a partition without locking the others' readers out, then drop it.  Must not run inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE tracking_event DETACH PARTITION {month.table} CONCURRENTLY")
        cursor.execute(f"DROP TABLE {month.table}")
