"""How do we reach PostgreSQL? One pool, and what a failure of the database looks like from outside.

No statement lives here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
import msgspec

from nambari import traces
from nambari.db.pool import Pool, Use
from nambari.db.traced import TracedConnection, statement

Connection: TypeAlias = Any
"""A connection of the driver, which comes without types of its own."""


class DatabaseUnavailable(RuntimeError):
    """The database cannot be reached, is starting or stopping, or did not answer in time."""


class Deadlock(DatabaseUnavailable):
    """The database undid this transaction, as it and another waited for each other: it can be done once more."""


class Conflict(RuntimeError):
    """A constraint refused a write that a decision on stale facts had asked for; `constraint` names it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


_UNREACHABLE = (
    asyncpg.PostgresConnectionError,  # class 08: cut, refused
    asyncpg.OperatorInterventionError,  # class 57: stopping, starting, cancelled by its time-out
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.TransactionRollbackError,  # class 40
    asyncpg.LockNotAvailableError,  # a lock that another kept for too long
    asyncpg.ReadOnlySQLTransactionError,  # a standby, which was the primary or is still to become it
    asyncpg.InterfaceError,  # the driver's own word for a connection that is gone
    asyncpg.InternalClientError,  # and for one that was told of its end, and has not seen it yet
    ConnectionError,
    TimeoutError,
)


def _in_our_words(error: BaseException) -> Exception | None:
    """What the driver's exception means to those who need not know the driver; None if it is none of its own."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Conflict(error.constraint_name or "")
    if isinstance(error, asyncpg.DeadlockDetectedError):
        return Deadlock(f"{type(error).__name__}: {error}")
    if isinstance(error, _UNREACHABLE):
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
    return None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """The driver's exceptions in our words."""
    try:
        yield
    except Exception as error:
        told = _in_our_words(error)
        if told is None:
            raise
        raise told from error


@asynccontextmanager
async def _reaching() -> AsyncIterator[None]:
    """As `translated`, while a connection is being made: whatever the system refuses then, the database is away.

    Later an OSError may be the caller's own, as of a file that is being imported.
    """
    async with translated():
        try:
            yield
        except (OSError, asyncpg.PostgresError) as error:  # the latter: wrong password, no such database, no right
            raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error
        except (ValueError, OverflowError):
            # Not told further: where a password has a / or : in it, the error quotes it as the port.
            raise DatabaseUnavailable(
                "its URL cannot be read; letters like @ : / in a password are written %40 %3A %2F"
            ) from None


STATEMENTS_KEPT = 100
"""How many prepared statements the driver keeps for each connection; as it does by itself."""
_SESSION = {"application_name": "nambari", "timezone": "UTC", "datestyle": "ISO", "jit": "off"}
"""What every session is set to, whatever the server's own settings are: instants come as text, and are read so."""
_SESSION_OF_POOLER = {name: value for name, value in _SESSION.items() if name != "jit"}
"""The same of a session with PgBouncer, which refuses what it cannot keep apart: `jit` is set where it connects."""


def _bounds(timeout_seconds: float) -> dict[str, str]:
    """What the server does by itself when it hears no more of us, as no end of a connection comes through a cut cable.

    A transaction that we left in the middle is undone, and lets go of its locks, when we have given it up too. The
    connection itself is closed within a minute, where the system's own patience is two hours.
    """
    return {
        "idle_in_transaction_session_timeout": str(round(timeout_seconds * 1000)),
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=to_json, decoder=msgspec.json.decode, schema="pg_catalog")
    # As text: a list of 50 has 150 instants, and the driver's own decoder takes twice as long for each.
    await connection.set_type_codec(
        "timestamptz", encoder=datetime.isoformat, decoder=datetime.fromisoformat, schema="pg_catalog"
    )


def to_json(value: Any) -> str:
    """As jsonb is written. Records, dates and all: instants come out as RFC 3339 with Z."""
    return msgspec.json.encode(value).decode()


async def fetch_planned_for(connection: Connection, sql: str, *values: Any) -> list[Any]:
    """The rows, by a plan made for these very values: for where one plan for all values is poor for most of them."""
    with statement("search"):
        prepared = await connection.prepare(sql)
        rows: list[Any] = await prepared.fetch(*values)
        return rows


async def connect(dsn: str, *, connections: int, timeout_seconds: float, pooled: bool = False) -> Pool:
    """A pool of at most `connections`, one of them open: it shows that there is a database. Raises DatabaseUnavailable.

    Sessions carry no state: no SET, no LISTEN, no temporary table on its connections, so that nothing has to be
    reset between their users, which would be a round trip for each. `pooled`: at `dsn` is a pooler that gives each
    transaction any of its sessions, so that not even a prepared statement is there for the next one.
    """
    pool = make_pool(dsn, connections=connections, timeout_seconds=timeout_seconds, pooled=pooled)
    async with _reaching():
        pool.give(await pool.take())
    return pool


def make_pool(dsn: str, *, connections: int, timeout_seconds: float, pooled: bool = False) -> Pool:
    """As `connect`, of a server that need not be there yet."""

    async def open_connection() -> Connection:
        connection = await asyncpg.connect(
            dsn,
            timeout=timeout_seconds,
            command_timeout=timeout_seconds,
            server_settings=_SESSION_OF_POOLER if pooled else _SESSION | _bounds(timeout_seconds),
            statement_cache_size=0 if pooled else STATEMENTS_KEPT,
            connection_class=TracedConnection if traces.are_on() else asyncpg.Connection,
        )
        try:
            await _prepare(connection)
        except BaseException:
            connection.terminate()  # nobody else would: the loop keeps it open
            raise
        return connection

    return Pool(open_connection, connections, timeout_seconds)


class Loan:
    """A connection from the pool, while a block lasts. Written out, as nested generators cost 10 µs of each request."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        self._connection = self._pool.take_idle()
        if self._connection is None:
            async with _reaching():
                self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None:
            self._pool.give(self._connection)
            return
        if isinstance(error, asyncio.CancelledError | TimeoutError):
            await self._pool.abandon(self._connection)  # its statement may still be running
        elif isinstance(error, asyncpg.InternalClientError | asyncpg.ReadOnlySQLTransactionError):
            self._pool.discard(self._connection)  # it is ending, and does not say so; or leads to a standby
        else:
            self._pool.give(self._connection)
        told = _in_our_words(error)
        if told is not None:
            raise told from error


class Database:
    """The pool, with the wait for a connection bounded: a full pool queues, then says so.

    `dsn` is of the server itself, also where the pool's connections go to a pooler.
    """

    def __init__(self, pool: Pool, dsn: str, timeout_seconds: float) -> None:
        self._pool = pool
        self._dsn = dsn
        self._timeout_seconds = timeout_seconds

    @property
    def use(self) -> Use:
        """How far the pool is used."""
        return self._pool.use

    def reading(self) -> "Loan":
        """A connection on which each statement is a transaction of its own."""
        return Loan(self._pool)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back if an exception passes."""
        async with self.reading() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def bulk(self) -> AsyncIterator[Connection]:
        """A connection of its own to the server itself, for work of minutes that keeps a session: imports, exports."""
        async with _reaching():
            connection = await asyncpg.connect(self._dsn, timeout=self._timeout_seconds, server_settings=_SESSION)
        async with translated():
            try:
                await _prepare(connection)
                yield connection
            finally:
                await connection.close(timeout=self._timeout_seconds)

    async def close(self) -> None:
        await self._pool.close()
