"""Counters put right after a recount: differences are added, so that what others count meanwhile is kept."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction

from delivery.counters import Tally
from delivery.responses import ResponseCell

_LINK_COLUMNS = ("clicks_human", "clicks_all", "clicked_human", "clicked_any")


@transaction.atomic
def correct_counters(
    *,
    hours: Mapping[tuple[int, datetime, str], int],
    links: Mapping[tuple[int, str], int] | None = None,
    responses: Mapping[ResponseCell, int] | None = None,
) -> None:
    """Add signed differences to counters, by (mailing, hour, column), by (link, column) and by cell."""
    tally = Tally()
    for (mailing_id, hour, column), difference in hours.items():
        tally.mailing(mailing_id, hour, column, difference)
    for cell, difference in (responses or {}).items():
        tally.response(cell.slot, cell.column, difference)
    tally.write()
    by_link: dict[int, dict[str, int]] = {}
    for (link_id, column), difference in (links or {}).items():
        by_link.setdefault(link_id, {})[column] = difference
    if not by_link:
        return
    ids = sorted(by_link)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_linkcounter AS counter (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            SELECT change.* FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
                AS change (link_id, clicks_human, clicks_all, clicked_human, clicked_any)
            JOIN delivery_link link ON link.id = change.link_id ORDER BY change.link_id
            ON CONFLICT (link_id) DO UPDATE SET
                clicks_human = counter.clicks_human + excluded.clicks_human,
                clicks_all = counter.clicks_all + excluded.clicks_all,
                clicked_human = counter.clicked_human + excluded.clicked_human,
                clicked_any = counter.clicked_any + excluded.clicked_any
            """,
            [ids, *[[by_link[link_id].get(column, 0) for link_id in ids] for column in _LINK_COLUMNS]],
        )
