"""PostgreSQL's array literals, made at the speed of C: for arrays of hundreds of values that go into one statement.

psycopg dumps an array value by value in Python, which costs more than what PostgreSQL then does with it.  Pass the text as a
parameter and cast it: `unnest(%s::bigint[], %s::text[])`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime


def numbers(values: Iterable[int | None]) -> str:
    """Return the literal of an array of integers; None is NULL."""
    return f"{{{','.join(map(str, values))}}}".replace("None", "NULL")


def texts(values: Iterable[str]) -> str:
    """Return the literal of an array of texts, which hold no NUL (PostgreSQL has none)."""
    quoted = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


def moments(values: Collection[datetime]) -> str:
    """Return the literal of an array of timestamps with their zones; moments that repeat are written once."""
    written = {value: value.isoformat() for value in set(values)}
    return f"{{{','.join([written[value] for value in values])}}}"
