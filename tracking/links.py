"""Where tracked links lead: looked up once in PostgreSQL, then kept in this process."""

import asyncio
import logging
from collections import OrderedDict

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tracking.redirects import UnsafeTargetError, location_of

logger = logging.getLogger(__name__)

CACHE_SIZE = 50_000


class LookupUnavailableError(Exception):
    """PostgreSQL can't be asked now."""


class LinkDirectory:
    """Locations by link id. A link never changes, so what was found stays; what wasn't is asked again."""

    def __init__(self, pool: AsyncConnectionPool, *, size: int = CACHE_SIZE) -> None:
        self._pool = pool
        self._size = size
        self._known: OrderedDict[int, bytes] = OrderedDict()
        self._asked: dict[int, asyncio.Task[bytes | None]] = {}

    def known(self, link_id: int) -> bytes | None:
        """Return the Location if this process knows it."""
        location = self._known.get(link_id)
        if location is not None:
            self._known.move_to_end(link_id)
        return location

    async def find(self, link_id: int) -> bytes | None:
        """Return the Location; None if there is no such link or it can't be followed.  Raises LookupUnavailableError."""
        location = self.known(link_id)
        if location is not None:
            return location
        task = self._asked.get(link_id)
        if task is None:
            task = self._asked[link_id] = asyncio.create_task(self._ask(link_id))
            task.add_done_callback(lambda _: self._asked.pop(link_id, None))
        # A visitor who leaves must not end the question that others wait for.
        return await asyncio.shield(task)

    async def _ask(self, link_id: int) -> bytes | None:
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT url FROM delivery_link WHERE id = %s", [link_id], prepare=True
                )
                row = await cursor.fetchone()
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise LookupUnavailableError(str(error)) from error
        if row is None:
            return None
        try:
            location = location_of(row[0])
        except UnsafeTargetError as error:
            logger.warning("Link %d is not followed: %s", link_id, error)
            return None
        self._known[link_id] = location
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return location
