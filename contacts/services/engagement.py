"""What delivery and tracking learn about contacts, kept on their rows so that segments need no join."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

from django.db import connection, transaction

from contacts.unaudited import unaudited
from core.literals import moments, numbers

Column = Literal["last_opened_at", "last_clicked_at"]


@transaction.atomic
def record_engagement(*, opened: Mapping[int, datetime], clicked: Mapping[int, datetime]) -> None:
    """Keep the latest open and click (by a human) of each contact, given by its id.  Earlier moments change nothing."""
    _keep_latest("last_opened_at", opened)
    _keep_latest("last_clicked_at", clicked)


@transaction.atomic
def record_sent(*, contact_ids: Collection[int], at: datetime) -> None:
    """Keep `at` as the last time these contacts were sent to, unless they were later."""
    if not contact_ids:
        return
    with unaudited(), connection.cursor() as cursor:
        # As in `_keep_latest`, but for one moment.
        cursor.execute(
            """
            WITH earlier AS (
                SELECT c.id FROM contacts_contact c
                WHERE c.id = ANY (%(ids)s::bigint[]) AND (c.last_sent_at IS NULL OR c.last_sent_at < %(at)s)
                ORDER BY c.id
                FOR NO KEY UPDATE OF c
            )
            UPDATE contacts_contact c SET last_sent_at = %(at)s FROM earlier WHERE c.id = earlier.id
            """,
            {"ids": numbers(contact_ids), "at": at},
        )


@transaction.atomic
def correct_engagement(
    *,
    opened: Sequence[tuple[int, datetime, datetime | None]],
    clicked: Sequence[tuple[int, datetime, datetime | None]],
) -> None:
    """Replace a last open or click that turned out to be a machine's: (contact id, the wrong moment, the right one)."""
    _replace("last_opened_at", opened)
    _replace("last_clicked_at", clicked)


def _replace(column: Column, corrections: Sequence[tuple[int, datetime, datetime | None]]) -> None:
    if not corrections:
        return
    with unaudited(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH wrong AS (
                SELECT c.id, v.right_at
                FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS v (id, wrong_at, right_at)
                JOIN contacts_contact c ON c.id = v.id AND c.{column} = v.wrong_at
                ORDER BY c.id
                FOR NO KEY UPDATE OF c
            )
            UPDATE contacts_contact c SET {column} = wrong.right_at FROM wrong WHERE c.id = wrong.id
            """,  # noqa: S608 - one of two constants
            [list(values) for values in zip(*corrections, strict=True)],
        )


def _keep_latest(column: Column, latest: Mapping[int, datetime]) -> None:
    """One narrow statement: no index covers the column, so the update is HOT; rows are locked in the order of their ids."""
    if not latest:
        return
    with unaudited(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH later AS (
                SELECT c.id, v.at
                FROM unnest(%s::bigint[], %s::timestamptz[]) AS v (id, at) JOIN contacts_contact c ON c.id = v.id
                WHERE c.{column} IS NULL OR c.{column} < v.at
                ORDER BY c.id
                FOR NO KEY UPDATE OF c
            )
            UPDATE contacts_contact c SET {column} = later.at FROM later WHERE c.id = later.id
            """,  # noqa: S608 - one of two constants
            [numbers(latest), moments(latest.values())],
        )
