"""Set-based changes that would drown the audit trail: imports, engagement, the removal of a field's values."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def unaudited() -> Iterator[None]:
    """Run the block in a transaction whose changes the audit triggers leave alone; what comes after it is audited again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('drumbeat.bulk', true), '')")
        (before,) = cursor.fetchone()
        cursor.execute("SELECT set_config('drumbeat.bulk', 'on', true)")
        yield
        cursor.execute("SELECT set_config('drumbeat.bulk', %s, true)", [before])
