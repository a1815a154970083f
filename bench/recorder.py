"""What does the service ask of PostgreSQL? Each request's statements with their values, as the driver is given them.

Recorded from the real application, so that what pgbench runs beside it can never be another statement.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from nambari import logs
from nambari.api.app import application, with_request_id
from nambari.settings import Settings


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `types` are those that PostgreSQL gives its parameters."""

    sql: str
    values: tuple[Any, ...]
    types: tuple[str, ...]


@dataclass(slots=True)
class Recorder:
    """A connection that notes what it is asked, and asks it."""

    connection: Any
    statements: list[Statement] = field(default_factory=list)

    async def _note(self, sql: str, values: tuple[Any, ...]) -> None:
        prepared = await self.connection.prepare(sql)
        types = tuple(f"{each.schema}.{each.name}" for each in prepared.get_parameters())
        self.statements.append(Statement(sql, values, types))

    async def fetch(self, sql: str, *values: Any) -> Any:
        await self._note(sql, values)
        return await self.connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        await self._note(sql, values)
        return await self.connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        await self._note(sql, values)
        return await self.connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        await self._note(sql, values)
        return await self.connection.execute(sql, *values)

    async def prepare(self, sql: str) -> "_Prepared":
        return _Prepared(self, sql)

    def transaction(self) -> Any:
        return self.connection.transaction()


@dataclass(frozen=True, slots=True)
class _Prepared:
    recorder: Recorder
    sql: str

    async def fetch(self, *values: Any) -> Any:
        return await self.recorder.fetch(self.sql, *values)


@dataclass(frozen=True, slots=True)
class _RecordingDatabase:
    database: Any
    statements: list[Statement]

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Recorder]:
        async with self.database.reading() as connection:
            yield Recorder(connection, self.statements)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Recorder]:
        async with self.database.writing() as connection:
            yield Recorder(connection, self.statements)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request's answer, and the statements it took; the key's own look-up, which is cached, is not among them."""

    status: int
    body: bytes
    statements: list[Statement]


@dataclass(frozen=True, slots=True)
class Recording:
    """The application, in this process, with its database tapped."""

    client: httpx2.AsyncClient
    statements: list[Statement]

    async def ask(self, method: str, path: str, secret: str, body: Any = None, key: str | None = None) -> Exchange:
        headers = {"x-api-key": secret} | ({"idempotency-key": key} if key else {})
        await self.client.get("/v1/phone-numbers/pn_none", headers=headers)  # so that the key is cached
        self.statements.clear()
        answer = await self.client.request(method, path, headers=headers, json=body)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path} was answered with {answer.status_code}: {answer.text}")
        return Exchange(answer.status_code, answer.content, list(self.statements))


@asynccontextmanager
async def recording(settings: Settings, dsn: str) -> AsyncIterator[Recording]:
    logs.configure("info")
    app = application(settings, dsn)
    async with app.lifespan():
        statements: list[Statement] = []
        tapped: Any = _RecordingDatabase(app.state.services.database, statements)
        app.state.services = replace(app.state.services, database=tapped)
        transport = httpx2.ASGITransport(app=with_request_id(app))  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=transport, base_url="http://bench.test") as client:
            yield Recording(client, statements)
