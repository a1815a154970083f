"""How do we reach PostgreSQL? One pool, and what a failure of the database looks like from outside.

No statement lives here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import msgspec

Connection: TypeAlias = Any
"""A connection of the driver, which comes without types of its own."""

Pool: TypeAlias = Any


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
    asyncpg.InterfaceError,  # the driver's own word for a connection that is gone
    OSError,  # TimeoutError among them
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


async def _no_reset(_connection: Any) -> None:
    """Sessions carry no state here: no SET, no LISTEN, no temporary table on pooled connections.

    The driver's own reset is a round trip after every statement, a third of the cost of a get.
    """


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=_to_json, decoder=msgspec.json.decode, schema="pg_catalog")


def _to_json(value: Any) -> str:
    """Records, dates and all: instants come out as RFC 3339 with Z."""
    return msgspec.json.encode(value).decode()


async def connect(dsn: str, *, connections: int, timeout_seconds: float) -> Pool:
    """A pool of at most `connections`, opened as they are needed. Raises DatabaseUnavailable."""
    async with translated():
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=connections,
            timeout=timeout_seconds,
            command_timeout=timeout_seconds,
            init=_prepare,
            reset=_no_reset,
            server_settings={"application_name": "nambari", "timezone": "UTC", "jit": "off"},
        )


class Database:
    """The pool, with the wait for a connection bounded: a full pool queues, then says so."""

    def __init__(self, pool: Pool, timeout_seconds: float) -> None:
        self._pool = pool
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        async with translated(), self._pool.acquire(timeout=self._timeout_seconds) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back if an exception passes."""
        async with self.reading() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        await self._pool.close()
