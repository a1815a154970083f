"""How do we reach PostgreSQL? One pool, and what a failure of the database looks like from outside.

No statement lives here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import msgspec

from nambari.db.pool import Pool

Connection: TypeAlias = Any
"""A connection of the driver, which comes without types of its own."""


class DatabaseUnavailable(RuntimeError):
    """The database cannot be reached, is starting or stopping, or did not answer in time."""


class Conflict(RuntimeError):
    """A constraint refused a write that a decision on stale facts had asked for; `constraint` names it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


_UNREACHABLE = (
    asyncpg.PostgresConnectionError,  # class 08: cut, refused
    asyncpg.OperatorInterventionError,  # class 57: stopping, starting, cancelled by its time-out
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.TransactionRollbackError,  # class 40: a deadlock that the database broke
    asyncpg.LockNotAvailableError,  # a lock that another kept for too long
    asyncpg.InterfaceError,  # the driver's own word for a connection that is gone
    ConnectionError,
    TimeoutError,
)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """The driver's exceptions in our words, so that nobody outside db needs to know the driver."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise Conflict(error.constraint_name or "") from error
    except _UNREACHABLE as error:
        raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error


@asynccontextmanager
async def _reaching() -> AsyncIterator[None]:
    """As `translated`, while a connection is being made: whatever the system refuses then, the database is away.

    Later an OSError may be the caller's own, as of a file that is being imported.
    """
    async with translated():
        try:
            yield
        except OSError as error:
            raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=_to_json, decoder=msgspec.json.decode, schema="pg_catalog")


def _to_json(value: Any) -> str:
    """Records, dates and all: instants come out as RFC 3339 with Z."""
    return msgspec.json.encode(value).decode()


async def fetch_planned_for(connection: Connection, statement: str, *values: Any) -> list[Any]:
    """The rows, by a plan made for these very values: for where one plan for all values is poor for most of them."""
    prepared = await connection.prepare(statement)
    rows: list[Any] = await prepared.fetch(*values)
    return rows


async def connect(dsn: str, *, connections: int, timeout_seconds: float) -> Pool:
    """A pool of at most `connections`, one of them open: it shows that there is a database. Raises DatabaseUnavailable.

    Sessions carry no state: no SET, no LISTEN, no temporary table on its connections, so that nothing has to be
    reset between their users, which would be a round trip for each.
    """

    async def open_connection() -> Connection:
        connection = await asyncpg.connect(
            dsn,
            timeout=timeout_seconds,
            command_timeout=timeout_seconds,
            server_settings={"application_name": "nambari", "timezone": "UTC", "jit": "off"},
        )
        await _prepare(connection)
        return connection

    pool = Pool(open_connection, connections, timeout_seconds)
    async with _reaching():
        pool.give(await pool.take())
    return pool


class Database:
    """The pool, with the wait for a connection bounded: a full pool queues, then says so."""

    def __init__(self, pool: Pool, dsn: str, timeout_seconds: float) -> None:
        self._pool = pool
        self._dsn = dsn
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        async with _reaching():
            connection = await self._pool.take()
        async with translated():
            try:
                yield connection
            except (asyncio.CancelledError, TimeoutError):
                await self._pool.abandon(connection)  # its statement may still be running
                raise
            except BaseException:
                self._pool.give(connection)
                raise
            self._pool.give(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back if an exception passes."""
        async with self.reading() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def bulk(self) -> AsyncIterator[Connection]:
        """A connection of its own, outside the pool, for work of minutes: imports and exports."""
        async with _reaching():
            connection = await asyncpg.connect(self._dsn, timeout=self._timeout_seconds)
        async with translated():
            try:
                await _prepare(connection)
                yield connection
            finally:
                await connection.close(timeout=self._timeout_seconds)

    async def close(self) -> None:
        await self._pool.close()
