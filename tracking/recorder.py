"""Hits on their way to safety: grouped into Redis, and into PostgreSQL while Redis is away.

Whoever records a hit waits until it is acknowledged. What arrives while a group is under way forms the next one, so groups
grow with the load by themselves. A group whose acknowledgement is lost is written again to PostgreSQL; the hit's id makes
sure that it counts once.
"""

import asyncio
import contextlib
import logging

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError

from tracking.chunks import HITS_KEY

logger = logging.getLogger(__name__)

REPLY_SECONDS = 1.0
RECONNECT_SECONDS = 0.5
GROUP_LIMIT = 1000


class NotRecordedError(Exception):
    """Neither Redis nor PostgreSQL took the hit."""


class Recorder:
    """Takes hits from one event loop; `start` and `stop` belong to the loop's life."""

    def __init__(self, *, redis_url: str, pool: AsyncConnectionPool) -> None:
        self._redis = ConnectionPool.from_url(
            redis_url, socket_connect_timeout=REPLY_SECONDS, socket_timeout=REPLY_SECONDS, protocol=2
        )
        self._pool = pool
        self._connection: AbstractConnection | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._reconnecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect to Redis if it is there, and begin to take hits."""
        await self._try_to_connect()
        if self._connection is None:
            self._reconnect()
        self._tasks.append(asyncio.create_task(self._run()))

    async def stop(self) -> None:
        """Write what waits, and let the connections go."""
        for task in [*self._tasks, self._reconnecting]:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._write_waiting()
        await self._drop_connection()

    def record(self, hit: bytes) -> asyncio.Future[None]:
        """Take a hit; the future ends when it is safe, or with NotRecordedError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((hit, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._write_waiting()

    async def _write_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP_LIMIT], self._waiting[GROUP_LIMIT:]
            error: NotRecordedError | None = None
            try:
                await self._write([hit for hit, _ in group])
            except NotRecordedError as failure:
                error = failure
            for _, future in group:
                if not future.done():
                    if error is None:
                        future.set_result(None)
                    else:
                        future.set_exception(error)

    async def _write(self, hits: list[bytes]) -> None:
        if not await self._write_to_redis(hits):
            await self._write_to_postgres(hits)

    async def _write_to_redis(self, hits: list[bytes]) -> bool:
        connection = self._connection
        if connection is None:
            return False
        try:
            await connection.send_packed_command([_push(hits)], check_health=False)
            await connection.read_response()
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("Redis does not take hits (%s); they go to PostgreSQL.", error)
            await self._drop_connection()
            self._reconnect()
            return False
        return True

    async def _write_to_postgres(self, hits: list[bytes]) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO tracking_bufferedhit (data) SELECT unnest(%s::bytea[])", [hits], prepare=True
                )
        except (psycopg.Error, PoolTimeout, OSError) as error:
            logger.exception("Neither Redis nor PostgreSQL takes hits; %d are lost.", len(hits))
            raise NotRecordedError(str(error)) from error

    async def _try_to_connect(self) -> None:
        connection: AbstractConnection = self._redis.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect_check_health(check_health=False, retry_socket_connect=False)
            await connection.send_command("PING")
            await connection.read_response()
        except (RedisError, OSError, TimeoutError):
            with contextlib.suppress(Exception):
                await connection.disconnect(nowait=True)
            return
        self._connection = connection

    def _reconnect(self) -> None:
        if self._reconnecting is None or self._reconnecting.done():
            self._reconnecting = asyncio.create_task(self._keep_connecting())

    async def _keep_connecting(self) -> None:
        while self._connection is None:
            await asyncio.sleep(RECONNECT_SECONDS)
            await self._try_to_connect()
        logger.warning("Redis takes hits again.")

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await connection.disconnect(nowait=True)


def _push(hits: list[bytes]) -> bytes:
    """Return one RPUSH of all hits in Redis's wire format (RESP2)."""
    parts = [b"*%d\r\n$5\r\nRPUSH\r\n$%d\r\n%b\r\n" % (len(hits) + 2, len(HITS_KEY), HITS_KEY)]
    parts += [b"$%d\r\n%b\r\n" % (len(hit), hit) for hit in hits]
    return b"".join(parts)
