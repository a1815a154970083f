"""Where is it played? Some processes on one database, one clock, and hands that cut connections."""

import asyncio
import calendar
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import psycopg
from tests.carriers.scripted import ScriptedCarrier
from tests.cast import INVARIANTS, Person
from tests.conftest import started
from tests.moving import START, Clock, MovingWorld, with_clock

from nambari.api.app import application, with_request_id
from nambari.settings import Settings

PROCESSES = 3
CONNECTIONS = 4
SETTLED_WITHIN_SECONDS = 10.0

_BROKEN = " UNION ALL ".join(
    f"SELECT $${meaning}$$ WHERE EXISTS ({violations})" for meaning, violations in INVARIANTS.items()
)


class Broken(AssertionError):
    """Something is not as it must be."""


def expect(*, that: bool, else_tell: str) -> None:
    if not that:
        raise Broken(else_tell)


@dataclass
class Town:
    """`people` may ask any of the processes, `worlds`. The operator's hand is at the first."""

    worlds: list[MovingWorld]
    clock: Clock
    admin: psycopg.Connection[Any]
    carrier: ScriptedCarrier
    clients: dict[tuple[str, int], httpx2.AsyncClient] = field(default_factory=dict)
    cut_off: list[int] = field(default_factory=list)

    @property
    def world(self) -> MovingWorld:
        return self.worlds[0]

    def client(self, person: Person, place: int) -> httpx2.AsyncClient:
        found = self.clients.get((person.api_key, place))
        if found is None:
            found = self.clients[person.api_key, place] = self.worlds[place].client(person.api_key)
        return found

    def cut(self, random: Random) -> str:
        """One or two connections end as if their backend had died, rather those that are at work."""
        backends = self.admin.execute(
            "SELECT pid, state = 'active' OR state LIKE 'idle in%' FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            " ORDER BY 2 DESC NULLS LAST, 1"
        ).fetchall()
        busy = [pid for pid, at_work in backends if at_work] or [pid for pid, _ in backends]
        chosen = random.sample(busy, min(len(busy), random.choice((1, 1, 2))))
        for pid in chosen:
            self.admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        self.cut_off += chosen
        return f"{len(chosen)} of {len(backends)} connections cut"

    async def recover(self) -> None:
        """Until what was cut is gone, and each process has taken note of it."""
        if not self.cut_off:
            return
        await eventually_true(self._gone)
        self.cut_off.clear()
        for world in self.worlds:
            await eventually_true(lambda world=world: _all_answer(world))

    async def _gone(self) -> bool:
        there = self.admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY (%s)", [self.cut_off])
        return there.fetchone() is None

    async def assert_invariants(self) -> None:
        async with self.world.services.database.reading() as connection:
            broken = [row[0] for row in await connection.fetch(_BROKEN)]
        expect(that=not broken, else_tell=f"invariants do not hold: {broken}")

    async def forget_people(self) -> None:
        for client in self.clients.values():
            await client.aclose()
        self.clients.clear()
        await self.world.close()
        self.world.people.clear()


async def eventually_true(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SETTLED_WITHIN_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the database tells nobody: it has to be asked
            await asyncio.sleep(0.002)


async def _all_answer(world: MovingWorld) -> bool:
    async def answers() -> None:
        async with world.services.database.reading() as connection:
            await connection.fetchval("SELECT 1")

    told = await asyncio.gather(*(answers() for _ in range(CONNECTIONS)), return_exceptions=True)
    return not any(isinstance(each, BaseException) for each in told)


@asynccontextmanager
async def town(dsn: str) -> AsyncIterator[Town]:
    settings = Settings(
        data_dir=Path("/nonexistent"),
        database_connections=CONNECTIONS,
        aging_days=("GB/mobile=3",),
        key_cache_seconds=0.9,
    )
    clock = Clock()
    async with AsyncExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        admin.execute("INSERT INTO rates VALUES ('GB', 'local', 100, 250)")
        carrier = ScriptedCarrier()
        worlds = []
        for _ in range(PROCESSES):
            app = application(settings, dsn)
            await stack.enter_async_context(started(app))
            app.state.services = replace(with_clock(app.state.services, clock), carriers={carrier.name: carrier})
            worlds.append(MovingWorld(app.state.services, with_request_id(app), clock=clock))
        made = Town(worlds, clock, admin, carrier)
        yield made
        await made.forget_people()


def open_at(town: Town, random: Random) -> None:
    """Some time of some year, at the end of a month more often than not."""
    year, month = random.choice((2026, 2027, 2028)), random.randint(1, 12)
    last = calendar.monthrange(year, month)[1]
    town.clock.now = START.replace(year=year, month=month, day=random.choice((last, last, random.randint(1, last))))
