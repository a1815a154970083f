"""What is everything else given? The database, the clock, new ids: built here once, from the settings."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from typeid import TypeID

from nambari.db import embedded, engine
from nambari.db.engine import Database
from nambari.domain.access import SECRET_LENGTH, SECRET_LETTERS
from nambari.settings import Settings


def read_clock() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A TypeID: the prefix and a UUIDv7, so that later ids sort later."""
    return str(TypeID(prefix=prefix))


def new_secret_letters() -> str:
    return "".join(secrets.choice(SECRET_LETTERS) for _ in range(SECRET_LENGTH))


def new_secret_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    clock: Callable[[], datetime] = read_clock
    new_id: Callable[[str], str] = new_id


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL we use: `dsn` reaches it; `close` leaves it, and stops it if it is embedded and we are last."""

    dsn: str
    close: Callable[[], None]


def attach_server(settings: Settings) -> Server:
    """The server that the settings name, or the embedded one, started if need be. Blocks while it starts."""
    if settings.database_url:
        return Server(settings.database_url, lambda: None)
    server = embedded.attach(settings.data_dir)
    return Server(server.dsn, server.close)


@asynccontextmanager
async def open_services(settings: Settings, dsn: str) -> AsyncIterator[Services]:
    pool = await engine.connect(
        dsn,
        connections=settings.database_connections,
        timeout_seconds=settings.database_timeout_seconds,
    )
    database = Database(pool, dsn, settings.database_timeout_seconds)
    try:
        yield Services(settings, database)
    finally:
        await database.close()
